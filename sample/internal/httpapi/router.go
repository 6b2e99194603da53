// Package httpapi is the HTTP face of the service.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"example.com/gomab/shortlinks/internal/fetch"
	"example.com/gomab/shortlinks/internal/health"
	"example.com/gomab/shortlinks/internal/metrics"
	"example.com/gomab/shortlinks/internal/respond"
	"example.com/gomab/shortlinks/internal/shortlink"
)

// dbTimeout bounds the queries of one request. A client is better off with a
// quick 503 than with a slow one.
const dbTimeout = 5 * time.Second

// Store is what the handlers need of the database.
type Store interface {
	Create(ctx context.Context, l shortlink.Link) (shortlink.Link, error)
	Get(ctx context.Context, code string) (shortlink.Link, error)
	List(ctx context.Context, before int64, limit int) ([]shortlink.Link, error)
	Delete(ctx context.Context, code string) error
	Follow(ctx context.Context, code string) (string, error)
	DailyHits(ctx context.Context, code string, limit int) ([]shortlink.DayHits, error)
}

// Fetcher looks at a link's target.
type Fetcher interface {
	Fetch(ctx context.Context, url string) (fetch.Page, error)
}

// Options are the parts a handler is made of; all but Token are required.
type Options struct {
	Store   Store
	Fetcher Fetcher
	Metrics *metrics.Metrics
	Log     *slog.Logger
	Ready   func(context.Context) error
	Version string
	BaseURL string // what short links start with, without a trailing slash
	Token   string // bearer token of the API; empty: none needed
}

type api struct {
	Options
}

// New returns the handler of the whole service.
func New(opts Options) http.Handler {
	return newRouter(opts)
}

func newRouter(opts Options) chi.Router {
	a := &api{opts}
	r := chi.NewRouter()
	// observe comes before recoverer so that it sees the 500 of a panic.
	r.Use(middleware.RequestID, a.observe, a.recoverer)
	r.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		respond.Error(w, http.StatusNotFound, "not_found", "there is nothing here")
	})
	r.MethodNotAllowed(func(w http.ResponseWriter, _ *http.Request) {
		respond.Error(w, http.StatusMethodNotAllowed, "method_not_allowed", "method not allowed")
	})

	r.Get("/", serveIndex)
	r.Get("/openapi.json", serveOpenAPI)
	r.Get("/healthz", health.Live("api", opts.Version))
	r.Get("/readyz", health.Ready(opts.Ready, opts.Log))
	r.Method(http.MethodGet, "/metrics", opts.Metrics.Handler())

	r.Route("/api/v1", func(r chi.Router) {
		r.Use(a.authorize)
		r.Post("/preview", a.preview)
		r.Group(func(r chi.Router) {
			r.Use(withTimeout(dbTimeout))
			r.Post("/links", a.createLink)
			r.Get("/links", a.listLinks)
			r.With(validCode).Get("/links/{code}", a.getLink)
			r.With(validCode).Delete("/links/{code}", a.deleteLink)
			r.With(validCode).Get("/links/{code}/stats", a.linkStats)
		})
	})

	r.Group(func(r chi.Router) {
		r.Use(validCode, withTimeout(dbTimeout))
		r.Get("/{code}", a.follow)
		r.Head("/{code}", a.peek)
	})
	return r
}
