package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"example.com/gomab/shortlinks/internal/respond"
	"example.com/gomab/shortlinks/internal/shortlink"
)

// observe logs and counts every request.
func (a *api) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() {
			status := ww.Status()
			if status == 0 {
				status = http.StatusOK // what net/http sends if nothing was written
			}
			// The pattern is known only once the router has done its work.
			route := chi.RouteContext(r.Context()).RoutePattern()
			if route == "" {
				route = "unmatched"
			}
			duration := time.Since(start)
			a.Metrics.Request(route, r.Method, status, duration)
			a.Log.LogAttrs(r.Context(), requestLevel(route, status), "request",
				slog.String("id", middleware.GetReqID(r.Context())),
				slog.String("method", r.Method),
				slog.String("path", r.URL.Path),
				slog.String("route", route),
				slog.Int("status", status),
				slog.Int("bytes", ww.BytesWritten()),
				slog.String("duration", duration.String()),
				slog.String("remote", r.RemoteAddr),
			)
		}()
		next.ServeHTTP(ww, r)
	})
}

// requestLevel keeps probes and scrapes, which never end, out of the log.
func requestLevel(route string, status int) slog.Level {
	switch route {
	case "/healthz", "/readyz", "/metrics":
		return slog.LevelDebug
	}
	switch {
	case status == http.StatusInternalServerError:
		return slog.LevelError
	case status > http.StatusInternalServerError:
		return slog.LevelWarn // the database's fault, or the target's
	}
	return slog.LevelInfo
}

// recoverer turns a panic into a 500 and a log line with its stack.
func (a *api) recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler {
				panic(v) // net/http's own way to drop a connection
			}
			a.Log.ErrorContext(r.Context(), "panic", "id", middleware.GetReqID(r.Context()),
				"value", v, "stack", string(debug.Stack()))
			internalError(w)
		}()
		next.ServeHTTP(w, r)
	})
}

// authorize demands the bearer token, if one is configured.
func (a *api) authorize(next http.Handler) http.Handler {
	if a.Token == "" {
		return next
	}
	// Hashes have one length, so that comparing takes the same time always.
	want := sha256.Sum256([]byte(a.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(token))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="shortlinks"`)
			respond.Error(w, http.StatusUnauthorized, "unauthorized", "a valid bearer token is required")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// validCode answers requests for what cannot be a code, /favicon.ico for one,
// without asking the database.
func validCode(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if shortlink.ValidateCode(chi.URLParam(r, "code")) != nil {
			notFound(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// withTimeout ends the request's context after d. Handlers notice through the
// error of whatever they wait for, and answer themselves.
func withTimeout(d time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), d)
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}
