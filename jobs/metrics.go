package jobs

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// riverMetrics measure what River does.
type riverMetrics struct {
	river.HookDefaults
	fetches *prometheus.HistogramVec // by queue
	fetched *prometheus.CounterVec   // by queue
	waits   *prometheus.HistogramVec // by queue
	worked  *prometheus.CounterVec   // by queue, kind, result
}

var (
	_ rivertype.HookMetricEmit = (*riverMetrics)(nil)
	_ rivertype.HookWorkBegin  = (*riverMetrics)(nil)
	_ rivertype.HookWorkEnd    = (*riverMetrics)(nil)
)

// newRiverMetrics registers the metrics. With nil nothing is shown.
func newRiverMetrics(registry prometheus.Registerer) *riverMetrics {
	r := promauto.With(registry)
	return &riverMetrics{
		fetches: r.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sealos_notify_river_fetch_duration_seconds",
			Help:    "Time of River's statements that take jobs from a queue.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}, []string{"queue"}),
		fetched: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_river_fetched_jobs_total",
			Help: "Jobs that River took from a queue.",
		}, []string{"queue"}),
		waits: r.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sealos_notify_river_queue_wait_seconds",
			Help:    "Time from when a job was due until a worker took it.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900},
		}, []string{"queue"}),
		worked: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_river_jobs_worked_total",
			Help: "Jobs that workers returned to River, by result (completed, failed, cancelled, snoozed).",
		}, []string{"queue", "kind", "result"}),
	}
}

// MetricEmit implements rivertype.HookMetricEmit.
func (m *riverMetrics) MetricEmit(_ context.Context, params *rivertype.HookMetricEmitParams) {
	switch metric := params.Metric.(type) {
	case *rivertype.JobGetAvailableDurationMetric:
		m.fetches.WithLabelValues(metric.Queue).Observe(metric.Duration.Seconds())
	case *rivertype.JobGetAvailableCountMetric:
		m.fetched.WithLabelValues(metric.Queue).Add(float64(metric.Count))
	}
}

// WorkBegin implements rivertype.HookWorkBegin.
func (m *riverMetrics) WorkBegin(_ context.Context, job *rivertype.JobRow) error {
	m.waits.WithLabelValues(channelOf(job)).Observe(queueWait(job).Seconds())
	return nil
}

// WorkEnd implements rivertype.HookWorkEnd.
func (m *riverMetrics) WorkEnd(_ context.Context, job *rivertype.JobRow, err error) error {
	result := "completed"
	var (
		cancel *river.JobCancelError
		snooze *river.JobSnoozeError
	)
	switch {
	case errors.As(err, &cancel):
		result = "cancelled"
	case errors.As(err, &snooze):
		result = "snoozed"
	case err != nil:
		result = "failed"
	}
	m.worked.WithLabelValues(channelOf(job), job.Kind, result).Inc()
	return err
}
