// Package metrics holds the Prometheus metrics of both programs.
package metrics

import (
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts what one process does.
type Metrics struct {
	registry *prometheus.Registry

	requests        *prometheus.CounterVec
	requestDuration *prometheus.HistogramVec
	redirects       *prometheus.CounterVec
	linksCreated    prometheus.Counter
	fetches         *prometheus.CounterVec
	fetchDuration   prometheus.Histogram
	workerCycles    *prometheus.CounterVec
	linksExpired    prometheus.Counter
}

// New returns metrics on a registry of their own, with the collectors for the
// Go runtime and the process. Service and version end up in build_info.
func New(service, version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total",
			Help: "HTTP requests answered, by route pattern, method and status code.",
		}, []string{"route", "method", "code"}),
		requestDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_request_duration_seconds",
			Help:    "Time to answer an HTTP request, by route pattern and method.",
			Buckets: prometheus.DefBuckets,
		}, []string{"route", "method"}),
		redirects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "shortlinks_redirects_total",
			Help: "Short links followed, by result (found, missing or error).",
		}, []string{"result"}),
		linksCreated: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "shortlinks_links_created_total",
			Help: "Links created.",
		}),
		fetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "shortlinks_fetches_total",
			Help: "Link targets fetched, by result (ok or the kind of failure).",
		}, []string{"result"}),
		fetchDuration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "shortlinks_fetch_duration_seconds",
			Help:    "Time to fetch a link target, redirects included.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 20},
		}),
		workerCycles: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "shortlinks_worker_cycles_total",
			Help: "Rounds of the worker, by result (ok or error).",
		}, []string{"result"}),
		linksExpired: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "shortlinks_links_expired_total",
			Help: "Expired links deleted.",
		}),
	}

	buildInfo := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "shortlinks_build_info",
		Help: "Always 1; the labels tell which build is running.",
		ConstLabels: prometheus.Labels{
			"service":    service,
			"version":    version,
			"go_version": runtime.Version(),
			"platform":   runtime.GOOS + "/" + runtime.GOARCH,
		},
	})
	buildInfo.Set(1)

	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo, m.requests, m.requestDuration, m.redirects, m.linksCreated,
		m.fetches, m.fetchDuration, m.workerCycles, m.linksExpired,
	)
	return m
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Request counts an answered request. The route must be a pattern, never a
// path: every distinct value is a time series.
func (m *Metrics) Request(route, method string, code int, d time.Duration) {
	method = knownMethod(method)
	m.requests.WithLabelValues(route, method, strconv.Itoa(code)).Inc()
	m.requestDuration.WithLabelValues(route, method).Observe(d.Seconds())
}

// Redirect counts a short link being followed.
func (m *Metrics) Redirect(result string) { m.redirects.WithLabelValues(result).Inc() }

// LinkCreated counts a new link.
func (m *Metrics) LinkCreated() { m.linksCreated.Inc() }

// LinksExpired counts deleted links.
func (m *Metrics) LinksExpired(n int64) { m.linksExpired.Add(float64(n)) }

// Fetch counts an attempt to fetch a link target.
func (m *Metrics) Fetch(result string, d time.Duration) {
	m.fetches.WithLabelValues(result).Inc()
	m.fetchDuration.Observe(d.Seconds())
}

// WorkerCycle counts a round of the worker.
func (m *Metrics) WorkerCycle(err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.workerCycles.WithLabelValues(result).Inc()
}

// knownMethod keeps clients from inventing label values.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}
