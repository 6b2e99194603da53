package httpapi

import (
	"errors"
	"net/http"

	"github.com/go-chi/chi/v5/middleware"

	"example.com/gomab/shortlinks/internal/fetch"
	"example.com/gomab/shortlinks/internal/respond"
	"example.com/gomab/shortlinks/internal/shortlink"
)

type previewJSON struct {
	URL      string `json:"url"`
	FinalURL string `json:"final_url"`
	Status   int    `json:"status"`
	Title    string `json:"title,omitempty"`
}

// failureMessages say what went wrong without repeating the error, which
// could tell a stranger about the network this service lives in.
var failureMessages = map[string]string{
	fetch.KindBlocked:   "the target's address is not public",
	fetch.KindDNS:       "the target's host was not found",
	fetch.KindTLS:       "the target's certificate could not be verified",
	fetch.KindTimeout:   "the target took too long to answer",
	fetch.KindRedirects: "the target redirects too often, or to something other than a web page",
	fetch.KindConnect:   "the target could not be reached",
}

// preview fetches a page to show where a link would lead. It needs no
// database.
func (a *api) preview(w http.ResponseWriter, r *http.Request) {
	var in struct {
		URL string `json:"url"`
	}
	if !decode(w, r, &in) {
		return
	}
	target, err := shortlink.NormalizeURL(in.URL)
	if err != nil {
		badRequest(w, err.Error())
		return
	}
	page, err := a.Fetcher.Fetch(r.Context(), target)
	if err != nil {
		a.fetchError(w, r, err)
		return
	}
	respond.JSON(w, http.StatusOK, previewJSON{
		URL:      target,
		FinalURL: page.FinalURL,
		Status:   page.Status,
		Title:    page.Title,
	})
}

func (a *api) fetchError(w http.ResponseWriter, r *http.Request, err error) {
	kind := fetch.KindOther
	var failure *fetch.Error
	if errors.As(err, &failure) {
		kind = failure.Kind
	}
	if kind == fetch.KindCanceled {
		w.WriteHeader(statusClientClosed)
		return
	}
	a.Log.InfoContext(r.Context(), "target cannot be fetched",
		"id", middleware.GetReqID(r.Context()), "kind", kind, "error", err)

	status, message := http.StatusBadGateway, failureMessages[kind]
	if kind == fetch.KindBlocked {
		status = http.StatusUnprocessableEntity // the caller's fault, not the target's
	}
	if message == "" {
		message = "the target could not be fetched"
	}
	respond.Error(w, status, "fetch_"+kind, message)
}
