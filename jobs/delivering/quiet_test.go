package delivering_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

// quietNow returns quiet hours as a delivery has them, which began two hours ago, and their end.
func quietNow(t *testing.T) (string, time.Time) {
	t.Helper()
	now := time.Now().UTC()
	text := now.Add(-2*time.Hour).Format("15:04") + "-" + now.Add(2*time.Hour).Format("15:04") + " UTC"
	hours, err := store.ParseQuietHours(text)
	require.NoError(t, err)
	return text, hours.Until(now)
}

// waitForJob waits until the job of a delivery is in a state.
func waitForJob(t *testing.T, b *jobstest.Bundle, d store.Delivery, state string) {
	t.Helper()
	require.Eventually(t, func() bool { return b.JobState(d.JobID) == state }, limit.Wait, 5*time.Millisecond, "the job is not %s", state)
}

// A backlog may carry a delivery into the night: it is held without spending an attempt.
func TestQuietHoursBeforeAnAttempt(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		quiet, end := quietNow(t)
		d := b.Accept("k")
		b.Exec(`UPDATE deliveries SET quiet = $1`, quiet)
		b.Start()
		waitForJob(t, b, d, "scheduled")
		require.Empty(t, b.Provider.Calls)
		d = b.WaitFor(d.ID, store.DeliveryPending)
		require.Zero(t, d.Attempts)
		require.True(t, end.Equal(*d.HeldUntil(time.Now())))

		// Somebody decides that it goes now.
		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), d, "", store.Actor{}))
		d = b.WaitFor(d.ID, store.DeliverySuccess)
		require.Len(t, b.Provider.Calls, 1)
		require.Equal(t, 1, d.Attempts)
	})
}

func TestQuietHoursBeforeARetry(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		quiet, end := quietNow(t)
		d := b.Accept("k")
		b.Provider.Fail(&channels.Error{Class: channels.Transient, Code: "away"})
		settings := b.Settings(channels.Resend)
		settings.Defaults.RetryBackoffSeconds = []int{3600}
		b.Jobs.Apply(settings)
		b.Start()
		d = b.WaitFor(d.ID, store.DeliveryFailed)
		require.WithinDuration(t, time.Now().Add(time.Hour), *d.NextRetryAt, time.Minute)
		waitForJob(t, b, d, "retryable")

		// One that waits for its retry is held when that is in the night.
		b.Exec(`UPDATE deliveries SET quiet = $1`, quiet)
		d = b.WaitFor(d.ID, store.DeliveryFailed)
		require.True(t, end.Equal(*d.HeldUntil(time.Now())))

		// A retry of many keeps to the hours, one by id does not.
		many := steering.RequeueRequest{Filter: store.DeliveryFilter{NotificationID: d.NotificationID, Status: store.DeliveryFailed}, Limit: 10}
		done, err := b.Jobs.Control.RequeueMatching(t.Context(), many)
		require.NoError(t, err)
		require.Equal(t, 1, done.Requeued)
		d = b.WaitFor(d.ID, store.DeliveryPending)
		waitForJob(t, b, d, "scheduled")
		require.True(t, end.Equal(*d.HeldUntil(time.Now())))
		b.Provider.Fail(nil)
		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), d, "", store.Actor{}))
		b.WaitFor(d.ID, store.DeliverySuccess)
	})
}

// What would be sent in the night is scheduled for its end, or is dead when it expires before.
func TestRetryOutsideOfQuietHours(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		soon := time.Now().UTC().Add(2 * time.Minute).Truncate(time.Minute)
		quiet := soon.Format("15:04") + "-" + soon.Add(2*time.Hour).Format("15:04") + " UTC"
		settings := b.Settings(channels.Resend)
		settings.Defaults.RetryBackoffSeconds = []int{1800}
		b.Jobs.Apply(settings)
		b.Provider.Fail(&channels.Error{Class: channels.Transient, Code: "away"})
		kept := b.Accept("kept")
		expires := b.AcceptWith("expires", func(r *accepting.Request) { r.ExpiresAt = jobstest.FromNow(time.Hour) })
		b.Exec(`UPDATE deliveries SET quiet = $1`, quiet)
		b.Start()
		kept = b.WaitFor(kept.ID, store.DeliveryFailed)
		require.True(t, soon.Add(2*time.Hour).Equal(*kept.NextRetryAt), "the end, not in the middle")
		require.Equal(t, store.CodeExpired, b.WaitFor(expires.ID, store.DeliveryDead).LastCode)
	})
}

func TestExpiryInQuietHours(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		now := time.Now().UTC()
		k := store.Kind{Name: "billing", UpdatedAt: store.Now(), Quiet: &store.Quiet{
			From: now.Add(-2 * time.Hour).Format("15:04"), To: now.Add(2 * time.Hour).Format("15:04"), TimeZone: "UTC",
		}}
		require.NoError(t, b.Store.PutKind(t.Context(), k, jobstest.By("operator", store.AuditKindWrite, k.Name)))
		b.Start()
		d := b.AcceptWith("k", func(r *accepting.Request) { r.Kind, r.ExpiresAt = "billing", jobstest.FromNow(300*time.Millisecond) })
		d = b.WaitFor(d.ID, store.DeliveryDead)
		require.Equal(t, store.CodeExpired, d.LastCode)
		require.Equal(t, "expiresAt has passed, in quiet hours", d.LastError)
		require.Empty(t, b.Provider.Calls)
	})
}
