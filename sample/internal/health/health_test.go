package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/gomab/shortlinks/internal/health"
)

func get(h http.Handler) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	return rec
}

func TestLive(t *testing.T) {
	rec := get(health.Live("api", "1.2.3"))
	var body map[string]string
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	if rec.Code != http.StatusOK || body["status"] != "ok" || body["service"] != "api" || body["version"] != "1.2.3" {
		t.Errorf("got %d %v", rec.Code, body)
	}
}

func TestReady(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	if rec := get(health.Ready(func(context.Context) error { return nil }, log)); rec.Code != http.StatusOK {
		t.Errorf("healthy: got %d", rec.Code)
	}
	rec := get(health.Ready(func(context.Context) error { return errors.New("secret detail") }, log))
	if rec.Code != http.StatusServiceUnavailable || strings.Contains(rec.Body.String(), "secret") {
		t.Errorf("unhealthy: got %d %s", rec.Code, rec.Body)
	}
}
