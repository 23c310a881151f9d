package delivering

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

// Throttling may delay a delivery for a day from when it was due or requeued.
func TestThrottlingIsBounded(t *testing.T) {
	t.Parallel()
	now := store.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	sendAt := ago(time.Minute)
	throttled := &channels.Error{Class: channels.Throttled, Code: "slow", RetryAfter: time.Hour}
	for name, c := range map[string]struct {
		job      Job
		delivery store.Delivery
		want     store.DeliveryStatus
	}{
		"accepted long ago, due now": {Job{}, store.Delivery{CreatedAt: ago(80 * 24 * time.Hour), SendAt: &sendAt}, store.DeliveryFailed},
		"due long ago":               {Job{}, store.Delivery{CreatedAt: ago(80 * 24 * time.Hour)}, store.DeliveryDead},
		"requeued now":               {Job{CreatedAt: ago(time.Minute)}, store.Delivery{CreatedAt: ago(72 * time.Hour)}, store.DeliveryFailed},
		"requeued long ago":          {Job{CreatedAt: ago(25 * time.Hour)}, store.Delivery{CreatedAt: ago(72 * time.Hour)}, store.DeliveryDead},
	} {
		c.job.Attempt, c.job.MaxAttempts = 1, 4
		outcome, next := decide(&run{job: c.job, delivery: c.delivery, settings: &settings.Settings{}}, channels.Receipt{}, throttled)
		require.Equal(t, c.want, outcome.Status, name)
		require.Equal(t, c.want == store.DeliveryFailed, next.Action == Snooze, name)
		require.Equal(t, c.want == store.DeliveryFailed, outcome.Throttled, name)
		if c.want == store.DeliveryDead {
			require.Contains(t, outcome.Attempt.Error, "throttled for too long", name)
		}
	}
}

// A quota for a day is spent: the delivery is tried once more when a day is over, by when the
// quota was renewed.
func TestLastTryOfAThrottledDelivery(t *testing.T) {
	t.Parallel()
	now := store.Now()
	for _, asked := range []time.Duration{time.Hour, 1 << 62} {
		delivery := store.Delivery{CreatedAt: now.Add(-throttleLimit + time.Minute)}
		outcome, next := decide(&run{job: Job{Attempt: 1, MaxAttempts: 4}, delivery: delivery, settings: &settings.Settings{}},
			channels.Receipt{}, &channels.Error{Class: channels.Throttled, Code: "quota", RetryAfter: asked, QuotaSpent: true})
		require.Equal(t, store.DeliveryFailed, outcome.Status)
		require.Equal(t, Snooze, next.Action)
		require.InDelta(t, time.Minute, next.Wait, float64(time.Second))
	}
}

// A dead delivery is sent again only when its worker had returned to River, so that the second
// run of its job is an operator's. River's rescuer gives a lost worker's job a second run, too.
func TestRestartedByOperator(t *testing.T) {
	t.Parallel()
	dead := store.Delivery{Status: store.DeliveryDead, Attempts: 1}
	for name, c := range map[string]struct {
		delivery store.Delivery
		attempt  int
		jobError string
		want     bool
	}{
		"cancelled":                        {store.Delivery{Status: store.DeliveryCancelled}, 2, "", true},
		"open":                             {store.Delivery{Status: store.DeliveryFailed, Attempts: 1}, 2, "transient: away", false},
		"dead, returned":                   {dead, 2, "JobCancelError: permanent: bad", true},
		"dead, its attempts spent":         {dead, 2, "transient: away", true},
		"dead, closed as an orphan":        {dead, 3, "", true},
		"dead, lost, no error":             {dead, 2, "", false},
		"dead, lost, rescued":              {dead, 2, "Stuck job rescued by JobRescuer", false},
		"dead, lost, rescued, other words": {dead, 2, "rescued", false},
		"dead, the same attempt":           {dead, 1, "permanent: bad", false},
	} {
		job := Job{Attempt: c.attempt}
		if c.jobError != "" {
			job.Errors = []JobError{{Attempt: 1, Text: c.jobError}}
		}
		require.Equal(t, c.want, restartedByOperator(job, c.delivery), name)
	}
}
