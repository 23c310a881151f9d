package app

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// reloadMetrics count reloads of the configuration.
type reloadMetrics struct {
	reloads     *prometheus.CounterVec // by result
	succeededAt prometheus.Gauge
	successful  prometheus.Gauge
	unwatched   prometheus.Counter
}

// newReloadMetrics registers the metrics. A start is not counted as a reload.
func newReloadMetrics(registry prometheus.Registerer) *reloadMetrics {
	r := promauto.With(registry)
	m := &reloadMetrics{
		reloads: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_config_reloads_total",
			Help: "Reloads of the configuration, by result (ok, refused).",
		}, []string{"result"}),
		succeededAt: r.NewGauge(prometheus.GaugeOpts{
			Name: "sealos_notify_config_last_success_timestamp_seconds",
			Help: "When the configuration in effect was loaded.",
		}),
		successful: r.NewGauge(prometheus.GaugeOpts{
			Name: "sealos_notify_config_last_reload_successful",
			Help: "Whether the last reload succeeded: 0 means that the files are not what is in effect.",
		}),
		unwatched: r.NewCounter(prometheus.CounterOpts{
			Name: "sealos_notify_config_watch_failures_total",
			Help: "How often the kernel gave no watch of the configuration's files. While it grows, changes are seen by a slow look only.",
		}),
	}
	m.reloads.WithLabelValues("ok")
	m.reloads.WithLabelValues("refused")
	return m
}

// loaded notes that the files are in effect.
func (m *reloadMetrics) loaded() {
	m.succeededAt.SetToCurrentTime()
	m.successful.Set(1)
}

func (m *reloadMetrics) succeeded() {
	m.reloads.WithLabelValues("ok").Inc()
	m.loaded()
}

func (m *reloadMetrics) refused() {
	m.reloads.WithLabelValues("refused").Inc()
	m.successful.Set(0)
}
