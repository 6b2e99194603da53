package checker_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/gomab/shortlinks/internal/checker"
	"example.com/gomab/shortlinks/internal/fetch"
	"example.com/gomab/shortlinks/internal/metrics"
	"example.com/gomab/shortlinks/internal/shortlink"
)

type fakeStore struct {
	mu      sync.Mutex
	due     []shortlink.Link
	expired int64
	saved   map[int64]shortlink.Check
	rounds  int
	err     error
}

func (s *fakeStore) DeleteExpired(_ context.Context, limit int) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rounds++
	n := min(s.expired, int64(limit))
	s.expired -= n
	return n, s.err
}

func (s *fakeStore) ClaimDue(_ context.Context, limit int, _ time.Duration) ([]shortlink.Link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.due), limit)
	claimed := slices.Clone(s.due[:n])
	s.due = s.due[n:]
	return claimed, nil
}

func (s *fakeStore) SaveCheck(_ context.Context, id int64, c shortlink.Check, _ time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.saved == nil {
		s.saved = map[int64]shortlink.Check{}
	}
	s.saved[id] = c
	return nil
}

type fetchFunc func(ctx context.Context, url string) (fetch.Page, error)

func (f fetchFunc) Fetch(ctx context.Context, url string) (fetch.Page, error) { return f(ctx, url) }

func newChecker(s checker.Store, f fetchFunc) *checker.Checker {
	return &checker.Checker{
		Store:       s,
		Fetcher:     f,
		Metrics:     metrics.New("worker", "test"),
		Log:         slog.New(slog.DiscardHandler),
		Interval:    time.Minute,
		Recheck:     time.Hour,
		Batch:       2,
		Concurrency: 2,
	}
}

func TestOnceWorksThroughEverythingDue(t *testing.T) {
	s := &fakeStore{expired: 1200}
	for id := range int64(5) {
		s.due = append(s.due, shortlink.Link{ID: id, URL: "https://example.com/"})
	}
	s.due[3].URL = "https://broken.example/"

	c := newChecker(s, func(_ context.Context, url string) (fetch.Page, error) {
		if url == "https://broken.example/" {
			return fetch.Page{}, &fetch.Error{Kind: fetch.KindDNS, Err: errors.New("no such host")}
		}
		return fetch.Page{Status: 200, Title: "Example"}, nil
	})
	if err := c.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.expired != 0 {
		t.Errorf("%d expired links left", s.expired)
	}
	for id := range int64(5) {
		want := shortlink.Check{Status: 200, Title: "Example"}
		if id == 3 {
			want = shortlink.Check{Error: fetch.KindDNS}
		}
		if got, ok := s.saved[id]; !ok || got != want {
			t.Errorf("link %d: saved %+v, want %+v", id, got, want)
		}
	}
}

func TestInterruptedFetchIsNotSaved(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &fakeStore{due: []shortlink.Link{{ID: 1}}}
	c := newChecker(s, func(ctx context.Context, _ string) (fetch.Page, error) {
		cancel()
		return fetch.Page{}, ctx.Err()
	})
	if err := c.Once(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Once() = %v, want context.Canceled", err)
	}
	if len(s.saved) != 0 {
		t.Errorf("saved %+v", s.saved)
	}
}

func TestRunGoesOnAfterErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeStore{err: errors.New("database is down")}
		c := newChecker(s, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
		defer cancel()
		c.Run(ctx) // rounds at 0, 60 and 120 seconds of fake time
		if s.rounds != 3 {
			t.Errorf("%d rounds, want 3", s.rounds)
		}
	})
}
