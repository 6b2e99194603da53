package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"example.com/gomab/shortlinks/internal/fetch"
	"example.com/gomab/shortlinks/internal/shortlink"
)

func TestOpenAPIDescribesEveryRoute(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	var described []string
	for path, operations := range doc.Paths {
		for method := range operations {
			if method != "parameters" {
				described = append(described, strings.ToUpper(method)+" "+path)
			}
		}
	}

	var routed []string
	err := chi.Walk(newRouter(testOptions(&fakeStore{})), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if route != "/" && route != "/openapi.json" {
			routed = append(routed, method+" "+route)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(described)
	slices.Sort(routed)
	if !slices.Equal(described, routed) {
		t.Errorf("openapi.json describes\n%s\nbut there is\n%s", strings.Join(described, "\n"), strings.Join(routed, "\n"))
	}
}

func TestPages(t *testing.T) {
	opts := testOptions(&fakeStore{})
	opts.Ready = func(context.Context) error { return errors.New("no database") }
	h := New(opts)
	for path, want := range map[string]struct {
		status      int
		contentType string
		body        string
	}{
		"/":             {200, "text/html; charset=utf-8", "<h1>shortlinks</h1>"},
		"/openapi.json": {200, "application/json; charset=utf-8", `"openapi"`},
		"/healthz":      {200, "application/json; charset=utf-8", `"version":"test"`},
		"/readyz":       {503, "application/json; charset=utf-8", `"unavailable"`},
		"/metrics":      {200, "text/plain; version=0.0.4", "shortlinks_build_info{"},
		"/no/such/path": {404, "application/json; charset=utf-8", `"not_found"`},
	} {
		rec := do(h, http.MethodGet, path, "")
		if rec.Code != want.status || !strings.HasPrefix(rec.Header().Get("Content-Type"), want.contentType) ||
			!strings.Contains(rec.Body.String(), want.body) {
			t.Errorf("GET %s = %d %q\n%s", path, rec.Code, rec.Header().Get("Content-Type"), rec.Body)
		}
	}
	wantError(t, do(h, http.MethodPut, "/api/v1/links", ""), http.StatusMethodNotAllowed, "method_not_allowed")
}

func TestAuthorize(t *testing.T) {
	opts := testOptions(&fakeStore{links: []shortlink.Link{{Code: "docs", URL: "https://example.com/"}}})
	opts.Token = "s3cret"
	h := New(opts)

	get := func(path, authorization string) *httptest.ResponseRecorder {
		req := httptest.NewRequest(http.MethodGet, path, nil)
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		return rec
	}
	for _, header := range []string{"", "s3cret", "Bearer", "Bearer ", "Bearer wrong", "Basic s3cret", "Bearer s3cret "} {
		rec := get("/api/v1/links", header)
		wantError(t, rec, http.StatusUnauthorized, "unauthorized")
		if rec.Header().Get("WWW-Authenticate") == "" {
			t.Error("no WWW-Authenticate header")
		}
	}
	wantStatus(t, get("/api/v1/links", "Bearer s3cret"), http.StatusOK)
	wantStatus(t, get("/api/v1/links", "bearer s3cret"), http.StatusOK)
	// Following links and probes stay open.
	wantStatus(t, get("/docs", ""), http.StatusFound)
	wantStatus(t, get("/healthz", ""), http.StatusOK)
}

func TestPanicBecomes500(t *testing.T) {
	opts := testOptions(nil) // calling a nil store panics
	h := New(opts)
	wantError(t, do(h, http.MethodGet, "/docs", ""), http.StatusInternalServerError, "internal")
	body := do(h, http.MethodGet, "/metrics", "").Body.String()
	if want := `http_requests_total{code="500",method="GET",route="/{code}"} 1`; !strings.Contains(body, want) {
		t.Errorf("metrics lack %s", want)
	}
}

func TestPreview(t *testing.T) {
	opts := testOptions(&fakeStore{})
	rec := do(New(opts), http.MethodPost, "/api/v1/preview", `{"url": "https://example.com"}`)
	wantStatus(t, rec, http.StatusOK)
	want := previewJSON{URL: "https://example.com/", FinalURL: "https://example.com/", Status: 200, Title: "Example"}
	if got := decodeBody[previewJSON](t, rec); got != want {
		t.Errorf("preview = %+v, want %+v", got, want)
	}
	wantError(t, do(New(opts), http.MethodPost, "/api/v1/preview", `{"url": "file:///etc/passwd"}`),
		http.StatusBadRequest, "bad_request")

	for kind, status := range map[string]int{
		fetch.KindBlocked:   http.StatusUnprocessableEntity,
		fetch.KindTLS:       http.StatusBadGateway,
		fetch.KindTimeout:   http.StatusBadGateway,
		fetch.KindRedirects: http.StatusBadGateway,
		fetch.KindOther:     http.StatusBadGateway,
	} {
		opts.Fetcher = fetchFunc(func(string) (fetch.Page, error) {
			return fetch.Page{}, &fetch.Error{Kind: kind, Err: errors.New("dial tcp 10.0.0.5:443: refused")}
		})
		rec := do(New(opts), http.MethodPost, "/api/v1/preview", `{"url": "https://example.com"}`)
		wantError(t, rec, status, "fetch_"+kind)
		if strings.Contains(rec.Body.String(), "10.0.0.5") {
			t.Errorf("%s: the answer repeats the error: %s", kind, rec.Body)
		}
	}
}
