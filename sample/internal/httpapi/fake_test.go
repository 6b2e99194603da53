package httpapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/gomab/shortlinks/internal/fetch"
	"example.com/gomab/shortlinks/internal/metrics"
	"example.com/gomab/shortlinks/internal/shortlink"
	"example.com/gomab/shortlinks/internal/store"
)

// fakeStore keeps links in a slice. It is not safe for concurrent use.
type fakeStore struct {
	links     []shortlink.Link
	conflicts int   // fail this many calls of Create
	err       error // fail every call
}

func (s *fakeStore) find(code string) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	i := slices.IndexFunc(s.links, func(l shortlink.Link) bool { return l.Code == code })
	if i < 0 {
		return 0, store.ErrNotFound
	}
	return i, nil
}

func (s *fakeStore) Create(_ context.Context, l shortlink.Link) (shortlink.Link, error) {
	if _, err := s.find(l.Code); s.err != nil {
		return shortlink.Link{}, err
	} else if err == nil || s.conflicts > 0 {
		s.conflicts--
		return shortlink.Link{}, store.ErrConflict
	}
	l.ID = int64(len(s.links) + 1)
	l.CreatedAt = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	s.links = append(s.links, l)
	return l, nil
}

func (s *fakeStore) Get(_ context.Context, code string) (shortlink.Link, error) {
	i, err := s.find(code)
	if err != nil {
		return shortlink.Link{}, err
	}
	return s.links[i], nil
}

func (s *fakeStore) List(_ context.Context, before int64, limit int) ([]shortlink.Link, error) {
	var page []shortlink.Link
	for _, l := range slices.Backward(s.links) {
		if l.ID < before && len(page) < limit {
			page = append(page, l)
		}
	}
	return page, s.err
}

func (s *fakeStore) Delete(_ context.Context, code string) error {
	i, err := s.find(code)
	if err == nil {
		s.links = slices.Delete(s.links, i, i+1)
	}
	return err
}

func (s *fakeStore) Follow(_ context.Context, code string) (string, error) {
	i, err := s.find(code)
	if err != nil {
		return "", err
	}
	if s.links[i].Expired(time.Now()) {
		return "", store.ErrNotFound
	}
	s.links[i].Hits++
	return s.links[i].URL, nil
}

func (s *fakeStore) DailyHits(context.Context, string, int) ([]shortlink.DayHits, error) {
	return []shortlink.DayHits{{Day: time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC), Hits: 7}}, s.err
}

type fetchFunc func(url string) (fetch.Page, error)

func (f fetchFunc) Fetch(_ context.Context, url string) (fetch.Page, error) { return f(url) }

// testOptions are complete except for what a test is about.
func testOptions(s Store) Options {
	return Options{
		Store: s,
		Fetcher: fetchFunc(func(url string) (fetch.Page, error) {
			return fetch.Page{Status: 200, FinalURL: url, Title: "Example"}, nil
		}),
		Metrics: metrics.New("api", "test"),
		Log:     slog.New(slog.DiscardHandler),
		Ready:   func(context.Context) error { return nil },
		Version: "test",
		BaseURL: "https://sho.rt",
	}
}

// do sends a request and returns the answer.
func do(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(method, path, strings.NewReader(body)))
	return rec
}

// wantStatus ends the test if the answer has another status.
func wantStatus(t *testing.T, rec *httptest.ResponseRecorder, status int) {
	t.Helper()
	if rec.Code != status {
		t.Fatalf("status %d, want %d; body %s", rec.Code, status, rec.Body)
	}
}

// wantError ends the test unless the answer is the given error.
func wantError(t *testing.T, rec *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	wantStatus(t, rec, status)
	var body struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil {
		t.Fatalf("body %q: %v", rec.Body, err)
	}
	if body.Error.Code != code || body.Error.Message == "" {
		t.Fatalf("error is %+v, want code %q and a message", body.Error, code)
	}
}

// decodeBody reads the answer as a T.
func decodeBody[T any](t *testing.T, rec *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
		t.Fatalf("body %q: %v", rec.Body, err)
	}
	return v
}
