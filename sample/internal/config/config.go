// Package config reads the settings of both programs from the environment.
package config

import (
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"
)

// Config holds every setting. The zero value of a field is never a default;
// Load fills them all.
type Config struct {
	Addr            string
	BaseURL         string // without a trailing slash
	DatabaseURL     string // empty: run without a database
	MigrationsDir   string
	MigrateOnStart  bool
	APIToken        string // empty: the API is open
	LogLevel        slog.Level
	LogFormat       string // "json" or "text"
	ShutdownTimeout time.Duration

	FetchTimeout      time.Duration
	FetchAllowPrivate bool

	WorkerInterval   time.Duration
	CheckInterval    time.Duration
	CheckBatch       int
	CheckConcurrency int
}

// Load reads the environment through getenv, normally os.Getenv. The error
// names every variable that is wrong, and never repeats a secret.
func Load(getenv func(string) string, defaultAddr string) (Config, error) {
	e := &env{getenv: getenv}
	cfg := Config{
		Addr:            e.addr(defaultAddr),
		DatabaseURL:     e.text("DATABASE_URL", ""),
		MigrationsDir:   e.text("MIGRATIONS_DIR", "/app/migrations"),
		MigrateOnStart:  e.flag("MIGRATE_ON_START", true),
		APIToken:        e.text("API_TOKEN", ""),
		LogLevel:        e.logLevel("LOG_LEVEL"),
		LogFormat:       e.text("LOG_FORMAT", "json"),
		ShutdownTimeout: e.duration("SHUTDOWN_TIMEOUT", 10*time.Second, 0, 10*time.Minute),

		// Bounded above so that a fetch always ends before the server's write
		// timeout cuts the connection.
		FetchTimeout:      e.duration("FETCH_TIMEOUT", 10*time.Second, 100*time.Millisecond, 20*time.Second),
		FetchAllowPrivate: e.flag("FETCH_ALLOW_PRIVATE", false),

		WorkerInterval:   e.duration("WORKER_INTERVAL", 30*time.Second, time.Second, 24*time.Hour),
		CheckInterval:    e.duration("CHECK_INTERVAL", 24*time.Hour, time.Minute, 365*24*time.Hour),
		CheckBatch:       e.number("CHECK_BATCH", 50, 1, 1000),
		CheckConcurrency: e.number("CHECK_CONCURRENCY", 4, 1, 64),
	}
	cfg.BaseURL = e.baseURL(cfg.Addr)
	if cfg.LogFormat != "json" && cfg.LogFormat != "text" {
		e.fail("LOG_FORMAT", "%q is unknown, want json or text", cfg.LogFormat)
	}
	return cfg, errors.Join(e.errs...)
}

// addr takes ADDR, or PORT as many platforms set it.
func (e *env) addr(fallback string) string {
	if addr := e.text("ADDR", ""); addr != "" {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			e.fail("ADDR", "%q is not host:port or :port", addr)
			return fallback
		}
		return addr
	}
	if port := e.text("PORT", ""); port != "" {
		if e.number("PORT", 0, 1, 65535) == 0 {
			return fallback
		}
		return ":" + port
	}
	return fallback
}

func (e *env) logLevel(key string) slog.Level {
	v := e.text(key, "info")
	var level slog.Level
	if err := level.UnmarshalText([]byte(v)); err != nil {
		e.fail(key, "%q is unknown, want debug, info, warn or error", v)
	}
	return level
}

// baseURL is what short links start with. It is configured rather than taken
// from the Host header, which is the caller's to choose.
func (e *env) baseURL(addr string) string {
	v := e.text("BASE_URL", "")
	if v == "" {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return ""
		}
		return "http://localhost:" + port
	}
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		e.fail("BASE_URL", "%q is not an http or https URL", v)
		return ""
	}
	return strings.TrimRight(v, "/")
}
