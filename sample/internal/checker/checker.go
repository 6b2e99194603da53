// Package checker does the work of the worker: it deletes expired links and
// looks whether the targets of the others are still there.
package checker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/gomab/shortlinks/internal/fetch"
	"example.com/gomab/shortlinks/internal/metrics"
	"example.com/gomab/shortlinks/internal/shortlink"
)

const (
	// deleteBatch bounds one DELETE, not a round.
	deleteBatch = 500
	// lease must be longer than a batch can take, or links are fetched twice.
	lease = 15 * time.Minute
)

// Store is what the checker needs of the database.
type Store interface {
	DeleteExpired(ctx context.Context, limit int) (int64, error)
	ClaimDue(ctx context.Context, limit int, lease time.Duration) ([]shortlink.Link, error)
	SaveCheck(ctx context.Context, id int64, c shortlink.Check, next time.Duration) error
}

// Fetcher looks at a link's target.
type Fetcher interface {
	Fetch(ctx context.Context, url string) (fetch.Page, error)
}

// Checker runs rounds of deleting and checking.
type Checker struct {
	Store       Store
	Fetcher     Fetcher
	Metrics     *metrics.Metrics
	Log         *slog.Logger
	Interval    time.Duration // between two rounds
	Recheck     time.Duration // between two checks of one link
	Batch       int
	Concurrency int
}

// Run does rounds until ctx is done. A failed round is logged, and tried again
// when the next one is due.
func (c *Checker) Run(ctx context.Context) {
	ticker := time.NewTicker(c.Interval)
	defer ticker.Stop()
	for {
		if err := c.Once(ctx); err != nil && ctx.Err() == nil {
			c.Log.ErrorContext(ctx, "round failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Once does a single round: it works until nothing is due any more.
func (c *Checker) Once(ctx context.Context) error {
	start := time.Now()
	expired, err := c.deleteExpired(ctx)
	checked := 0
	if err == nil {
		checked, err = c.checkDue(ctx)
	}
	c.Metrics.WorkerCycle(err)
	if err == nil {
		c.Log.InfoContext(ctx, "round done", "expired", expired, "checked", checked,
			"duration", time.Since(start).Round(time.Millisecond).String())
	}
	return err
}

func (c *Checker) deleteExpired(ctx context.Context) (total int64, err error) {
	for {
		n, err := c.Store.DeleteExpired(ctx, deleteBatch)
		if err != nil {
			return total, fmt.Errorf("delete expired links: %w", err)
		}
		total += n
		c.Metrics.LinksExpired(n)
		if n < deleteBatch {
			return total, nil
		}
	}
}

func (c *Checker) checkDue(ctx context.Context) (total int, err error) {
	for {
		links, err := c.Store.ClaimDue(ctx, c.Batch, lease)
		if err != nil {
			return total, fmt.Errorf("claim links: %w", err)
		}
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(c.Concurrency)
		for _, link := range links {
			g.Go(func() error { return c.check(gctx, link) })
		}
		if err := g.Wait(); err != nil {
			return total, fmt.Errorf("check links: %w", err)
		}
		total += len(links)
		if len(links) < c.Batch {
			return total, nil
		}
	}
}

// check fetches one target. That the fetch fails is a result, not an error.
func (c *Checker) check(ctx context.Context, link shortlink.Link) error {
	page, err := c.Fetcher.Fetch(ctx, link.URL)
	if ctx.Err() != nil {
		// Interrupted by us, which says nothing of the target. The link is
		// due again when its lease ends.
		return ctx.Err()
	}
	result := shortlink.Check{Status: page.Status, Title: page.Title}
	if err != nil {
		result.Error = fetch.KindOther
		var failure *fetch.Error
		if errors.As(err, &failure) {
			result.Error = failure.Kind
		}
		c.Log.InfoContext(ctx, "target cannot be fetched", "code", link.Code, "kind", result.Error, "error", err)
	}
	return c.Store.SaveCheck(ctx, link.ID, result, c.Recheck)
}
