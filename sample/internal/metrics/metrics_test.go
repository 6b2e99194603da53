package metrics_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"example.com/gomab/shortlinks/internal/metrics"
	"example.com/gomab/shortlinks/internal/store"
)

func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if rec.Code != http.StatusOK {
		t.Fatalf("scrape: status %d: %s", rec.Code, rec.Body)
	}
	return rec.Body.String()
}

func TestMetrics(t *testing.T) {
	m := metrics.New("api", "1.2.3")
	m.WatchPool(func() *pgxpool.Stat { return nil })
	m.Request("/{code}", http.MethodGet, http.StatusFound, 30*time.Millisecond)
	m.Request("/{code}", "BREW", http.StatusMethodNotAllowed, time.Millisecond)
	m.Redirect("found")
	m.LinkCreated()
	m.LinksExpired(3)
	m.Fetch("tls", time.Second)
	m.WorkerCycle(nil)
	m.WorkerCycle(errors.New("broken"))

	got := scrape(t, m)
	for _, want := range []string{
		`http_requests_total{code="302",method="GET",route="/{code}"} 1`,
		`http_requests_total{code="405",method="other",route="/{code}"} 1`,
		`http_request_duration_seconds_count{method="GET",route="/{code}"} 1`,
		`shortlinks_redirects_total{result="found"} 1`,
		`shortlinks_links_created_total 1`,
		`shortlinks_links_expired_total 3`,
		`shortlinks_fetches_total{result="tls"} 1`,
		`shortlinks_worker_cycles_total{result="error"} 1`,
		`service="api",version="1.2.3"} 1`,
		`go_goroutines `,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(got, "shortlinks_db_") {
		t.Error("pool metrics without a pool")
	}
}

func TestWatchPool(t *testing.T) {
	// The pool is lazy, so no server is needed.
	s, err := store.Open("postgres://user@127.0.0.1:1/db?pool_max_conns=7", "test")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m := metrics.New("api", "dev")
	m.WatchPool(s.Stat)
	if got := scrape(t, m); !strings.Contains(got, "shortlinks_db_connections_max 7") {
		t.Errorf("no pool metrics in:\n%s", got)
	}
}
