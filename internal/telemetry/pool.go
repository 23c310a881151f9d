package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Pool is the state of the connections to the database.
type Pool struct {
	Used, Idle, Max int
	Waits           int64         // for a free connection, since the start
	Waited          time.Duration // the sum of all waits
}

var (
	poolConnections = prometheus.NewDesc("sealos_notify_database_connections",
		"Connections to the database; on SQLite the one that writes.", []string{"state"}, nil)
	poolMax = prometheus.NewDesc("sealos_notify_database_connections_max",
		"Most connections to the database, the one that listens among them.", nil, nil)
	poolWaits = prometheus.NewDesc("sealos_notify_database_waits_total",
		"How often no connection was free at once.", nil, nil)
	poolWaited = prometheus.NewDesc("sealos_notify_database_wait_seconds_total",
		"Time that all together waited for a free connection.", nil, nil)
)

// poolCollector collects the metrics of a pool.
type poolCollector func() Pool

// NewPoolCollector returns a collector that calls state at each scrape.
func NewPoolCollector(state func() Pool) prometheus.Collector { return poolCollector(state) }

// Describe implements prometheus.Collector.
func (poolCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{poolConnections, poolMax, poolWaits, poolWaited} {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (state poolCollector) Collect(metrics chan<- prometheus.Metric) {
	p := state()
	metrics <- prometheus.MustNewConstMetric(poolConnections, prometheus.GaugeValue, float64(p.Used), "used")
	metrics <- prometheus.MustNewConstMetric(poolConnections, prometheus.GaugeValue, float64(p.Idle), "idle")
	metrics <- prometheus.MustNewConstMetric(poolMax, prometheus.GaugeValue, float64(p.Max))
	metrics <- prometheus.MustNewConstMetric(poolWaits, prometheus.CounterValue, float64(p.Waits))
	metrics <- prometheus.MustNewConstMetric(poolWaited, prometheus.CounterValue, p.Waited.Seconds())
}
