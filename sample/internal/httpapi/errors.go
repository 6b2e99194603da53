package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-chi/chi/v5/middleware"

	"example.com/gomab/shortlinks/internal/respond"
	"example.com/gomab/shortlinks/internal/store"
)

const (
	maxRequestBody = 64 << 10

	// statusClientClosed is nginx's code for a client which did not wait. It
	// is never seen on the wire, but keeps such requests out of the 5xx.
	statusClientClosed = 499
)

// storeError answers a request which failed in the store.
func (a *api) storeError(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		notFound(w)
	case errors.Is(err, store.ErrConflict):
		respond.Error(w, http.StatusConflict, "conflict", "this code is already in use")
	case errors.Is(err, context.Canceled):
		w.WriteHeader(statusClientClosed)
	case errors.Is(err, store.ErrUnavailable):
		a.logError(r, "store", err)
		w.Header().Set("Retry-After", "5")
		respond.Error(w, http.StatusServiceUnavailable, "unavailable", "the database is not available")
	default:
		a.logError(r, "store", err)
		internalError(w)
	}
}

func (a *api) logError(r *http.Request, msg string, err error) {
	a.Log.ErrorContext(r.Context(), msg, "id", middleware.GetReqID(r.Context()), "error", err)
}

func internalError(w http.ResponseWriter) {
	respond.Error(w, http.StatusInternalServerError, "internal", "internal error")
}

func notFound(w http.ResponseWriter) {
	respond.Error(w, http.StatusNotFound, "not_found", "no such link")
}

func badRequest(w http.ResponseWriter, message string) {
	respond.Error(w, http.StatusBadRequest, "bad_request", message)
}

// decode reads one JSON value into v, or answers the request and returns
// false. Unknown fields are refused: they are typing mistakes.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequestBody))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return true
		}
		badRequest(w, "the body must be a single JSON object")
		return false
	}

	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		respond.Error(w, http.StatusRequestEntityTooLarge, "too_large",
			fmt.Sprintf("the body must not exceed %d bytes", tooLarge.Limit))
	case errors.Is(err, io.EOF):
		badRequest(w, "the body is empty")
	default:
		badRequest(w, "the body cannot be read: "+err.Error())
	}
	return false
}
