package store

import (
	"context"
	"time"

	"example.com/gomab/shortlinks/internal/shortlink"
)

// DeleteExpired removes up to limit expired links. Deleting in batches keeps
// locks short; links another worker is busy with are left to it.
func (s *Store) DeleteExpired(ctx context.Context, limit int) (int64, error) {
	return s.exec(ctx, `
		DELETE FROM links WHERE id IN (
			SELECT id FROM links WHERE expires_at <= now()
			ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
		)`, limit)
}

// ClaimDue returns up to limit links whose target is due for a check, and
// reserves them for the given time. No transaction stays open during the slow
// fetches that follow, and a worker which dies only delays its links.
func (s *Store) ClaimDue(ctx context.Context, limit int, lease time.Duration) ([]shortlink.Link, error) {
	return queryAll(ctx, s, scanLink, `
		UPDATE links SET next_check_at = now() + $2::interval
		WHERE id IN (
			SELECT id FROM links
			WHERE next_check_at <= now() AND (expires_at IS NULL OR expires_at > now())
			ORDER BY next_check_at LIMIT $1 FOR UPDATE SKIP LOCKED
		)
		RETURNING `+linkColumns, limit, lease)
}

// SaveCheck records a check and schedules the next one. A failed fetch keeps
// the title of an earlier success. It is not an error if the link is gone.
func (s *Store) SaveCheck(ctx context.Context, id int64, c shortlink.Check, next time.Duration) error {
	_, err := s.exec(ctx, `
		UPDATE links SET
			checked_at = now(),
			check_status = $2,
			check_title = CASE WHEN $4 = '' THEN $3 ELSE check_title END,
			check_error = $4,
			next_check_at = now() + $5::interval
		WHERE id = $1`, id, c.Status, c.Title, c.Error, next)
	return err
}
