package delivering

import (
	"cmp"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// noClass is the class label of an attempt that did not fail.
const noClass = "none"

// metrics count attempts and provider calls. Labels are channels, providers and classes,
// never an app, a template or an address, so that each has few values.
type metrics struct {
	attempts *prometheus.CounterVec   // by channel, provider, status, class
	latency  *prometheus.HistogramVec // by channel
	calls    *prometheus.HistogramVec // by provider, class
	urgent   *prometheus.CounterVec   // by channel, provider, class
	quotas   *prometheus.CounterVec   // by channel, provider
	breakers *prometheus.CounterVec   // by provider
	gone     *prometheus.CounterVec   // by channel

	edits *prometheus.CounterVec // by channel, result

	digests     *prometheus.CounterVec // by channel
	digestItems *prometheus.CounterVec // by channel
}

// newMetrics registers the metrics. With nil nothing is shown.
func newMetrics(registry prometheus.Registerer) *metrics {
	r := promauto.With(registry)
	return &metrics{
		attempts: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_attempts_total",
			Help: "Recorded attempts, by what they made of the delivery (success, failed: it is retried, dead) and the class of their error.",
		}, []string{"channel", "provider", "status", "class"}),
		latency: r.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sealos_notify_delivery_latency_seconds",
			Help:    "Time from when a delivery was accepted, or was to be sent, until it arrived.",
			Buckets: store.TookBounds,
		}, []string{"channel"}),
		calls: r.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sealos_notify_vendor_call_duration_seconds",
			Help:    "Time of calls to vendors, by the class of their error.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"provider", "class"}),
		urgent: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_urgent_failures_total",
			Help: "Urgent calls that failed after their message had arrived, by the class of their error.",
		}, []string{"channel", "provider", "class"}),
		quotas: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_quota_spent_total",
			Help: "Calls that a vendor refused because a quota for a day or a month is used up.",
		}, []string{"channel", "provider"}),
		edits: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_edits_total",
			Help: "Messages of threads that were edited, those that were sent anew because the vendor refused the edit, and cards of incidents that a note was put on.",
		}, []string{"channel", "result"}),
		digests: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_digests_total",
			Help: "Digests that were closed and rendered.",
		}, []string{"channel"}),
		digestItems: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_digest_items_total",
			Help: "Items of the digests that were closed and rendered.",
		}, []string{"channel"}),
		breakers: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_breaker_changes_total",
			Help: "How often this replica opened or closed a provider's breaker.",
		}, []string{"provider"}),
		gone: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_suppressions_total",
			Help: "Addresses that a vendor refused for good, to which nothing is sent for a time.",
		}, []string{"channel"}),
	}
}

// Expect shows zeros for everything that the providers may come to count. To Prometheus, a
// series that appears with the value 1 has not increased.
func (d *Deliverer) Expect(registry *channels.Registry) {
	for _, channel := range registry.Channels() {
		d.unlisted.expect(channel)
		d.metrics.gone.WithLabelValues(channel)
		d.metrics.digests.WithLabelValues(channel)
		d.metrics.digestItems.WithLabelValues(channel)
		for _, provider := range registry.Providers(channel) {
			if p, _ := registry.Named(provider); p.Type.Edits {
				d.metrics.edits.WithLabelValues(channel, edited)
				d.metrics.edits.WithLabelValues(channel, sentAnew)
				d.metrics.edits.WithLabelValues(channel, noted)
			}
			d.metrics.expect(channel, provider, len(d.types[channel].Urgent) > 0)
		}
	}
}

func (m *metrics) expect(channel, provider string, urges bool) {
	m.attempts.WithLabelValues(channel, provider, string(store.DeliverySuccess), noClass)
	m.quotas.WithLabelValues(channel, provider)
	m.breakers.WithLabelValues(provider)
	for _, class := range []channels.Class{
		channels.Permanent, channels.Transient, channels.Throttled, channels.Misconfigured, channels.Uncertain,
	} {
		m.attempts.WithLabelValues(channel, provider, string(store.DeliveryDead), string(class))
		if urges {
			m.urgent.WithLabelValues(channel, provider, string(class))
		}
		if class != channels.Permanent {
			m.attempts.WithLabelValues(channel, provider, string(store.DeliveryFailed), string(class))
		}
	}
}

// countAttempt counts an attempt that was recorded.
func (m *metrics) countAttempt(d store.Delivery, o store.Outcome) {
	m.attempts.WithLabelValues(d.Channel, o.Attempt.Provider, string(o.Status), cmp.Or(o.Attempt.Class, noClass)).Inc()
	if o.SuppressUntil != nil {
		m.gone.WithLabelValues(d.Channel).Inc()
	}
	if o.Status == store.DeliverySuccess {
		m.latency.WithLabelValues(d.Channel).Observe(o.Attempt.FinishedAt.Sub(d.Due()).Seconds())
	}
}

// countCall counts a provider call.
func (m *metrics) countCall(p channels.Provider, took time.Duration, err error) {
	class := noClass
	if err != nil {
		class = string(channels.AsError(err).Class)
	}
	m.calls.WithLabelValues(p.Name, class).Observe(took.Seconds())
}
