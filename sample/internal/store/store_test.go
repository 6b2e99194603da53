package store_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/gomab/shortlinks/internal/shortlink"
	"example.com/gomab/shortlinks/internal/store"
	"example.com/gomab/shortlinks/internal/testdb"
)

func TestWithoutDatabase(t *testing.T) {
	s, err := store.Open("", "test")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Configured() || s.Stat() != nil {
		t.Error("store claims to have a database")
	}
	if _, err := s.Get(t.Context(), "abc"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Get() = %v", err)
	}
	if _, err := s.List(t.Context(), 1, 1); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("List() = %v", err)
	}
	if err := s.Delete(t.Context(), "abc"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Delete() = %v", err)
	}
}

func TestOpenRejectsBadURLWithoutShowingPassword(t *testing.T) {
	_, err := store.Open("postgres://user:hunter2@localhost:nonsense/db", "test")
	if err == nil {
		t.Fatal("Open() succeeded")
	}
	if got := err.Error(); strings.Contains(got, "hunter2") || !strings.Contains(got, "DATABASE_URL") {
		t.Errorf("error is %q", got)
	}
}

func TestUnreachableDatabase(t *testing.T) {
	// Port 1 is practically never listened on.
	s, err := store.Open("postgres://user@127.0.0.1:1/db", "test")
	if err != nil {
		t.Fatalf("Open() must not connect: %v", err)
	}
	defer s.Close()
	if _, err := s.Follow(t.Context(), "abc"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Follow() = %v, want ErrUnavailable", err)
	}
}

func TestLinks(t *testing.T) {
	s, ctx := testdb.Open(t), t.Context()
	expires := time.Now().Add(time.Hour).Truncate(time.Second)

	created := mustCreate(t, s, shortlink.Link{Code: "docs", URL: "https://example.com/", ExpiresAt: &expires})
	if created.ID == 0 || created.CreatedAt.IsZero() || created.Hits != 0 || !created.ExpiresAt.Equal(expires) {
		t.Errorf("Create() = %+v", created)
	}
	if _, err := s.Create(ctx, shortlink.Link{Code: "docs", URL: "https://example.org/"}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("second Create() = %v, want ErrConflict", err)
	}

	got, err := s.Get(ctx, "docs")
	if err != nil || got.URL != "https://example.com/" || got.LastHitAt != nil || got.CheckedAt != nil {
		t.Errorf("Get() = %+v, %v", got, err)
	}
	if _, err := s.Get(ctx, "nope"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get(nope) = %v, want ErrNotFound", err)
	}

	if err := s.Delete(ctx, "docs"); err != nil {
		t.Errorf("Delete() = %v", err)
	}
	if err := s.Delete(ctx, "docs"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("second Delete() = %v, want ErrNotFound", err)
	}
}

func TestListPages(t *testing.T) {
	s, ctx := testdb.Open(t), t.Context()
	for _, code := range []string{"one", "two", "three"} {
		mustCreate(t, s, shortlink.Link{Code: code, URL: "https://example.com/"})
	}
	first, err := s.List(ctx, math.MaxInt64, 2)
	if err != nil || len(first) != 2 || first[0].Code != "three" || first[1].Code != "two" {
		t.Fatalf("first page = %+v, %v", first, err)
	}
	second, err := s.List(ctx, first[1].ID, 2)
	if err != nil || len(second) != 1 || second[0].Code != "one" {
		t.Errorf("second page = %+v, %v", second, err)
	}
}

func TestFollowCountsConcurrentHits(t *testing.T) {
	s, ctx := testdb.Open(t), t.Context()
	mustCreate(t, s, shortlink.Link{Code: "busy", URL: "https://example.com/busy"})

	const hits = 20
	var wg sync.WaitGroup
	for range hits {
		wg.Go(func() {
			if url, err := s.Follow(ctx, "busy"); err != nil || url != "https://example.com/busy" {
				t.Errorf("Follow() = %q, %v", url, err)
			}
		})
	}
	wg.Wait()

	link, err := s.Get(ctx, "busy")
	if err != nil || link.Hits != hits || link.LastHitAt == nil {
		t.Errorf("Get() = %+v, %v, want %d hits", link, err, hits)
	}
	days, err := s.DailyHits(ctx, "busy", 30)
	if err != nil {
		t.Fatal(err)
	}
	var sum int64 // over two days if midnight passed meanwhile
	for _, d := range days {
		sum += d.Hits
	}
	if sum != hits {
		t.Errorf("DailyHits() = %+v, want %d in total", days, hits)
	}
	if _, err := s.Follow(ctx, "nope"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Follow(nope) = %v, want ErrNotFound", err)
	}
}

func TestExpiredLinks(t *testing.T) {
	s, ctx := testdb.Open(t), t.Context()
	past := time.Now().Add(-time.Minute)
	mustCreate(t, s, shortlink.Link{Code: "old", URL: "https://example.com/", ExpiresAt: &past})
	mustCreate(t, s, shortlink.Link{Code: "older", URL: "https://example.com/", ExpiresAt: &past})
	mustCreate(t, s, shortlink.Link{Code: "kept", URL: "https://example.com/"})

	if _, err := s.Follow(ctx, "old"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Follow(old) = %v, want ErrNotFound", err)
	}
	if due, err := s.ClaimDue(ctx, 10, time.Minute); err != nil || len(due) != 1 || due[0].Code != "kept" {
		t.Errorf("ClaimDue() = %+v, %v, want only kept", due, err)
	}
	for _, want := range []int64{1, 1, 0} {
		if n, err := s.DeleteExpired(ctx, 1); err != nil || n != want {
			t.Errorf("DeleteExpired(1) = %d, %v, want %d", n, err, want)
		}
	}
	if _, err := s.Get(ctx, "kept"); err != nil {
		t.Errorf("Get(kept) = %v", err)
	}
}

func TestChecks(t *testing.T) {
	s, ctx := testdb.Open(t), t.Context()
	id := mustCreate(t, s, shortlink.Link{Code: "page", URL: "https://example.com/"}).ID

	due, err := s.ClaimDue(ctx, 10, time.Minute)
	if err != nil || len(due) != 1 || due[0].ID != id {
		t.Fatalf("ClaimDue() = %+v, %v", due, err)
	}
	if again, err := s.ClaimDue(ctx, 10, time.Minute); err != nil || len(again) != 0 {
		t.Errorf("claimed twice: %+v, %v", again, err)
	}

	if err := s.SaveCheck(ctx, id, shortlink.Check{Status: 200, Title: "Example"}, 0); err != nil {
		t.Fatal(err)
	}
	link, err := s.Get(ctx, "page")
	if err != nil || link.CheckedAt == nil || link.Check != (shortlink.Check{Status: 200, Title: "Example"}) {
		t.Errorf("after success: %+v, %v", link, err)
	}
	// The next check was due at once; a failing one keeps the title.
	if due, err := s.ClaimDue(ctx, 10, time.Minute); err != nil || len(due) != 1 {
		t.Errorf("ClaimDue() = %+v, %v, want one link", due, err)
	}
	if err := s.SaveCheck(ctx, id, shortlink.Check{Error: "dns"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	link, err = s.Get(ctx, "page")
	if err != nil || link.Check != (shortlink.Check{Title: "Example", Error: "dns"}) {
		t.Errorf("after failure: %+v, %v", link, err)
	}
	if err := s.SaveCheck(ctx, id+1, shortlink.Check{}, 0); err != nil {
		t.Errorf("SaveCheck of a missing link = %v", err)
	}
}

func TestDeadlineMeansUnavailable(t *testing.T) {
	s := testdb.Open(t)
	ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	if _, err := s.Get(ctx, "abc"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Get() = %v, want ErrUnavailable", err)
	}
}

func mustCreate(t *testing.T, s *store.Store, l shortlink.Link) shortlink.Link {
	t.Helper()
	created, err := s.Create(t.Context(), l)
	if err != nil {
		t.Fatalf("Create(%q) = %v", l.Code, err)
	}
	return created
}
