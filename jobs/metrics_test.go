package jobs

import (
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// shown returns the series of a metric that have the labels, given as name and value.
func (b *bundle) shown(name string, labels ...string) []*dto.Metric {
	b.t.Helper()
	families, err := b.metrics.Gather()
	require.NoError(b.t, err)
	var found []*dto.Metric
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			has := map[string]string{}
			for _, l := range m.GetLabel() {
				has[l.GetName()] = l.GetValue()
			}
			matches := true
			for i := 0; i < len(labels); i += 2 {
				matches = matches && has[labels[i]] == labels[i+1]
			}
			if matches {
				found = append(found, m)
			}
		}
	}
	return found
}

// value is the sum of a metric's series: of a histogram the number of observations.
func (b *bundle) value(name string, labels ...string) float64 {
	b.t.Helper()
	var sum float64
	for _, m := range b.shown(name, labels...) {
		sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return sum
}

func TestMetricsOfAcceptance(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		require.Len(t, b.shown("sealos_notify_deliveries_accepted_total", "channel", "test"), 1, "zeros are there from the start")
		_, err := b.service.Accept(t.Context(), request("k", 3))
		require.NoError(t, err)
		_, err = b.service.Accept(t.Context(), request("k", 3))
		require.NoError(t, err)
		_, err = b.service.Accept(t.Context(), request("k", 2))
		require.Error(t, err, "the key was used for another request")

		require.EqualValues(t, 1, b.value("sealos_notify_notifications_accepted_total"))
		require.EqualValues(t, 1, b.value("sealos_notify_notifications_replayed_total"))
		require.EqualValues(t, 3, b.value("sealos_notify_deliveries_accepted_total", "channel", "test"))
		require.EqualValues(t, 3, b.value("sealos_notify_batch_size", "batch", "accept"))
		require.EqualValues(t, 3, b.value("sealos_notify_batch_duration_seconds", "batch", "accept", "result", "ok"))
		require.Zero(t, b.value("sealos_notify_batch_duration_seconds", "batch", "accept", "result", "error"))

		b.store.Close()
		_, err = b.service.Accept(t.Context(), request("other", 1))
		require.Error(t, err)
		require.EqualValues(t, 1, b.value("sealos_notify_notifications_accepted_total"))
	})
}

func TestMetricsOfAttempts(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		fail := &channels.Error{Class: channels.Misconfigured, Code: "secret"}
		answers := []error{fail, fail, nil}
		b.provider.then(func(channels.Message) (channels.Receipt, error) {
			answer := answers[0]
			answers = answers[1:]
			return channels.Receipt{}, answer
		})
		b.start()
		b.until(b.accept("arrives").ID, store.DeliverySuccess)
		b.provider.fail(&channels.Error{Class: channels.Permanent, Code: "bad"})
		b.until(b.accept("dead").ID, store.DeliveryDead)

		// The attempt is counted just after it was recorded.
		attempts := func(status, class string) float64 {
			return b.value("sealos_notify_attempts_total", "channel", "test", "provider", "test-provider", "status", status, "class", class)
		}
		require.Eventually(t, func() bool { return attempts("dead", "permanent") == 1 }, 10*time.Second, 5*time.Millisecond)
		require.EqualValues(t, 2, attempts("failed", "misconfigured"))
		require.EqualValues(t, 1, attempts("success", "none"))
		require.EqualValues(t, 4, b.value("sealos_notify_attempts_total"))
		require.EqualValues(t, 1, b.value("sealos_notify_delivery_latency_seconds", "channel", "test"))
		for class, n := range map[string]float64{"misconfigured": 2, "permanent": 1, "none": 1} {
			require.Equal(t, n, b.value("sealos_notify_vendor_call_duration_seconds", "provider", "test-provider", "class", class))
		}
		require.EqualValues(t, 4, b.value("sealos_notify_batch_duration_seconds", "batch", "record"))

		worked := func(result string) float64 {
			return b.value("sealos_notify_river_jobs_worked_total", "queue", "test", "kind", "deliver", "result", result)
		}
		require.Eventually(t, func() bool { return worked("cancelled") == 1 }, 10*time.Second, 5*time.Millisecond)
		require.EqualValues(t, 2, worked("failed"))
		require.EqualValues(t, 1, worked("completed"))
		require.EqualValues(t, 4, b.value("sealos_notify_river_fetched_jobs_total", "queue", "test"))
		require.EqualValues(t, 4, b.value("sealos_notify_river_queue_wait_seconds", "queue", "test"))
		require.NotZero(t, b.value("sealos_notify_river_fetch_duration_seconds", "queue", "test"))
	})
}

func TestMetricsOfStrays(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		require.Len(t, b.shown("sealos_notify_strays_total"), 4, "zeros are there from the start")
		b.exec("DELETE FROM river_job WHERE id = $1", b.accept("k").JobID)
		_, err := b.service.Reconcile(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1, b.value("sealos_notify_strays_total", "code", CodeJobDeleted))
		require.EqualValues(t, 1, b.value("sealos_notify_strays_total"))
	})
}

func TestMetricsOfQueues(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		const lease = time.Minute
		b.metrics.MustRegister(b.service.QueueCollector(lease))
		waiting, running := b.accept("waiting"), b.accept("running")
		b.exec("UPDATE river_job SET state = 'running', attempted_at = $1 WHERE id = $2", before(2*lease+time.Second), running.JobID)
		b.exec("UPDATE river_job SET scheduled_at = $1 WHERE id = $2", before(time.Hour), waiting.JobID)

		jobs := func(channel, state string) float64 {
			require.Len(t, b.shown("sealos_notify_queue_jobs", "channel", channel, "state", state), 1)
			return b.value("sealos_notify_queue_jobs", "channel", channel, "state", state)
		}
		require.EqualValues(t, 1, jobs("test", "available"))
		require.EqualValues(t, 1, jobs("test", "running"))
		require.Zero(t, jobs("test", "retryable"))
		require.Empty(t, b.shown("sealos_notify_queue_jobs", "channel", "other"), "the channel is off, and has no jobs")
		require.InDelta(t, time.Hour.Seconds(), b.value("sealos_notify_queue_oldest_seconds", "channel", "test"), 60)
		require.EqualValues(t, 1, b.value("sealos_notify_stuck_jobs"))
		require.EqualValues(t, 1, b.value("sealos_notify_database_up"))

		b.exec("DELETE FROM river_job")
		require.EqualValues(t, 1, jobs("test", "available"), "one look serves the scrapes of a while")
	})
}

// While the database is away, nothing old is shown of it.
func TestMetricsOfQueuesWithoutDatabase(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		b.metrics.MustRegister(b.service.QueueCollector(time.Minute))
		b.store.Close()
		require.Len(t, b.shown("sealos_notify_database_up"), 1)
		require.Zero(t, b.value("sealos_notify_database_up"))
		require.Empty(t, b.shown("sealos_notify_queue_jobs"))
		require.Empty(t, b.shown("sealos_notify_stuck_jobs"))
	})
}

// before is a time as both engines read it.
func before(d time.Duration) string {
	return time.Now().Add(-d).UTC().Format("2006-01-02 15:04:05.000-07:00")
}

// Counting an attempt must cost next to nothing beside the attempt itself.
func BenchmarkCountAttempt(b *testing.B) {
	m := newMetrics(nil)
	d := store.Delivery{Channel: "test", CreatedAt: store.Now()}
	o := store.Outcome{Status: store.DeliverySuccess, Attempt: store.Attempt{Provider: "test", FinishedAt: store.Now()}}
	p := channels.Provider{Name: "test"}
	b.ReportAllocs()
	for b.Loop() {
		m.countCall(p, time.Millisecond, nil)
		m.countAttempt(d, o)
	}
}
