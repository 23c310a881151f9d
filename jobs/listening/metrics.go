package listening

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/labring/sealos-notify/channels"
)

// metrics count what is heard.
type metrics struct {
	listening *prometheus.GaugeVec   // by provider
	failures  *prometheus.CounterVec // by provider, class
	heard     *prometheus.CounterVec // by provider, event, result
}

// newMetrics registers the metrics. With nil nothing is shown.
func newMetrics(registry prometheus.Registerer) *metrics {
	r := promauto.With(registry)
	return &metrics{
		listening: r.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sealos_notify_listening",
			Help: "Whether this replica listens to the provider; one replica at a time does.",
		}, []string{"provider"}),
		failures: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_listening_failures_total",
			Help: "Connections to listen to a provider that failed or broke, by the class of their error.",
		}, []string{"provider", "class"}),
		heard: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_heard_total",
			Help: "Events that providers told (read, press), by result (done, unknown: no delivery or read before, refused, failed).",
		}, []string{"provider", "event", "result"}),
	}
}

// expect shows zeros for everything that a provider may come to count.
func (m *metrics) expect(provider string) {
	m.listening.WithLabelValues(provider).Set(0)
	for _, class := range []channels.Class{channels.Transient, channels.Throttled, channels.Permanent} {
		m.failures.WithLabelValues(provider, string(class))
	}
	for event, results := range map[string][]string{"read": {"done", "unknown", "failed"}, "press": {"done", "refused", "failed"}} {
		for _, result := range results {
			m.heard.WithLabelValues(provider, event, result)
		}
	}
}
