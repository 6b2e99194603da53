// Package health answers the probes of an orchestrator.
package health

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"example.com/gomab/shortlinks/internal/respond"
)

// readyTimeout is shorter than the timeouts probes usually have.
const readyTimeout = 2 * time.Second

type status struct {
	Status    string `json:"status"`
	Service   string `json:"service"`
	Version   string `json:"version"`
	GoVersion string `json:"go_version"`
	Platform  string `json:"platform"`
}

// Live answers 200 as long as the process can answer at all. It must not look
// at the database: restarting the process would not repair that.
func Live(service, version string) http.HandlerFunc {
	body := status{
		Status:    "ok",
		Service:   service,
		Version:   version,
		GoVersion: runtime.Version(),
		Platform:  runtime.GOOS + "/" + runtime.GOARCH,
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		respond.JSON(w, http.StatusOK, body)
	}
}

// Ready answers 200 if check succeeds and 503 if not. The reason is logged,
// not shown: probes are often reachable by anybody.
func Ready(check func(context.Context) error, log *slog.Logger) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := check(ctx); err != nil {
			log.WarnContext(ctx, "not ready", "error", err)
			respond.JSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable"})
			return
		}
		respond.JSON(w, http.StatusOK, map[string]string{"status": "ready"})
	}
}
