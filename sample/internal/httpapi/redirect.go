package httpapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"example.com/gomab/shortlinks/internal/store"
)

// follow redirects to a link's target and counts the hit. The redirect is a
// temporary one: browsers remember permanent ones, and would neither notice
// that the link expired nor be counted again.
func (a *api) follow(w http.ResponseWriter, r *http.Request) {
	target, err := a.Store.Follow(r.Context(), chi.URLParam(r, "code"))
	switch {
	case err == nil:
		a.Metrics.Redirect("found")
		http.Redirect(w, r, target, http.StatusFound)
	case errors.Is(err, store.ErrNotFound):
		a.Metrics.Redirect("missing")
		a.storeError(w, r, err)
	default:
		a.Metrics.Redirect("error")
		a.storeError(w, r, err)
	}
}

// peek answers HEAD, as link checkers send it, without counting a hit.
func (a *api) peek(w http.ResponseWriter, r *http.Request) {
	link, err := a.Store.Get(r.Context(), chi.URLParam(r, "code"))
	if err == nil && link.Expired(time.Now()) {
		err = store.ErrNotFound
	}
	if err != nil {
		a.storeError(w, r, err)
		return
	}
	http.Redirect(w, r, link.URL, http.StatusFound)
}
