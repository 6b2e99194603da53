package migrate_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"example.com/gomab/shortlinks/internal/migrate"
	"example.com/gomab/shortlinks/internal/store"
	"example.com/gomab/shortlinks/internal/testdb"
)

// openEmpty returns a store on a schema without any tables.
func openEmpty(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(testdb.URL(t), "shortlinks-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// sqlDir writes migrations to a directory.
func sqlDir(t *testing.T, content map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, sql := range content {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(sql), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestUpOfUnconfiguredStore(t *testing.T) {
	s, err := store.Open("", "test")
	if err != nil {
		t.Fatal(err)
	}
	m := migrate.New(s, testdb.MigrationsDir)
	if _, err := m.Up(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Up() = %v", err)
	}
	if err := m.Check(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Check() = %v", err)
	}
}

func TestUpIsIdempotent(t *testing.T) {
	s, ctx := openEmpty(t), t.Context()
	m := migrate.New(s, testdb.MigrationsDir)

	if err := m.Check(ctx); !errors.Is(err, migrate.ErrPending) {
		t.Errorf("Check() on an empty schema = %v, want ErrPending", err)
	}
	if n, err := m.Up(ctx); err != nil || n != 3 {
		t.Fatalf("Up() = %d, %v, want 3", n, err)
	}
	if n, err := m.Up(ctx); err != nil || n != 0 {
		t.Errorf("second Up() = %d, %v, want 0", n, err)
	}
	if err := m.Check(ctx); err != nil {
		t.Errorf("Check() = %v", err)
	}
	m.UpWithRetry(ctx, slog.New(slog.DiscardHandler)) // returns at once
}

func TestConcurrentUpAppliesEachOnce(t *testing.T) {
	s, ctx := openEmpty(t), t.Context()
	var applied atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			n, err := migrate.New(s, testdb.MigrationsDir).Up(ctx)
			if err != nil {
				t.Errorf("Up() = %v", err)
			}
			applied.Add(int64(n))
		})
	}
	wg.Wait()
	if applied.Load() != 3 {
		t.Errorf("%d migrations applied, want 3", applied.Load())
	}
}

func TestFailingMigrationLeavesNoTrace(t *testing.T) {
	s, ctx := openEmpty(t), t.Context()
	content := map[string]string{
		"0001_ok.sql":     "CREATE TABLE a (id int);",
		"0002_broken.sql": "CREATE TABLE b (id int); SELECT nonsense;",
	}
	n, err := migrate.New(s, sqlDir(t, content)).Up(ctx)
	if n != 1 || err == nil || !strings.Contains(err.Error(), "0002_broken.sql") {
		t.Fatalf("Up() = %d, %v, want 1 and an error about 0002_broken.sql", n, err)
	}

	// The first half of the broken file was rolled back, so a corrected file
	// can create the table.
	content["0002_broken.sql"] = "CREATE TABLE b (id int);"
	if n, err := migrate.New(s, sqlDir(t, content)).Up(ctx); err != nil || n != 1 {
		t.Errorf("Up() after the repair = %d, %v, want 1", n, err)
	}
}

func TestChangedAndUnknownMigrations(t *testing.T) {
	s, ctx := openEmpty(t), t.Context()
	content := map[string]string{"0001_a.sql": "CREATE TABLE a (id int);", "0002_b.sql": "CREATE TABLE b (id int);"}
	if _, err := migrate.New(s, sqlDir(t, content)).Up(ctx); err != nil {
		t.Fatal(err)
	}

	older := migrate.New(s, sqlDir(t, map[string]string{"0001_a.sql": content["0001_a.sql"]}))
	if err := older.Check(ctx); err != nil {
		t.Errorf("Check() of an older release = %v, want nil", err)
	}

	changed := migrate.New(s, sqlDir(t, map[string]string{"0001_a.sql": "CREATE TABLE a (id bigint);"}))
	if _, err := changed.Up(ctx); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("Up() with a changed file = %v", err)
	}
}
