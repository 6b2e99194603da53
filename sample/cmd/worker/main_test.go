//go:build unix

package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"example.com/gomab/shortlinks/internal/proctest"
	"example.com/gomab/shortlinks/internal/shortlink"
	"example.com/gomab/shortlinks/internal/store"
	"example.com/gomab/shortlinks/internal/testdb"
)

func TestMain(m *testing.M) { proctest.Main(m, main) }

func TestVersionFlag(t *testing.T) {
	out, err := proctest.Command(t, nil, "-version").Output()
	if err != nil || !strings.HasPrefix(string(out), "shortlinks-worker dev go") {
		t.Errorf("-version printed %q, %v", out, err)
	}
}

func exitCode(t *testing.T, cmd *exec.Cmd) (int, string) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func TestExitCodes(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		env  []string
		code int
		want string
	}{
		"unknown command":  {[]string{"dance"}, nil, 2, "usage: worker"},
		"two commands":     {[]string{"once", "migrate"}, nil, 2, "usage: worker"},
		"bad variable":     {[]string{"once"}, []string{"CHECK_BATCH=all"}, 1, "CHECK_BATCH: "},
		"once, no db":      {[]string{"once"}, nil, 1, "database unavailable"},
		"migrate, no db":   {[]string{"migrate"}, []string{"MIGRATIONS_DIR=" + testdb.MigrationsDir}, 1, "database unavailable"},
		"migrate, no file": {[]string{"migrate"}, []string{"MIGRATIONS_DIR=/nonexistent"}, 1, "/nonexistent"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out := exitCode(t, proctest.Command(t, tc.env, tc.args...))
			if code != tc.code || !strings.Contains(out, tc.want) {
				t.Errorf("exit code %d, want %d; printed %s", code, tc.code, out)
			}
		})
	}
}

func TestServesWithoutDatabase(t *testing.T) {
	s := proctest.Start(t)
	for path, want := range map[string]int{"/healthz": 200, "/metrics": 200, "/readyz": 503, "/": 404} {
		if status, body, _ := s.Get(path); status != want {
			t.Errorf("GET %s = %d %s, want %d", path, status, body, want)
		}
	}
	s.Stop()
}

func TestWithDatabase(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<title>Target</title>")
	}))
	defer target.Close()
	dsn := testdb.URL(t)
	env := []string{"DATABASE_URL=" + dsn, "MIGRATIONS_DIR=" + testdb.MigrationsDir, "FETCH_ALLOW_PRIVATE=true"}

	if code, out := exitCode(t, proctest.Command(t, env, "migrate")); code != 0 || !strings.Contains(out, `"applied":3`) {
		t.Fatalf("migrate: exit code %d: %s", code, out)
	}
	st, err := store.Open(dsn, "shortlinks-test")
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	past := time.Now().Add(-time.Minute)
	for _, l := range []shortlink.Link{
		{Code: "live", URL: target.URL},
		{Code: "dead", URL: "http://127.0.0.1:1/"},
		{Code: "old", URL: target.URL, ExpiresAt: &past},
	} {
		if _, err := st.Create(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}

	code, out := exitCode(t, proctest.Command(t, env, "once"))
	if code != 0 || !strings.Contains(out, `"expired":1,"checked":2`) {
		t.Fatalf("once: exit code %d: %s", code, out)
	}
	for code, want := range map[string]shortlink.Check{
		"live": {Status: 200, Title: "Target"},
		"dead": {Error: "connect"},
	} {
		if l, err := st.Get(t.Context(), code); err != nil || l.Check != want {
			t.Errorf("%s: check is %+v, %v, want %+v", code, l.Check, err, want)
		}
	}

	s := proctest.Start(t, env...)
	s.WaitFor("/readyz")
	s.Stop()
}
