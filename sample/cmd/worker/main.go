// Command worker does what no request should wait for: it deletes expired
// links, checks link targets and migrates the database.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sync/errgroup"

	"example.com/gomab/shortlinks/internal/checker"
	"example.com/gomab/shortlinks/internal/config"
	"example.com/gomab/shortlinks/internal/fetch"
	"example.com/gomab/shortlinks/internal/health"
	"example.com/gomab/shortlinks/internal/logging"
	"example.com/gomab/shortlinks/internal/metrics"
	"example.com/gomab/shortlinks/internal/migrate"
	"example.com/gomab/shortlinks/internal/server"
	"example.com/gomab/shortlinks/internal/store"
)

// version is set when a release is built: -ldflags "-X main.version=1.2.3".
var version = "dev"

const usage = `usage: worker [-version] [command]

Commands:
  run      do rounds until stopped, serve /healthz, /readyz and /metrics (default)
  once     do a single round and exit
  migrate  apply pending migrations and exit

Settings come from the environment.
`

func main() {
	showVersion := flag.Bool("version", false, "print the version and exit")
	flag.Usage = func() { fmt.Fprint(flag.CommandLine.Output(), usage) }
	flag.Parse()
	if *showVersion {
		fmt.Printf("shortlinks-worker %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, flag.Args(), os.Getenv, os.Stderr)
	switch {
	case errors.Is(err, errUsage):
		flag.Usage()
		os.Exit(2)
	case err != nil:
		fmt.Fprintf(os.Stderr, "worker: %v\n", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("unknown command")

func run(ctx context.Context, args []string, getenv func(string) string, logs io.Writer) error {
	command := "run"
	if len(args) > 0 {
		command = args[0]
	}
	if len(args) > 1 || (command != "run" && command != "once" && command != "migrate") {
		return errUsage
	}

	cfg, err := config.Load(getenv, ":8081")
	if err != nil {
		return fmt.Errorf("configuration:\n%w", err)
	}
	log := logging.New(logs, cfg.LogFormat, cfg.LogLevel)
	st, err := store.Open(cfg.DatabaseURL, "shortlinks-worker")
	if err != nil {
		return err
	}
	defer st.Close()
	migrator := migrate.New(st, cfg.MigrationsDir)

	if command == "migrate" {
		n, err := migrator.Up(ctx)
		if err != nil {
			return err
		}
		log.Info("schema is up to date", "applied", n)
		return nil
	}

	if err := fetch.CheckSystemRoots(); err != nil {
		log.Warn("system certificates", "error", err)
	}
	m := metrics.New("worker", version)
	m.WatchPool(st.Stat)
	c := &checker.Checker{
		Store: st,
		Fetcher: fetch.New(fetch.Options{
			Timeout:      cfg.FetchTimeout,
			AllowPrivate: cfg.FetchAllowPrivate,
			UserAgent:    "shortlinks/" + version,
			Observe:      m.Fetch,
		}),
		Metrics:     m,
		Log:         log,
		Interval:    cfg.WorkerInterval,
		Recheck:     cfg.CheckInterval,
		Batch:       cfg.CheckBatch,
		Concurrency: cfg.CheckConcurrency,
	}
	if command == "once" {
		return c.Once(ctx)
	}
	return serve(ctx, cfg, log, adminHandler(log, m, migrator), st, migrator, c)
}

// adminHandler is all the worker has to say over HTTP.
func adminHandler(log *slog.Logger, m *metrics.Metrics, migrator *migrate.Migrator) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", health.Live("worker", version))
	mux.Handle("GET /readyz", health.Ready(migrator.Check, log))
	mux.Handle("GET /metrics", m.Handler())
	return mux
}

// serve runs the checker, and the admin handler next to it, until ctx is done.
func serve(ctx context.Context, cfg config.Config, log *slog.Logger, h http.Handler,
	st *store.Store, migrator *migrate.Migrator, c *checker.Checker) error {
	ln, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return err
	}
	log.Info("starting", "version", version, "go", runtime.Version(), "database", st.Configured(),
		"migrations_dir", cfg.MigrationsDir, "interval", cfg.WorkerInterval.String())

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return server.Serve(ctx, ln, h, log, cfg.ShutdownTimeout) })
	if !st.Configured() {
		log.Warn("DATABASE_URL is not set, there is nothing to work on")
	} else {
		g.Go(func() error {
			if cfg.MigrateOnStart {
				migrator.UpWithRetry(ctx, log)
			}
			c.Run(ctx)
			return nil
		})
	}
	err = g.Wait()
	log.Info("stopped")
	return err
}
