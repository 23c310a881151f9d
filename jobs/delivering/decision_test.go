package delivering

import (
	"math"
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
		outcome, next := decide(&run{job: c.job, delivery: c.delivery}, channels.Receipt{}, throttled)
		require.Equal(t, c.want, outcome.Status, name)
		require.Equal(t, c.want == store.DeliveryFailed, next.Action == Snooze, name)
		require.Equal(t, c.want == store.DeliveryFailed, outcome.Unspent, name)
		if c.want == store.DeliveryDead {
			require.Contains(t, outcome.Attempt.Error, "throttled for too long", name)
		}
	}
}

// An address that does not exist is suppressed, unless that is switched off, and not by a test.
func TestGoneAddressesAreSuppressed(t *testing.T) {
	t.Parallel()
	gone := &channels.Error{Class: channels.Permanent, Code: "smtp_5.1.1", AddressGone: true}
	for name, c := range map[string]struct {
		err  *channels.Error
		days int
		test bool
		want bool
	}{
		"gone":             {gone, 30, false, true},
		"gone, for a test": {gone, 30, true, false},
		"switched off":     {gone, 0, false, false},
		"refused":          {&channels.Error{Class: channels.Permanent, Code: "smtp_550"}, 30, false, false},
		"not permanent":    {&channels.Error{Class: channels.Transient, Code: "smtp_450", AddressGone: true}, 30, false, false},
	} {
		r := &run{
			job: Job{Attempt: 1, MaxAttempts: 4}, delivery: store.Delivery{CreatedAt: store.Now(), Test: c.test},
			tries: settings.Defaults{SuppressDays: c.days, RetryBackoffSeconds: []int{1}},
		}
		outcome, _ := decide(r, channels.Receipt{}, c.err)
		require.Equal(t, c.want, outcome.SuppressUntil != nil, name)
		if c.want {
			require.Equal(t, store.DeliveryDead, outcome.Status)
			require.WithinDuration(t, time.Now().AddDate(0, 0, c.days), *outcome.SuppressUntil, time.Hour)
		}
	}
}

// A quota for a day is spent: the delivery is tried once more when a day is over, by when the
// quota was renewed.
func TestLastTryOfAThrottledDelivery(t *testing.T) {
	t.Parallel()
	now := store.Now()
	for _, asked := range []time.Duration{time.Hour, 1 << 62} {
		delivery := store.Delivery{CreatedAt: now.Add(-waitLimit + time.Minute)}
		outcome, next := decide(&run{job: Job{Attempt: 1, MaxAttempts: 4}, delivery: delivery},
			channels.Receipt{}, &channels.Error{Class: channels.Throttled, Code: "quota", RetryAfter: asked, QuotaSpent: true})
		require.Equal(t, store.DeliveryFailed, outcome.Status)
		require.Equal(t, Snooze, next.Action)
		require.InDelta(t, time.Minute, next.Wait, float64(time.Second))
	}
}

// A vendor that asks for a wait beyond the delivery's time gets one more try before its end.
// A wait that the vendor asked for is not a reason to give up.
func TestAskedWaitLeavesOneMoreTry(t *testing.T) {
	t.Parallel()
	const far = 999_999_999 * time.Second
	for name, c := range map[string]struct {
		class    channels.Class
		asked    time.Duration
		due      time.Duration // ago
		expires  time.Duration // from now; 0 for never
		min, max time.Duration // of the wait
	}{
		"as asked":                      {channels.Throttled, time.Minute, 0, 0, time.Minute, 75 * time.Second},
		"not asked":                     {channels.Throttled, 0, 0, 0, 5 * time.Second, 7 * time.Second},
		"negative":                      {channels.Throttled, -far, 0, 0, 5 * time.Second, 7 * time.Second},
		"far away":                      {channels.Throttled, far, 0, 0, 24 * time.Hour, 24 * time.Hour},
		"longest":                       {channels.Throttled, math.MaxInt64, 0, 0, 24 * time.Hour, 24 * time.Hour},
		"far away, later":               {channels.Throttled, far, 23 * time.Hour, 0, time.Hour, time.Hour},
		"far away, the last minute":     {channels.Throttled, far, 24*time.Hour - time.Minute, 0, time.Minute, time.Minute},
		"far away, expires in an hour":  {channels.Throttled, far, 0, time.Hour, time.Hour - lastTry, time.Hour - lastTry},
		"far away, expires in 8 s":      {channels.Throttled, far, 0, 8 * time.Second, 4 * time.Second, 4 * time.Second},
		"as asked, expires in an hour":  {channels.Throttled, time.Minute, 0, time.Hour, time.Minute, 75 * time.Second},
		"transient, as asked":           {channels.Transient, time.Minute, 0, 0, time.Minute, time.Minute},
		"transient, far away":           {channels.Transient, far, 0, 0, 24 * time.Hour, 24 * time.Hour},
		"transient, far away, later":    {channels.Transient, far, 30 * time.Hour, 0, 10 * time.Second, 10 * time.Second},
		"transient, expires in an hour": {channels.Transient, far, 0, time.Hour, time.Hour - lastTry, time.Hour - lastTry},
	} {
		now := store.Now()
		due := now.Add(-c.due)
		r := &run{
			job: Job{Attempt: 1, MaxAttempts: 4}, delivery: store.Delivery{CreatedAt: due},
			tries: settings.Defaults{RetryBackoffSeconds: []int{10}},
		}
		if c.expires > 0 {
			at := now.Add(c.expires)
			r.delivery.ExpiresAt = &at
		}
		outcome, next := decide(r, channels.Receipt{}, &channels.Error{Class: c.class, Code: "slow", RetryAfter: c.asked})
		require.Equal(t, store.DeliveryFailed, outcome.Status, name)
		wait := outcome.NextRetryAt.Sub(now)
		require.Greater(t, wait, c.min-time.Second, name)
		require.Less(t, wait, c.max+time.Second, name)
		if c.class == channels.Throttled {
			require.Equal(t, Snooze, next.Action, name)
		}
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

// Vendors' texts are clean wherever they enter: the attempt, what River notes, and the
// receipt's details.
func TestVendorsTextsAreCleaned(t *testing.T) {
	t.Parallel()
	const dirty, clean = "a\u009b2J\u202eb\u200bc\x00", "a 2Jbc "
	r := &run{job: Job{Attempt: 1, MaxAttempts: 4}, tries: settings.Defaults{RetryBackoffSeconds: []int{1}}}
	outcome, next := decide(r, channels.Receipt{}, &channels.Error{Class: channels.Transient, Code: dirty, Message: dirty})
	require.Equal(t, clean, outcome.Attempt.Error)
	require.Equal(t, clean, outcome.Attempt.Code)
	require.Equal(t, "transient: "+clean, next.Reason)

	outcome, _ = decide(r, channels.Receipt{Details: map[string]any{"id": dirty, "list": []string{dirty}, "duplicate": true}}, nil)
	require.JSONEq(t, `{"id": "a 2Jbc ", "list": ["a 2Jbc "], "duplicate": true}`, string(outcome.Attempt.Details))
	outcome, _ = decide(r, channels.Receipt{Details: map[string]any{"list": make([]string, maxDetails)}}, nil)
	require.Empty(t, outcome.Attempt.Details)
}
