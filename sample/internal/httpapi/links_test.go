package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/gomab/shortlinks/internal/shortlink"
	"example.com/gomab/shortlinks/internal/store"
)

func TestCreateLink(t *testing.T) {
	s := &fakeStore{}
	h := New(testOptions(s))

	rec := do(h, http.MethodPost, "/api/v1/links",
		`{"url": "https://example.com?a=b&c=d", "code": "docs", "expires_at": "2999-01-01T01:00:00+01:00"}`)
	wantStatus(t, rec, http.StatusCreated)
	want := `{"code":"docs","short_url":"https://sho.rt/docs","url":"https://example.com/?a=b&c=d",` +
		`"created_at":"2030-01-02T03:04:05Z","expires_at":"2999-01-01T00:00:00Z","hits":0}`
	if got := strings.TrimSpace(rec.Body.String()); got != want {
		t.Errorf("body =\n%s\nwant\n%s", got, want)
	}
	if got := rec.Header().Get("Location"); got != "/api/v1/links/docs" {
		t.Errorf("Location = %q", got)
	}

	rec = do(h, http.MethodPost, "/api/v1/links", `{"url": "https://example.org/", "code": "docs"}`)
	wantError(t, rec, http.StatusConflict, "conflict")
}

func TestCreateLinkDrawsCodeAgain(t *testing.T) {
	s := &fakeStore{conflicts: codeAttempts - 1}
	rec := do(New(testOptions(s)), http.MethodPost, "/api/v1/links", `{"url": "https://example.com/"}`)
	wantStatus(t, rec, http.StatusCreated)
	if code := decodeBody[linkJSON](t, rec).Code; shortlink.ValidateCode(code) != nil {
		t.Errorf("code = %q", code)
	}

	s.conflicts = codeAttempts
	rec = do(New(testOptions(s)), http.MethodPost, "/api/v1/links", `{"url": "https://example.com/"}`)
	wantError(t, rec, http.StatusConflict, "conflict")
}

func TestCreateLinkRefuses(t *testing.T) {
	h := New(testOptions(&fakeStore{}))
	for name, body := range map[string]string{
		"nothing":       ``,
		"not JSON":      `url=https://example.com/`,
		"no url":        `{}`,
		"bad url":       `{"url": "javascript:alert(1)"}`,
		"bad code":      `{"url": "https://example.com/", "code": "a/b"}`,
		"reserved code": `{"url": "https://example.com/", "code": "metrics"}`,
		"past":          `{"url": "https://example.com/", "expires_at": "2001-01-01T00:00:00Z"}`,
		"bad time":      `{"url": "https://example.com/", "expires_at": "tomorrow"}`,
		"unknown field": `{"url": "https://example.com/", "expiry": "2999-01-01T00:00:00Z"}`,
		"two values":    `{"url": "https://example.com/"} {}`,
		"trailing junk": `{"url": "https://example.com/"} x`,
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, do(h, http.MethodPost, "/api/v1/links", body), http.StatusBadRequest, "bad_request")
		})
	}
	huge := `{"url": "https://example.com/` + strings.Repeat("a", maxRequestBody) + `"}`
	wantError(t, do(h, http.MethodPost, "/api/v1/links", huge), http.StatusRequestEntityTooLarge, "too_large")
}

func TestGetAndDeleteLink(t *testing.T) {
	checked := time.Date(2030, 1, 2, 3, 4, 5, 0, time.FixedZone("CET", 3600))
	s := &fakeStore{links: []shortlink.Link{{
		ID: 1, Code: "docs", URL: "https://example.com/",
		CheckedAt: &checked, Check: shortlink.Check{Status: 200, Title: "Example"},
	}}}
	h := New(testOptions(s))

	rec := do(h, http.MethodGet, "/api/v1/links/docs", "")
	wantStatus(t, rec, http.StatusOK)
	want := checkJSON{CheckedAt: checked.UTC(), Status: 200, Title: "Example"}
	if got := decodeBody[linkJSON](t, rec).Check; got == nil || *got != want {
		t.Errorf("check = %+v, want %+v", got, want)
	}

	wantStatus(t, do(h, http.MethodDelete, "/api/v1/links/docs", ""), http.StatusNoContent)
	for _, path := range []string{"/api/v1/links/docs", "/api/v1/links/docs/stats", "/api/v1/links/%00"} {
		wantError(t, do(h, http.MethodGet, path, ""), http.StatusNotFound, "not_found")
	}
	wantError(t, do(h, http.MethodDelete, "/api/v1/links/docs", ""), http.StatusNotFound, "not_found")
}

func TestListLinks(t *testing.T) {
	s := &fakeStore{}
	h := New(testOptions(s))
	rec := do(h, http.MethodGet, "/api/v1/links", "")
	if got := strings.TrimSpace(rec.Body.String()); got != `{"links":[]}` {
		t.Errorf("empty list is %s", got)
	}

	for i := range 5 {
		s.links = append(s.links, shortlink.Link{ID: int64(i + 1), Code: fmt.Sprintf("code%d", i+1)})
	}
	var seen []string
	for path := "/api/v1/links?limit=2"; path != ""; {
		rec := do(h, http.MethodGet, path, "")
		wantStatus(t, rec, http.StatusOK)
		page := decodeBody[linkListJSON](t, rec)
		for _, l := range page.Links {
			seen = append(seen, l.Code)
		}
		path = ""
		if page.Next != "" {
			path = "/api/v1/links?limit=2&before=" + page.Next
		}
	}
	if got := strings.Join(seen, " "); got != "code5 code4 code3 code2 code1" {
		t.Errorf("pages hold %s", got)
	}

	for _, query := range []string{"limit=0", "limit=201", "limit=x", "before=0", "before=x"} {
		wantError(t, do(h, http.MethodGet, "/api/v1/links?"+query, ""), http.StatusBadRequest, "bad_request")
	}
}

func TestLinkStats(t *testing.T) {
	s := &fakeStore{links: []shortlink.Link{{Code: "docs", Hits: 9}}}
	rec := do(New(testOptions(s)), http.MethodGet, "/api/v1/links/docs/stats", "")
	wantStatus(t, rec, http.StatusOK)
	want := `{"code":"docs","hits":9,"days":[{"day":"2030-01-02","hits":7}]}`
	if got := strings.TrimSpace(rec.Body.String()); got != want {
		t.Errorf("body = %s, want %s", got, want)
	}
}

func TestFollow(t *testing.T) {
	past := time.Now().Add(-time.Minute)
	s := &fakeStore{links: []shortlink.Link{
		{Code: "docs", URL: "https://example.com/docs"},
		{Code: "old", URL: "https://example.com/old", ExpiresAt: &past},
	}}
	h := New(testOptions(s))

	for _, method := range []string{http.MethodGet, http.MethodHead} {
		rec := do(h, method, "/docs", "")
		wantStatus(t, rec, http.StatusFound)
		if got := rec.Header().Get("Location"); got != "https://example.com/docs" {
			t.Errorf("%s: Location = %q", method, got)
		}
		wantStatus(t, do(h, method, "/old", ""), http.StatusNotFound)
		wantStatus(t, do(h, method, "/none", ""), http.StatusNotFound)
		wantStatus(t, do(h, method, "/favicon.ico", ""), http.StatusNotFound)
	}
	if s.links[0].Hits != 1 {
		t.Errorf("%d hits, want 1: HEAD must not count", s.links[0].Hits)
	}
	body := do(h, http.MethodGet, "/metrics", "").Body.String()
	for _, want := range []string{
		`shortlinks_redirects_total{result="found"} 1`,
		`shortlinks_redirects_total{result="missing"} 2`,
		`http_requests_total{code="302",method="GET",route="/{code}"} 1`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

func TestStoreErrors(t *testing.T) {
	unavailable := fmt.Errorf("%w: connection refused by 10.0.0.5", store.ErrUnavailable)
	for _, tc := range []struct {
		err    error
		status int
		code   string
	}{
		{unavailable, http.StatusServiceUnavailable, "unavailable"},
		{errors.New("syntax error in 10.0.0.5"), http.StatusInternalServerError, "internal"},
	} {
		h := New(testOptions(&fakeStore{err: tc.err}))
		for _, r := range [][3]string{
			{http.MethodPost, "/api/v1/links", `{"url": "https://example.com/"}`},
			{http.MethodGet, "/api/v1/links", ""},
			{http.MethodGet, "/api/v1/links/docs", ""},
			{http.MethodGet, "/api/v1/links/docs/stats", ""},
			{http.MethodDelete, "/api/v1/links/docs", ""},
			{http.MethodGet, "/docs", ""},
		} {
			rec := do(h, r[0], r[1], r[2])
			wantError(t, rec, tc.status, tc.code)
			if strings.Contains(rec.Body.String(), "10.0.0.5") {
				t.Errorf("%s %s: the answer repeats the error: %s", r[0], r[1], rec.Body)
			}
		}
	}
	h := New(testOptions(&fakeStore{err: context.Canceled}))
	wantStatus(t, do(h, http.MethodGet, "/docs", ""), statusClientClosed)
}
