package metrics

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// poolCollector reads the state of a connection pool when it is scraped.
type poolCollector struct {
	stat    func() *pgxpool.Stat
	metrics []poolMetric
}

type poolMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*pgxpool.Stat) float64
}

// WatchPool exports a connection pool. Nothing is exported while stat returns
// nil, which is what a store without a database does.
func (m *Metrics) WatchPool(stat func() *pgxpool.Stat) {
	metric := func(name, help string, kind prometheus.ValueType, read func(*pgxpool.Stat) float64) poolMetric {
		return poolMetric{prometheus.NewDesc("shortlinks_db_"+name, help, nil, nil), kind, read}
	}
	m.registry.MustRegister(&poolCollector{stat: stat, metrics: []poolMetric{
		metric("connections_max", "Largest size of the connection pool.", prometheus.GaugeValue,
			func(s *pgxpool.Stat) float64 { return float64(s.MaxConns()) }),
		metric("connections_open", "Connections in the pool, idle or not.", prometheus.GaugeValue,
			func(s *pgxpool.Stat) float64 { return float64(s.TotalConns()) }),
		metric("connections_in_use", "Connections running a query.", prometheus.GaugeValue,
			func(s *pgxpool.Stat) float64 { return float64(s.AcquiredConns()) }),
		metric("acquires_total", "Connections taken from the pool.", prometheus.CounterValue,
			func(s *pgxpool.Stat) float64 { return float64(s.AcquireCount()) }),
		metric("acquire_waits_total", "Acquires that had to wait for a connection.", prometheus.CounterValue,
			func(s *pgxpool.Stat) float64 { return float64(s.EmptyAcquireCount()) }),
		metric("acquire_seconds_total", "Time spent acquiring connections.", prometheus.CounterValue,
			func(s *pgxpool.Stat) float64 { return s.AcquireDuration().Seconds() }),
	}})
}

func (c *poolCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		ch <- m.desc
	}
}

func (c *poolCollector) Collect(ch chan<- prometheus.Metric) {
	stat := c.stat()
	if stat == nil {
		return
	}
	for _, m := range c.metrics {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.read(stat))
	}
}
