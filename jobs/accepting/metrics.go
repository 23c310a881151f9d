package accepting

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// metrics count what is accepted. No label has many values: the apps are those of the configuration
// that have limits.
type metrics struct {
	accepted   prometheus.Counter
	replayed   prometheus.Counter
	deliveries *prometheus.CounterVec // by channel
	withheld   *prometheus.CounterVec // by channel, code
	fallbacks  *prometheus.CounterVec // by channel, sent
	limited    *prometheus.CounterVec // by app, limit, channel
}

// newMetrics registers the metrics. With nil nothing is shown.
func newMetrics(registry prometheus.Registerer) *metrics {
	r := promauto.With(registry)
	return &metrics{
		accepted: r.NewCounter(prometheus.CounterOpts{
			Name: "sealos_notify_notifications_accepted_total",
			Help: "Notifications accepted, replays not counted.",
		}),
		replayed: r.NewCounter(prometheus.CounterOpts{
			Name: "sealos_notify_notifications_replayed_total",
			Help: "Requests that repeated an accepted notification.",
		}),
		deliveries: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_deliveries_accepted_total",
			Help: "Deliveries (recipient and channel) of accepted notifications.",
		}, []string{"channel"}),
		withheld: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_deliveries_withheld_total",
			Help: "Deliveries of accepted notifications that were cancelled at once, by code.",
		}, []string{"channel", "code"}),
		fallbacks: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_alert_fallbacks_total",
			Help: "Alerts that a channel did not send as their receiver is configured, by what it sent instead (plain, nothing).",
		}, []string{"channel", "sent"}),
		limited: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_notifications_limited_total",
			Help: "Requests refused because their app had spent a limit, by its name and channel. An empty channel is that of all notifications.",
		}, []string{"app", "limit", "channel"}),
	}
}

// Expect shows zeros for the channels that are on. To Prometheus, a series that appears with
// the value 1 has not increased.
func (a *Accepter) Expect(registry *channels.Registry) {
	for _, channel := range registry.Channels() {
		a.metrics.deliveries.WithLabelValues(channel)
		for _, code := range []string{store.CodeCapped, store.CodeOptedOut, store.CodeSuppressed} {
			a.metrics.withheld.WithLabelValues(channel, code)
		}
		a.metrics.fallbacks.WithLabelValues(channel, sentPlain)
		a.metrics.fallbacks.WithLabelValues(channel, sentNothing)
	}
}

// countAccepted counts a notification that was just written, and what was withheld of it.
func (m *metrics) countAccepted(a store.Acceptance, withheld map[store.Withheld]int) {
	m.accepted.Inc()
	m.countDeliveries(a.Deliveries, withheld)
	for _, step := range a.Steps {
		m.countDeliveries(step.Deliveries, nil)
	}
}

// countDeliveries counts deliveries that were just written, and what was withheld of them.
func (m *metrics) countDeliveries(deliveries []store.Delivery, withheld map[store.Withheld]int) {
	byChannel := map[string]int{}
	for i := range deliveries {
		byChannel[deliveries[i].Channel]++
	}
	for channel, n := range byChannel {
		m.deliveries.WithLabelValues(channel).Add(float64(n))
	}
	for why, n := range withheld {
		m.withheld.WithLabelValues(why.Channel, why.Code).Add(float64(n))
	}
}

// countLimited counts a request that was beyond a quota of its app, when it was. It shows
// zeros for the app's other quotas.
func (m *metrics) countLimited(app string, quotas []store.Quota, beyond *store.QuotaError) {
	for _, q := range quotas {
		counter := m.limited.WithLabelValues(app, q.String(), q.Channel)
		if beyond != nil && beyond.Quota == q {
			counter.Inc()
		}
	}
}
