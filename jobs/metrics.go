package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// noClass is the class of an attempt that did not fail.
const noClass = "none"

// metrics are what the service counts. Every label has few values: channels,
// providers, classes and codes, never a template, an app or an address.
type metrics struct {
	accepted   prometheus.Counter
	replayed   prometheus.Counter
	deliveries *prometheus.CounterVec   // accepted, by channel
	attempts   *prometheus.CounterVec   // by channel, provider, status, class
	latency    *prometheus.HistogramVec // by channel
	calls      *prometheus.HistogramVec // by provider, class
	sizes      *prometheus.HistogramVec // by batch
	batches    *prometheus.HistogramVec // by batch, result
	strays     *prometheus.CounterVec   // by code
	river      *riverMetrics
}

// newMetrics registers the metrics; with nil they are counted and shown nowhere.
func newMetrics(registry prometheus.Registerer) *metrics {
	r := promauto.With(registry)
	m := &metrics{
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
		attempts: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_attempts_total",
			Help: "Recorded attempts, by what they made of the delivery (success, failed: it is retried, dead) and the class of their error.",
		}, []string{"channel", "provider", "status", "class"}),
		latency: r.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sealos_notify_delivery_latency_seconds",
			Help:    "Time from when a delivery was accepted, or was to be sent, until it arrived.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600},
		}, []string{"channel"}),
		calls: r.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sealos_notify_vendor_call_duration_seconds",
			Help:    "Time of calls to vendors, by the class of their error.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"provider", "class"}),
		sizes: r.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sealos_notify_batch_size",
			Help:    "Items done at once in the database: commits of notifications (accept) and outcomes (record), reads of deliveries (load).",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}, []string{"batch"}),
		batches: r.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sealos_notify_batch_duration_seconds",
			Help:    "Time that a batch took.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"batch", "result"}),
		strays: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_strays_total",
			Help: "Open deliveries that were found without a job that would send them, by the code they were closed with.",
		}, []string{"code"}),
		river: newRiverMetrics(r),
	}
	for _, code := range []string{CodeJobCancelled, CodeJobDeleted, CodeJobEnded, channels.CodeUncertainOutcome} {
		m.strays.WithLabelValues(code)
	}
	return m
}

// expect shows zeros for all that the channels may come to count: the first of a
// series that appears with 1 is no increase to Prometheus.
func (m *metrics) expect(registry *channels.Registry) {
	for _, channel := range registry.Channels() {
		m.deliveries.WithLabelValues(channel)
		for _, provider := range registry.Providers(channel) {
			m.expectAttempts(channel, provider)
		}
	}
}

func (m *metrics) expectAttempts(channel, provider string) {
	m.attempts.WithLabelValues(channel, provider, string(store.DeliverySuccess), noClass)
	for _, class := range []channels.Class{
		channels.Permanent, channels.Transient, channels.Throttled, channels.Misconfigured, channels.Uncertain,
	} {
		m.attempts.WithLabelValues(channel, provider, string(store.DeliveryDead), string(class))
		if class != channels.Permanent {
			m.attempts.WithLabelValues(channel, provider, string(store.DeliveryFailed), string(class))
		}
	}
}

// countAccepted counts a notification that was just written. Its deliveries are
// grouped by channel.
func (m *metrics) countAccepted(a store.Acceptance) {
	m.accepted.Inc()
	for first := 0; first < len(a.Deliveries); {
		channel, next := a.Deliveries[first].Channel, first+1
		for next < len(a.Deliveries) && a.Deliveries[next].Channel == channel {
			next++
		}
		m.deliveries.WithLabelValues(channel).Add(float64(next - first))
		first = next
	}
}

// countAttempt counts an attempt that was recorded.
func (m *metrics) countAttempt(d store.Delivery, o store.Outcome) {
	class := o.Attempt.Class
	if class == "" {
		class = noClass
	}
	m.attempts.WithLabelValues(d.Channel, o.Attempt.Provider, string(o.Status), class).Inc()
	if o.Status == store.DeliverySuccess {
		m.latency.WithLabelValues(d.Channel).Observe(o.Attempt.FinishedAt.Sub(d.Due()).Seconds())
	}
}

// countCall counts a call to a vendor.
func (m *metrics) countCall(p channels.Provider, took time.Duration, err error) {
	class := noClass
	if err != nil {
		class = string(channels.AsError(err).Class)
	}
	m.calls.WithLabelValues(p.Name, class).Observe(took.Seconds())
}

// batchMetrics are those of one flusher.
type batchMetrics struct {
	name         string
	size         prometheus.Observer
	took, failed prometheus.Observer
}

func (m *metrics) batch(name string) batchMetrics {
	return batchMetrics{
		name: name, size: m.sizes.WithLabelValues(name),
		took: m.batches.WithLabelValues(name, "ok"), failed: m.batches.WithLabelValues(name, "error"),
	}
}

// measured is a flusher's commit on the clock.
func measured[In, Out any](
	m batchMetrics, commit func(context.Context, []In) ([]Out, error),
) func(context.Context, []In) ([]Out, error) {
	return func(ctx context.Context, ins []In) ([]Out, error) {
		started := time.Now()
		outs, err := commit(ctx, ins)
		if err != nil {
			m.failed.Observe(time.Since(started).Seconds())
			return nil, err
		}
		m.size.Observe(float64(len(ins)))
		m.took.Observe(time.Since(started).Seconds())
		return outs, nil
	}
}

// riverMetrics are what River tells about its own work.
type riverMetrics struct {
	river.HookDefaults
	fetches *prometheus.HistogramVec // by queue
	fetched *prometheus.CounterVec   // by queue
	waits   *prometheus.HistogramVec // by queue
	worked  *prometheus.CounterVec   // by queue, kind, result
}

var (
	_ rivertype.HookMetricEmit = (*riverMetrics)(nil)
	_ rivertype.HookWorkEnd    = (*riverMetrics)(nil)
)

func newRiverMetrics(r promauto.Factory) *riverMetrics {
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
	m.worked.WithLabelValues(job.Queue, job.Kind, result).Inc()
	m.waits.WithLabelValues(job.Queue).Observe(queueWait(job).Seconds())
	return err
}

// queueWait is the time from when the job was due until a worker took it.
func queueWait(job *rivertype.JobRow) time.Duration {
	if job.AttemptedAt == nil {
		return 0
	}
	return max(0, job.AttemptedAt.Sub(job.ScheduledAt)) // by two clocks
}
