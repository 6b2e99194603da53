// Package store keeps links in Postgres.
package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// connectTimeout applies unless the connection string sets connect_timeout.
const connectTimeout = 5 * time.Second

// Store reads and writes links. A Store without a database exists too: all
// its methods fail with ErrUnavailable.
type Store struct {
	pool *pgxpool.Pool // nil: no database configured
}

// Open prepares a connection pool but connects only when a query needs to, so
// that the process starts, and answers its liveness probe, while the database
// is down. An empty databaseURL gives a Store without a database.
func Open(databaseURL, applicationName string) (*Store, error) {
	if databaseURL == "" {
		return &Store{}, nil
	}
	cfg, err := pgxpool.ParseConfig(databaseURL) // its error hides the password
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	conn := cfg.ConnConfig
	if conn.ConnectTimeout == 0 {
		conn.ConnectTimeout = connectTimeout
	}
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = applicationName
	}
	// The pool outlives any request, hence no context from outside.
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	return &Store{pool: pool}, nil
}

// Close waits for connections in use and closes the pool.
func (s *Store) Close() {
	if s.pool != nil {
		s.pool.Close()
	}
}

// Configured reports whether there is a database at all.
func (s *Store) Configured() bool { return s.pool != nil }

// Stat returns the state of the connection pool, or nil without a database.
func (s *Store) Stat() *pgxpool.Stat {
	if s.pool == nil {
		return nil
	}
	return s.pool.Stat()
}

// Begin starts a transaction. It is there for the migrations.
func (s *Store) Begin(ctx context.Context) (pgx.Tx, error) {
	if s.pool == nil {
		return nil, ErrUnavailable
	}
	tx, err := s.pool.Begin(ctx)
	return tx, translate(err)
}

// queryOne runs a query which yields one row.
func queryOne[T any](ctx context.Context, s *Store, scan pgx.RowToFunc[T], sql string, args ...any) (T, error) {
	if s.pool == nil {
		var zero T
		return zero, ErrUnavailable
	}
	rows, _ := s.pool.Query(ctx, sql, args...) // CollectExactlyOneRow reports its error
	v, err := pgx.CollectExactlyOneRow(rows, scan)
	return v, translate(err)
}

// queryAll runs a query which yields any number of rows.
func queryAll[T any](ctx context.Context, s *Store, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	if s.pool == nil {
		return nil, ErrUnavailable
	}
	rows, _ := s.pool.Query(ctx, sql, args...) // CollectRows reports its error
	v, err := pgx.CollectRows(rows, scan)
	return v, translate(err)
}

// exec runs a statement and returns how many rows it affected.
func (s *Store) exec(ctx context.Context, sql string, args ...any) (int64, error) {
	if s.pool == nil {
		return 0, ErrUnavailable
	}
	tag, err := s.pool.Exec(ctx, sql, args...)
	return tag.RowsAffected(), translate(err)
}
