//go:build unix

package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/gomab/shortlinks/internal/proctest"
	"example.com/gomab/shortlinks/internal/testdb"
)

func TestMain(m *testing.M) { proctest.Main(m, main) }

func TestVersionFlag(t *testing.T) {
	out, err := proctest.Command(t, nil, "-version").Output()
	if err != nil || !strings.HasPrefix(string(out), "shortlinks-api dev go") {
		t.Errorf("-version printed %q, %v", out, err)
	}
}

func TestBadConfiguration(t *testing.T) {
	for name, tc := range map[string]struct{ env, args, want string }{
		"variable":     {env: "PORT=http", want: "PORT: "},
		"database URL": {env: "DATABASE_URL=postgres://u:hunter2@h:x/", want: "DATABASE_URL: "},
		"argument":     {args: "serve", want: "unexpected argument"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := proctest.Command(t, []string{tc.env}, strings.Fields(tc.args)...)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), tc.want) || strings.Contains(string(out), "hunter2") {
				t.Errorf("ended with %v and printed %q, want something about %q", err, out, tc.want)
			}
		})
	}
}

// Liveness must not depend on the database, in whatever way it is missing.
func TestServesWithoutDatabase(t *testing.T) {
	for name, env := range map[string][]string{
		"unset":         nil,
		"unreachable":   {"DATABASE_URL=postgres://user@127.0.0.1:1/db"},
		"no migrations": {"DATABASE_URL=postgres://user@127.0.0.1:1/db", "MIGRATIONS_DIR=/nonexistent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := proctest.Start(t, append([]string{"MIGRATIONS_DIR=" + testdb.MigrationsDir}, env...)...)
			for path, want := range map[string]int{
				"/healthz":      http.StatusOK,
				"/metrics":      http.StatusOK,
				"/":             http.StatusOK,
				"/readyz":       http.StatusServiceUnavailable,
				"/docs":         http.StatusServiceUnavailable,
				"/api/v1/links": http.StatusServiceUnavailable,
			} {
				if status, body, _ := s.Get(path); status != want {
					t.Errorf("GET %s = %d %s, want %d", path, status, body, want)
				}
			}
			s.Stop()
			if !strings.Contains(s.Logs(), `"msg":"stopped"`) {
				t.Errorf("no orderly stop in\n%s", s.Logs())
			}
		})
	}
}

func TestWithDatabase(t *testing.T) {
	dsn := testdb.URL(t)
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<title>Target</title>")
	}))
	defer target.Close()

	s := proctest.Start(t, "DATABASE_URL="+dsn, "MIGRATIONS_DIR="+testdb.MigrationsDir,
		"FETCH_ALLOW_PRIVATE=true", "BASE_URL=https://sho.rt")
	s.WaitFor("/readyz") // migrates in the background

	post := func(path, body string) (int, string) {
		resp, err := http.Post(s.URL+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(answer)
	}

	status, body := post("/api/v1/links", `{"url": "`+target.URL+`", "code": "target"}`)
	if status != http.StatusCreated || !strings.Contains(body, `"short_url":"https://sho.rt/target"`) {
		t.Fatalf("create = %d %s", status, body)
	}
	if status, body := post("/api/v1/links", `{"url": "https://example.com", "code": "target"}`); status != http.StatusConflict {
		t.Errorf("create again = %d %s", status, body)
	}
	for range 2 {
		status, _, header := s.Get("/target")
		if status != http.StatusFound || header.Get("Location") != target.URL+"/" {
			t.Errorf("follow = %d to %q", status, header.Get("Location"))
		}
	}
	if status, body := post("/api/v1/preview", `{"url": "`+target.URL+`"}`); status != 200 || !strings.Contains(body, `"title":"Target"`) {
		t.Errorf("preview = %d %s", status, body)
	}
	if status, body, _ := s.Get("/api/v1/links/target/stats"); status != 200 || !strings.Contains(body, `"hits":2,"days":[{"day":"`) {
		t.Errorf("stats = %d %s", status, body)
	}
	if status, body, _ := s.Get("/api/v1/links?limit=1"); status != 200 || !strings.Contains(body, `"code":"target"`) {
		t.Errorf("list = %d %s", status, body)
	}

	_, metrics, _ := s.Get("/metrics")
	for _, want := range []string{
		`shortlinks_build_info{`,
		`shortlinks_links_created_total 1`,
		`shortlinks_redirects_total{result="found"} 2`,
		`shortlinks_fetches_total{result="ok"} 1`,
		`shortlinks_db_connections_open `,
		`http_requests_total{code="409",method="POST",route="/api/v1/links"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	s.Stop()
}

func TestMigrateOnStartCanBeTurnedOff(t *testing.T) {
	s := proctest.Start(t, "DATABASE_URL="+testdb.URL(t), "MIGRATIONS_DIR="+testdb.MigrationsDir,
		"MIGRATE_ON_START=false")
	if status, body, _ := s.Get("/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("readyz = %d %s", status, body)
	}
	if status, body, _ := s.Get("/docs"); status != http.StatusServiceUnavailable {
		t.Errorf("follow = %d %s", status, body)
	}
	if !strings.Contains(s.Logs(), "migrations pending") {
		t.Errorf("no reason in\n%s", s.Logs())
	}
	s.Stop()
}
