// Package logging builds the structured logger both programs use.
package logging

import (
	"io"
	"log/slog"
)

// New returns a logger which writes JSON, or text for people, to w.
func New(w io.Writer, format string, level slog.Level) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if format == "text" {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}
