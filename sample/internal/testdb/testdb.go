// Package testdb gives tests a real Postgres, if there is one.
package testdb

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/gomab/shortlinks/internal/migrate"
	"example.com/gomab/shortlinks/internal/store"
)

// MigrationsDir is where a test finds the migrations: go test runs it in the
// directory of its package, and all of these are two levels deep.
const MigrationsDir = "../../migrations"

// URL returns a connection string for an empty schema which is dropped when
// the test ends. It skips the test unless TEST_DATABASE_URL is set.
func URL(t *testing.T) string {
	t.Helper()
	base := os.Getenv("TEST_DATABASE_URL")
	if base == "" {
		t.Skip("TEST_DATABASE_URL is not set")
	}
	conn, err := pgx.Connect(t.Context(), base)
	if err != nil {
		t.Fatalf("connect to TEST_DATABASE_URL: %v", err)
	}
	schema := "test_" + strings.ToLower(rand.Text())
	if _, err := conn.Exec(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatalf("create schema: %v", err)
	}
	t.Cleanup(func() {
		ctx := context.Background() // t.Context() is done by now
		defer conn.Close(ctx)
		if _, err := conn.Exec(ctx, "DROP SCHEMA "+schema+" CASCADE"); err != nil {
			t.Errorf("drop schema: %v", err)
		}
	})
	return withSearchPath(t, base, schema)
}

// Open returns a store on a fresh schema with all migrations applied.
func Open(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(URL(t), "shortlinks-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if _, err := migrate.New(s, MigrationsDir).Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// withSearchPath understands both forms of a connection string.
func withSearchPath(t *testing.T, dsn, schema string) string {
	t.Helper()
	if !strings.Contains(dsn, "://") {
		return dsn + " search_path=" + schema
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatalf("parse TEST_DATABASE_URL: %v", err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}
