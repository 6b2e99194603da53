package config_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"example.com/gomab/shortlinks/internal/config"
)

func load(vars map[string]string) (config.Config, error) {
	return config.Load(func(key string) string { return vars[key] }, ":8080")
}

func TestDefaults(t *testing.T) {
	got, err := load(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Config{
		Addr:             ":8080",
		BaseURL:          "http://localhost:8080",
		MigrationsDir:    "/app/migrations",
		MigrateOnStart:   true,
		LogLevel:         slog.LevelInfo,
		LogFormat:        "json",
		ShutdownTimeout:  10 * time.Second,
		FetchTimeout:     10 * time.Second,
		WorkerInterval:   30 * time.Second,
		CheckInterval:    24 * time.Hour,
		CheckBatch:       50,
		CheckConcurrency: 4,
	}
	if got != want {
		t.Errorf("Load() =\n%+v\nwant\n%+v", got, want)
	}
}

func TestAddr(t *testing.T) {
	for _, tc := range []struct {
		name string
		vars map[string]string
		want string
	}{
		{"port", map[string]string{"PORT": "9000"}, ":9000"},
		{"addr", map[string]string{"ADDR": "127.0.0.1:0"}, "127.0.0.1:0"},
		{"addr wins", map[string]string{"ADDR": "[::1]:9001", "PORT": "9000"}, "[::1]:9001"},
		{"spaces", map[string]string{"PORT": " 9000 "}, ":9000"},
	} {
		cfg, err := load(tc.vars)
		if err != nil || cfg.Addr != tc.want {
			t.Errorf("%s: Addr = %q, %v, want %q", tc.name, cfg.Addr, err, tc.want)
		}
	}
}

func TestBaseURLLosesTrailingSlash(t *testing.T) {
	cfg, err := load(map[string]string{"BASE_URL": "https://sho.rt/x/"})
	if err != nil || cfg.BaseURL != "https://sho.rt/x" {
		t.Errorf("BaseURL = %q, %v", cfg.BaseURL, err)
	}
}

func TestErrorsNameEveryVariable(t *testing.T) {
	vars := map[string]string{
		"PORT":                "70000",
		"BASE_URL":            "sho.rt",
		"MIGRATE_ON_START":    "maybe",
		"LOG_LEVEL":           "loud",
		"LOG_FORMAT":          "xml",
		"SHUTDOWN_TIMEOUT":    "ten",
		"FETCH_TIMEOUT":       "5m",
		"FETCH_ALLOW_PRIVATE": "si",
		"WORKER_INTERVAL":     "1ms",
		"CHECK_INTERVAL":      "-1h",
		"CHECK_BATCH":         "0",
		"CHECK_CONCURRENCY":   "many",
	}
	_, err := load(vars)
	if err == nil {
		t.Fatal("Load() succeeded")
	}
	for key := range vars {
		if !strings.Contains(err.Error(), key+": ") {
			t.Errorf("error does not mention %s:\n%v", key, err)
		}
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != len(vars) {
		t.Errorf("error has %d lines, want %d:\n%v", lines, len(vars), err)
	}
	if _, err := load(map[string]string{"ADDR": "8080"}); err == nil || !strings.Contains(err.Error(), "ADDR: ") {
		t.Errorf("ADDR without a colon: err = %v", err)
	}
}
