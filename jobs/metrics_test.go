package jobs_test

import (
	"context"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/upkeep"
	"github.com/labring/sealos-notify/store"
)

// series returns the series of a metric that have the labels. Labels are names and values in
// turn.
func series(t *testing.T, b *jobstest.Bundle, name string, labels ...string) []*dto.Metric {
	t.Helper()
	families, err := b.Metrics.Gather()
	require.NoError(t, err)
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

// value returns the sum of a metric's series. A histogram counts as its number of observations.
func value(t *testing.T, b *jobstest.Bundle, name string, labels ...string) float64 {
	t.Helper()
	var sum float64
	for _, m := range series(t, b, name, labels...) {
		sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return sum
}

func TestMetricsOfAcceptance(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		require.Len(t, series(t, b, "sealos_notify_deliveries_accepted_total", "channel", "test"), 1, "it is 0 from the start")
		_, err := b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("k", 3))
		require.NoError(t, err)
		_, err = b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("k", 3))
		require.NoError(t, err)
		_, err = b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("k", 2))
		require.Error(t, err, "the key belongs to another request")

		require.EqualValues(t, 1, value(t, b, "sealos_notify_notifications_accepted_total"))
		require.EqualValues(t, 1, value(t, b, "sealos_notify_notifications_replayed_total"))
		require.EqualValues(t, 3, value(t, b, "sealos_notify_deliveries_accepted_total", "channel", "test"))
		require.EqualValues(t, 3, value(t, b, "sealos_notify_batch_size", "batch", "accept"))
		require.EqualValues(t, 3, value(t, b, "sealos_notify_batch_duration_seconds", "batch", "accept", "result", "ok"))
		require.Zero(t, value(t, b, "sealos_notify_batch_duration_seconds", "batch", "accept", "result", "error"))

		b.Store.Close()
		_, err = b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("other", 1))
		require.Error(t, err)
		require.EqualValues(t, 1, value(t, b, "sealos_notify_notifications_accepted_total"))
	})
}

func TestMetricsOfAttempts(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		fail := &channels.Error{Class: channels.Misconfigured, Code: "secret"}
		answers := []error{fail, fail, nil}
		b.Provider.Answer(func(channels.Message) (channels.Receipt, error) {
			answer := answers[0]
			answers = answers[1:]
			return channels.Receipt{}, answer
		})
		b.Start()
		b.WaitFor(b.Accept("arrives").ID, store.DeliverySuccess)
		b.Provider.Fail(&channels.Error{Class: channels.Permanent, Code: "bad"})
		b.WaitFor(b.Accept("dead").ID, store.DeliveryDead)

		// An attempt is counted just after it is recorded.
		attempts := func(status, class string) float64 {
			return value(t, b, "sealos_notify_attempts_total", "channel", "test", "provider", "test-provider", "status", status, "class", class)
		}
		require.Eventually(t, func() bool { return attempts("dead", "permanent") == 1 }, limit.Wait, 5*time.Millisecond)
		require.EqualValues(t, 2, attempts("failed", "misconfigured"))
		require.EqualValues(t, 1, attempts("success", "none"))
		require.EqualValues(t, 4, value(t, b, "sealos_notify_attempts_total"))
		require.EqualValues(t, 1, value(t, b, "sealos_notify_delivery_latency_seconds", "channel", "test"))
		for class, n := range map[string]float64{"misconfigured": 2, "permanent": 1, "none": 1} {
			require.Equal(t, n, value(t, b, "sealos_notify_vendor_call_duration_seconds", "provider", "test-provider", "class", class))
		}
		require.EqualValues(t, 4, value(t, b, "sealos_notify_batch_duration_seconds", "batch", "record"))

		worked := func(result string) float64 {
			return value(t, b, "sealos_notify_river_jobs_worked_total", "queue", "test", "kind", "deliver", "result", result)
		}
		require.Eventually(t, func() bool { return worked("cancelled") == 1 }, limit.Wait, 5*time.Millisecond)
		require.EqualValues(t, 2, worked("failed"))
		require.EqualValues(t, 1, worked("completed"))
		require.EqualValues(t, 4, value(t, b, "sealos_notify_river_fetched_jobs_total", "queue", "test"))
		require.EqualValues(t, 4, value(t, b, "sealos_notify_river_queue_wait_seconds", "queue", "test"))
		require.NotZero(t, value(t, b, "sealos_notify_river_fetch_duration_seconds", "queue", "test"))
	})
}

func TestMetricsOfUnlistedCodes(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		require.Len(t, series(t, b, "sealos_notify_unlisted_codes_total", "channel", "test", "code", "other"), 1, "it is 0 from the start")
		b.Provider.Fail(&channels.Error{Class: channels.Transient, Code: "vendor_7", Unlisted: true})
		b.Start()
		b.WaitFor(b.Accept("k").ID, store.DeliveryDead)
		require.EqualValues(t, 4, value(t, b, "sealos_notify_unlisted_codes_total", "channel", "test", "code", "vendor_7"))
	})
}

// A delivery that arrived may need an operator, and so may one that only waits.
func TestMetricsOfUrgentCallsAndQuotas(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		labels := []string{"channel", "test", "provider", "test-provider"}
		require.Len(t, series(t, b, "sealos_notify_quota_spent_total", labels...), 1, "it is 0 from the start")
		b.Provider.Answer(func(channels.Message) (channels.Receipt, error) {
			return channels.Receipt{Urgent: &channels.Error{Class: channels.Misconfigured, Code: "no_urgency", Unlisted: true, QuotaSpent: true}}, nil
		})
		b.Start()
		b.WaitFor(b.Accept("arrives").ID, store.DeliverySuccess)
		require.EqualValues(t, 1, value(t, b, "sealos_notify_urgent_failures_total", append(labels, "class", "misconfigured")...))
		require.EqualValues(t, 1, value(t, b, "sealos_notify_quota_spent_total", labels...))
		require.EqualValues(t, 1, value(t, b, "sealos_notify_unlisted_codes_total", "channel", "test", "code", "no_urgency"))

		b.Provider.Fail(&channels.Error{Class: channels.Throttled, Code: "spent", RetryAfter: time.Hour, QuotaSpent: true})
		b.WaitFor(b.Accept("waits").ID, store.DeliveryFailed)
		require.EqualValues(t, 2, value(t, b, "sealos_notify_quota_spent_total", labels...))
		require.EqualValues(t, 1, value(t, b, "sealos_notify_urgent_failures_total"))
	})
}

func TestMetricsOfOrphans(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		require.Len(t, series(t, b, "sealos_notify_orphans_total"), 4, "it is 0 from the start")
		b.Exec("DELETE FROM river_job WHERE id = $1", b.Accept("k").JobID)
		_, err := b.Jobs.Orphans.Close(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1, value(t, b, "sealos_notify_orphans_total", "code", upkeep.CodeJobDeleted))
		require.EqualValues(t, 1, value(t, b, "sealos_notify_orphans_total"))
	})
}

func TestMetricsOfQueues(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		const lease = time.Minute
		b.Metrics.MustRegister(b.Jobs.QueueCollector(lease))
		waiting, running := b.Accept("waiting"), b.Accept("running")
		b.Exec("UPDATE river_job SET state = 'running', attempted_at = $1 WHERE id = $2", before(2*lease+time.Second), running.JobID)
		b.Exec("UPDATE river_job SET scheduled_at = $1 WHERE id = $2", before(time.Hour), waiting.JobID)

		jobs := func(channel, state string) float64 {
			require.Len(t, series(t, b, "sealos_notify_queue_jobs", "channel", channel, "state", state), 1)
			return value(t, b, "sealos_notify_queue_jobs", "channel", channel, "state", state)
		}
		require.EqualValues(t, 1, jobs("test", "available"))
		require.EqualValues(t, 1, jobs("test", "running"))
		require.Zero(t, jobs("test", "retryable"))
		require.Empty(t, series(t, b, "sealos_notify_queue_jobs", "channel", "other"), "a channel that is off and has no jobs has no series")
		require.InDelta(t, time.Hour.Seconds(), value(t, b, "sealos_notify_queue_oldest_seconds", "channel", "test"), 60)
		require.EqualValues(t, 1, value(t, b, "sealos_notify_stuck_jobs"))
		require.EqualValues(t, 1, value(t, b, "sealos_notify_database_up"))

		b.Exec("DELETE FROM river_job")
		require.EqualValues(t, 1, jobs("test", "available"), "scrapes share one query for a while")
	})
}

// Without the database, no stale numbers are shown.
func TestMetricsOfQueuesWithoutDatabase(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Metrics.MustRegister(b.Jobs.QueueCollector(time.Minute))
		b.Store.Close()
		require.Len(t, series(t, b, "sealos_notify_database_up"), 1)
		require.Zero(t, value(t, b, "sealos_notify_database_up"))
		require.Empty(t, series(t, b, "sealos_notify_queue_jobs"))
		require.Empty(t, series(t, b, "sealos_notify_stuck_jobs"))
	})
}

// A count of the queues that takes too long is not an outage of the database.
func TestMetricsOfQueuesThatCannotBeCounted(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Rebuild(&uncounted{b.Store})
		b.Metrics.MustRegister(b.Jobs.QueueCollector(time.Minute))
		require.EqualValues(t, 1, value(t, b, "sealos_notify_database_up"))
		require.Empty(t, series(t, b, "sealos_notify_queue_jobs"))
	})
}

// uncounted is a store that cannot count its queues in time.
type uncounted struct{ store.Store }

func (*uncounted) QueueDepths(context.Context) ([]store.QueueDepth, error) {
	return nil, context.DeadlineExceeded
}

// before returns the time d ago in a form that both engines read.
func before(d time.Duration) string {
	return time.Now().Add(-d).UTC().Format("2006-01-02 15:04:05.000-07:00")
}
