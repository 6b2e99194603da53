package httpapi

import (
	_ "embed"
	"net/http"
)

// The documentation is embedded: it belongs to the code that answers, not to
// the place it is installed in.
var (
	//go:embed web/index.html
	indexHTML []byte
	//go:embed web/openapi.json
	openAPI []byte
)

func serveIndex(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(indexHTML) // a failure means the client has gone
}

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(openAPI)
}
