// Package respond writes JSON responses.
package respond

import (
	"encoding/json"
	"net/http"
)

type failure struct {
	Error failureDetail `json:"error"`
}

type failureDetail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// JSON writes v with the given status. Values are plain structs built here,
// so encoding cannot fail; a failed write means the client has gone.
func JSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
}

// Error writes an error in the form every endpoint uses.
func Error(w http.ResponseWriter, status int, code, message string) {
	JSON(w, status, failure{failureDetail{Code: code, Message: message}})
}
