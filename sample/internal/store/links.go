package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"example.com/gomab/shortlinks/internal/shortlink"
)

const linkColumns = `id, code, url, created_at, expires_at, hits, last_hit_at,
	checked_at, check_status, check_title, check_error`

func scanLink(row pgx.CollectableRow) (shortlink.Link, error) {
	var l shortlink.Link
	err := row.Scan(&l.ID, &l.Code, &l.URL, &l.CreatedAt, &l.ExpiresAt, &l.Hits, &l.LastHitAt,
		&l.CheckedAt, &l.Check.Status, &l.Check.Title, &l.Check.Error)
	return l, err
}

// Create stores a new link; only Code, URL and ExpiresAt are looked at.
func (s *Store) Create(ctx context.Context, l shortlink.Link) (shortlink.Link, error) {
	return queryOne(ctx, s, scanLink,
		`INSERT INTO links (code, url, expires_at) VALUES ($1, $2, $3) RETURNING `+linkColumns,
		l.Code, l.URL, l.ExpiresAt)
}

// Get returns a link, expired or not.
func (s *Store) Get(ctx context.Context, code string) (shortlink.Link, error) {
	return queryOne(ctx, s, scanLink, `SELECT `+linkColumns+` FROM links WHERE code = $1`, code)
}

// List returns the newest links whose ID is below before, newest first.
// Paging by ID stays correct, and cheap, while links come and go.
func (s *Store) List(ctx context.Context, before int64, limit int) ([]shortlink.Link, error) {
	return queryAll(ctx, s, scanLink,
		`SELECT `+linkColumns+` FROM links WHERE id < $1 ORDER BY id DESC LIMIT $2`, before, limit)
}

// Delete removes a link and its statistics.
func (s *Store) Delete(ctx context.Context, code string) error {
	n, err := s.exec(ctx, `DELETE FROM links WHERE code = $1`, code)
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// Follow counts a hit and returns the target of a link which has not expired.
// One statement keeps both counters in step without a transaction of our own.
func (s *Store) Follow(ctx context.Context, code string) (string, error) {
	return queryOne(ctx, s, pgx.RowTo[string], `
		WITH hit AS (
			UPDATE links SET hits = hits + 1, last_hit_at = now()
			WHERE code = $1 AND (expires_at IS NULL OR expires_at > now())
			RETURNING id, url
		), daily AS (
			INSERT INTO link_hits_daily AS d (link_id, day, hits)
			SELECT id, (now() AT TIME ZONE 'UTC')::date, 1 FROM hit
			ON CONFLICT (link_id, day) DO UPDATE SET hits = d.hits + 1
		)
		SELECT url FROM hit`, code)
}

// DailyHits returns the days on which a link was followed, newest first.
func (s *Store) DailyHits(ctx context.Context, code string, limit int) ([]shortlink.DayHits, error) {
	return queryAll(ctx, s, pgx.RowToStructByPos[shortlink.DayHits], `
		SELECT d.day, d.hits FROM link_hits_daily d JOIN links l ON l.id = d.link_id
		WHERE l.code = $1 ORDER BY d.day DESC LIMIT $2`, code, limit)
}
