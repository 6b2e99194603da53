// Command api serves the HTTP API of shortlinks.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sync/errgroup"

	"example.com/gomab/shortlinks/internal/config"
	"example.com/gomab/shortlinks/internal/fetch"
	"example.com/gomab/shortlinks/internal/httpapi"
	"example.com/gomab/shortlinks/internal/logging"
	"example.com/gomab/shortlinks/internal/metrics"
	"example.com/gomab/shortlinks/internal/migrate"
	"example.com/gomab/shortlinks/internal/server"
	"example.com/gomab/shortlinks/internal/store"
)

// version is set when a release is built: -ldflags "-X main.version=1.2.3".
var version = "dev"

func main() {
	showVersion := flag.Bool("version", false, "print the version and exit")
	flag.Parse()
	if *showVersion {
		fmt.Printf("shortlinks-api %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return
	}
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "api: unexpected argument %q; settings come from the environment\n", flag.Arg(0))
		os.Exit(2)
	}

	// As process 1 of a container nothing else would handle these signals.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, os.Getenv, os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "api: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, getenv func(string) string, logs io.Writer) error {
	cfg, err := config.Load(getenv, ":8080")
	if err != nil {
		return fmt.Errorf("configuration:\n%w", err)
	}
	log := logging.New(logs, cfg.LogFormat, cfg.LogLevel)

	st, err := store.Open(cfg.DatabaseURL, "shortlinks-api")
	if err != nil {
		return err
	}
	defer st.Close()

	if err := fetch.CheckSystemRoots(); err != nil {
		log.Warn("system certificates", "error", err)
	}
	if cfg.APIToken == "" {
		log.Warn("API_TOKEN is not set, anybody can create and delete links")
	}

	m := metrics.New("api", version)
	m.WatchPool(st.Stat)
	migrator := migrate.New(st, cfg.MigrationsDir)
	handler := httpapi.New(httpapi.Options{
		Store: st,
		Fetcher: fetch.New(fetch.Options{
			Timeout:      cfg.FetchTimeout,
			AllowPrivate: cfg.FetchAllowPrivate,
			UserAgent:    "shortlinks/" + version,
			Observe:      m.Fetch,
		}),
		Metrics: m,
		Log:     log,
		Ready:   migrator.Check, // needs the database to find out
		Version: version,
		BaseURL: cfg.BaseURL,
		Token:   cfg.APIToken,
	})

	ln, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return err
	}
	log.Info("starting", "version", version, "go", runtime.Version(), "database", st.Configured(),
		"migrations_dir", cfg.MigrationsDir, "base_url", cfg.BaseURL)

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return server.Serve(ctx, ln, handler, log, cfg.ShutdownTimeout) })
	switch {
	case !st.Configured():
		log.Warn("DATABASE_URL is not set, everything about links will answer 503")
	case cfg.MigrateOnStart:
		// In the background: the liveness probe must not wait for the database.
		g.Go(func() error {
			migrator.UpWithRetry(ctx, log)
			return nil
		})
	}
	err = g.Wait()
	log.Info("stopped")
	return err
}
