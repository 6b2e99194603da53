package migrate_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"example.com/gomab/shortlinks/internal/migrate"
	"example.com/gomab/shortlinks/internal/testdb"
)

func files(names ...string) fstest.MapFS {
	fs := fstest.MapFS{}
	for _, name := range names {
		fs[name] = &fstest.MapFile{Data: []byte("SELECT 1; -- " + name)}
	}
	return fs
}

func TestLoadOrdersByNumber(t *testing.T) {
	got, err := migrate.Load(files("0010_c.sql", "00009_b.sql", "0001_a.sql", "README.md", "old/0002_x.sql"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range got {
		names = append(names, m.Name)
		if m.Checksum == "" || !strings.Contains(m.SQL, m.Name) {
			t.Errorf("migration %+v is incomplete", m)
		}
	}
	if want := "0001_a.sql 00009_b.sql 0010_c.sql"; strings.Join(names, " ") != want {
		t.Errorf("order is %v, want %s", names, want)
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		files fstest.MapFS
		want  string
	}{
		"nothing":        {files(), "no .sql files"},
		"same version":   {files("0001_a.sql", "00001_b.sql"), "same version"},
		"no version":     {files("0001_a.sql", "links.sql"), "links.sql"},
		"short version":  {files("1_a.sql"), "1_a.sql"},
		"capital letter": {files("0001_A.sql"), "0001_A.sql"},
	} {
		if _, err := migrate.Load(tc.files); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: err = %v, want one about %q", name, err, tc.want)
		}
	}
	if _, err := migrate.Load(os.DirFS(t.TempDir() + "/missing")); err == nil {
		t.Error("missing directory: no error")
	}
}

func TestShippedMigrationsHaveNoGaps(t *testing.T) {
	got, err := migrate.Load(os.DirFS(testdb.MigrationsDir))
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range got {
		if m.Version != int64(i+1) {
			t.Errorf("migration %d is %s", i+1, m.Name)
		}
	}
}
