// Package migrate brings the schema up to date from a directory of SQL files.
//
// The files are read at run time and shipped next to the binary, so that they
// can be inspected, and applied by hand, without the source.
package migrate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
)

// lockID is the advisory lock that replicas starting together queue on. The
// value is arbitrary but must never change.
const lockID = 7_305_281_264

const maxRetryDelay = 30 * time.Second

// ErrPending says that the database lacks migrations the program needs.
var ErrPending = errors.New("migrations pending")

// Beginner starts transactions.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// Migrator applies migrations.
type Migrator struct {
	db  Beginner
	dir string
}

// New returns a Migrator which reads dir whenever it is asked to work.
func New(db Beginner, dir string) *Migrator {
	return &Migrator{db: db, dir: dir}
}

func (m *Migrator) load() ([]Migration, error) {
	migrations, err := Load(os.DirFS(m.dir))
	if err != nil {
		return nil, fmt.Errorf("migrations in %s: %w", m.dir, err)
	}
	return migrations, nil
}

// Up applies what is pending, each migration in a transaction of its own, and
// returns how many there were.
func (m *Migrator) Up(ctx context.Context) (int, error) {
	wanted, err := m.load()
	if err != nil {
		return 0, err
	}
	for n := 0; ; n++ {
		more, err := m.applyNext(ctx, wanted)
		if err != nil || !more {
			return n, err
		}
	}
}

// UpWithRetry calls Up until it succeeds or ctx is done. Every error is worth
// another try: the database may come up, and files be mounted, later.
func (m *Migrator) UpWithRetry(ctx context.Context, log *slog.Logger) {
	for delay := time.Second; ; delay = min(2*delay, maxRetryDelay) {
		n, err := m.Up(ctx)
		if err == nil {
			log.InfoContext(ctx, "schema is up to date", "applied", n)
			return
		}
		if ctx.Err() != nil {
			return
		}
		log.WarnContext(ctx, "migration failed", "error", err, "applied", n, "retry_in", delay.String())
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay):
		}
	}
}

// Check returns nil if every migration has been applied. A database which is
// ahead is fine: during a rollout the old version meets the new schema.
func (m *Migrator) Check(ctx context.Context) error {
	wanted, err := m.load()
	if err != nil {
		return err
	}
	return m.inTx(ctx, func(tx pgx.Tx) error {
		var exists bool
		err := tx.QueryRow(ctx, `SELECT to_regclass('schema_migrations') IS NOT NULL`).Scan(&exists)
		if err != nil {
			return err
		}
		if !exists {
			return ErrPending
		}
		next, err := pending(ctx, tx, wanted)
		if err == nil && next != nil {
			err = fmt.Errorf("%w: %s", ErrPending, next.Name)
		}
		return err
	})
}

// applyNext applies the first pending migration, if there is one.
func (m *Migrator) applyNext(ctx context.Context, wanted []Migration) (more bool, err error) {
	err = m.inTx(ctx, func(tx pgx.Tx) error {
		// Held until the transaction ends, hence also safe behind PgBouncer.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(lockID)); err != nil {
			return fmt.Errorf("lock: %w", err)
		}
		_, err := tx.Exec(ctx, `
			CREATE TABLE IF NOT EXISTS schema_migrations (
				version    bigint      PRIMARY KEY,
				name       text        NOT NULL,
				checksum   text        NOT NULL,
				applied_at timestamptz NOT NULL DEFAULT now()
			)`)
		if err != nil {
			return fmt.Errorf("create schema_migrations: %w", err)
		}
		next, err := pending(ctx, tx, wanted)
		if err != nil || next == nil {
			return err
		}
		// Without arguments pgx takes the simple protocol, which allows
		// several statements at once.
		if _, err := tx.Exec(ctx, next.SQL); err != nil {
			return fmt.Errorf("migration %s: %w", next.Name, err)
		}
		_, err = tx.Exec(ctx, `INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)`,
			next.Version, next.Name, next.Checksum)
		if err != nil {
			return fmt.Errorf("migration %s: record: %w", next.Name, err)
		}
		more = true
		return nil
	})
	return more, err
}

// pending returns the first migration the database lacks, or nil.
func pending(ctx context.Context, tx pgx.Tx, wanted []Migration) (*Migration, error) {
	rows, _ := tx.Query(ctx, `SELECT version, checksum FROM schema_migrations`) // ForEachRow reports its error
	applied := map[int64]string{}
	var version int64
	var checksum string
	_, err := pgx.ForEachRow(rows, []any{&version, &checksum}, func() error {
		applied[version] = checksum
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read schema_migrations: %w", err)
	}
	for i, m := range wanted {
		switch sum, ok := applied[m.Version]; {
		case !ok:
			return &wanted[i], nil
		case sum != m.Checksum:
			return nil, fmt.Errorf("migration %s was changed after it had been applied", m.Name)
		}
	}
	return nil, nil
}

func (m *Migrator) inTx(ctx context.Context, fn func(pgx.Tx) error) error {
	tx, err := m.db.Begin(ctx)
	if err != nil {
		return err
	}
	// A no-op after Commit. The context may be done, the rollback must not be
	// skipped for that: the connection goes back to the pool.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
