package groupcommit

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics measure the batches of all Committers.
type Metrics struct {
	sizes *prometheus.HistogramVec // by batch
	times *prometheus.HistogramVec // by batch and result
}

// NewMetrics registers the metrics. With nil nothing is shown.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	r := promauto.With(registry)
	return &Metrics{
		sizes: r.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sealos_notify_batch_size",
			Help:    "Items done at once in the database: commits of notifications (accept) and outcomes (record), reads of deliveries (load).",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}, []string{"batch"}),
		times: r.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sealos_notify_batch_duration_seconds",
			Help:    "Time that a batch took.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"batch", "result"}),
	}
}

// expect shows zeros for a batch that was never committed.
func (m *Metrics) expect(batch string) {
	m.sizes.WithLabelValues(batch)
	m.times.WithLabelValues(batch, "ok")
	m.times.WithLabelValues(batch, "error")
}

// observe counts one commit.
func (m *Metrics) observe(batch string, items int, took time.Duration, err error) {
	if err != nil {
		m.times.WithLabelValues(batch, "error").Observe(took.Seconds())
		return
	}
	m.sizes.WithLabelValues(batch).Observe(float64(items))
	m.times.WithLabelValues(batch, "ok").Observe(took.Seconds())
}
