package httpapi

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"example.com/gomab/shortlinks/internal/respond"
	"example.com/gomab/shortlinks/internal/shortlink"
	"example.com/gomab/shortlinks/internal/store"
)

const (
	defaultPage = 50
	maxPage     = 200
	statsDays   = 30
	// codeAttempts is how often a random code is drawn. With a billion links
	// stored, one in a thousand draws collides.
	codeAttempts = 4
)

type linkJSON struct {
	Code      string     `json:"code"`
	ShortURL  string     `json:"short_url"`
	URL       string     `json:"url"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	Hits      int64      `json:"hits"`
	LastHitAt *time.Time `json:"last_hit_at,omitempty"`
	Check     *checkJSON `json:"check,omitempty"`
}

type checkJSON struct {
	CheckedAt time.Time `json:"checked_at"`
	Status    int       `json:"status,omitempty"`
	Title     string    `json:"title,omitempty"`
	Error     string    `json:"error,omitempty"`
}

type linkListJSON struct {
	Links []linkJSON `json:"links"`
	Next  string     `json:"next,omitempty"`
}

type statsJSON struct {
	Code string        `json:"code"`
	Hits int64         `json:"hits"`
	Days []dayHitsJSON `json:"days"`
}

type dayHitsJSON struct {
	Day  string `json:"day"`
	Hits int64  `json:"hits"`
}

func (a *api) linkJSON(l shortlink.Link) linkJSON {
	out := linkJSON{
		Code:      l.Code,
		ShortURL:  a.BaseURL + "/" + l.Code,
		URL:       l.URL,
		CreatedAt: l.CreatedAt.UTC(),
		ExpiresAt: utc(l.ExpiresAt),
		Hits:      l.Hits,
		LastHitAt: utc(l.LastHitAt),
	}
	if l.CheckedAt != nil {
		out.Check = &checkJSON{
			CheckedAt: l.CheckedAt.UTC(),
			Status:    l.Check.Status,
			Title:     l.Check.Title,
			Error:     l.Check.Error,
		}
	}
	return out
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

func (a *api) createLink(w http.ResponseWriter, r *http.Request) {
	var in struct {
		URL       string     `json:"url"`
		Code      string     `json:"code"`
		ExpiresAt *time.Time `json:"expires_at"`
	}
	if !decode(w, r, &in) {
		return
	}
	target, err := shortlink.NormalizeURL(in.URL)
	if err != nil {
		badRequest(w, err.Error())
		return
	}
	if in.Code != "" {
		if err := shortlink.ValidateCode(in.Code); err != nil {
			badRequest(w, err.Error())
			return
		}
	}
	wanted := shortlink.Link{Code: in.Code, URL: target, ExpiresAt: in.ExpiresAt}
	if wanted.Expired(time.Now()) {
		badRequest(w, "expires_at is not in the future")
		return
	}

	link, err := a.create(r, wanted)
	if err != nil {
		a.storeError(w, r, err)
		return
	}
	a.Metrics.LinkCreated()
	w.Header().Set("Location", "/api/v1/links/"+link.Code)
	respond.JSON(w, http.StatusCreated, a.linkJSON(link))
}

// create stores a link, under a code of its own unless it has one.
func (a *api) create(r *http.Request, l shortlink.Link) (shortlink.Link, error) {
	if l.Code != "" {
		return a.Store.Create(r.Context(), l)
	}
	for attempt := 1; ; attempt++ {
		l.Code = shortlink.NewCode()
		created, err := a.Store.Create(r.Context(), l)
		if !errors.Is(err, store.ErrConflict) || attempt == codeAttempts {
			return created, err
		}
	}
}

func (a *api) listLinks(w http.ResponseWriter, r *http.Request) {
	before, limit := int64(math.MaxInt64), defaultPage
	query := r.URL.Query()
	if v := query.Get("before"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 1 {
			badRequest(w, `before must be the "next" of an earlier page`)
			return
		}
		before = n
	}
	if v := query.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > maxPage {
			badRequest(w, "limit must be a number from 1 to "+strconv.Itoa(maxPage))
			return
		}
		limit = n
	}

	links, err := a.Store.List(r.Context(), before, limit)
	if err != nil {
		a.storeError(w, r, err)
		return
	}
	out := linkListJSON{Links: make([]linkJSON, 0, len(links))} // never null
	for _, l := range links {
		out.Links = append(out.Links, a.linkJSON(l))
	}
	if len(links) == limit {
		out.Next = strconv.FormatInt(links[limit-1].ID, 10)
	}
	respond.JSON(w, http.StatusOK, out)
}

func (a *api) getLink(w http.ResponseWriter, r *http.Request) {
	link, err := a.Store.Get(r.Context(), chi.URLParam(r, "code"))
	if err != nil {
		a.storeError(w, r, err)
		return
	}
	respond.JSON(w, http.StatusOK, a.linkJSON(link))
}

func (a *api) deleteLink(w http.ResponseWriter, r *http.Request) {
	if err := a.Store.Delete(r.Context(), chi.URLParam(r, "code")); err != nil {
		a.storeError(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *api) linkStats(w http.ResponseWriter, r *http.Request) {
	code := chi.URLParam(r, "code")
	// Tells a link nobody followed from one that does not exist.
	link, err := a.Store.Get(r.Context(), code)
	if err != nil {
		a.storeError(w, r, err)
		return
	}
	days, err := a.Store.DailyHits(r.Context(), code, statsDays)
	if err != nil {
		a.storeError(w, r, err)
		return
	}
	out := statsJSON{Code: link.Code, Hits: link.Hits, Days: make([]dayHitsJSON, 0, len(days))}
	for _, d := range days {
		out.Days = append(out.Days, dayHitsJSON{Day: d.Day.Format(time.DateOnly), Hits: d.Hits})
	}
	respond.JSON(w, http.StatusOK, out)
}
