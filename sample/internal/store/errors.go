package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Errors callers are expected to tell apart; anything else is a bug or an
// accident worth a 500 and a log line.
var (
	ErrNotFound    = errors.New("link not found")
	ErrConflict    = errors.New("code already in use")
	ErrUnavailable = errors.New("database unavailable")
)

// SQLSTATE values, see appendix A of the Postgres manual.
const (
	uniqueViolation = "23505"
	undefinedTable  = "42P01" // not migrated yet
	undefinedColumn = "42703" // not migrated far enough
)

// translate turns errors of pgx into those above.
func translate(err error) error {
	var (
		pgErr      *pgconn.PgError
		connectErr *pgconn.ConnectError
		netErr     *net.OpError
	)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return err // the caller went away, which says nothing of the database
	case errors.Is(err, pgx.ErrNoRows):
		return ErrNotFound
	case errors.As(err, &connectErr), errors.As(err, &netErr),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case errors.As(err, &pgErr):
		switch code := pgErr.Code; {
		case code == uniqueViolation:
			return ErrConflict
		case code == undefinedTable, code == undefinedColumn,
			strings.HasPrefix(code, "08"),  // connection exception
			strings.HasPrefix(code, "57P"): // server shutting down or starting
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	return err
}
