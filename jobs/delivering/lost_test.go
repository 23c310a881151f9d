package delivering_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/delivering"
	"github.com/labring/sealos-notify/store"
)

// A worker that took an attempt and left no record of it may have sent.
func TestDeliverAfterLostWorker(t *testing.T) {
	lose := func(b *jobstest.Bundle, d store.Delivery) {
		b.Exec("UPDATE river_job SET attempt = 1 WHERE id = $1", d.JobID)
	}
	t.Run("resend", func(t *testing.T) {
		jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
			d := b.Accept("k")
			lose(b, d)
			b.Start()
			require.Equal(t, 2, b.Called().Attempt)
			require.Equal(t, 2, b.Until(d.ID, store.DeliverySuccess).Attempts)
		})
	})
	t.Run("hold", func(t *testing.T) {
		jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
			b.Jobs.Apply(b.Settings(channels.Hold))
			d := b.Accept("k")
			lose(b, d)
			b.Start()
			d = b.Until(d.ID, store.DeliveryDead)
			require.Equal(t, channels.CodeUncertainOutcome, d.LastCode)
			require.Empty(t, b.Provider.Calls)
		})
	})
}

// A worker that was killed after the record and before River knew must not lead
// to a second send.
func TestDeliverRecordedBefore(t *testing.T) {
	for _, status := range []store.DeliveryStatus{store.DeliverySuccess, store.DeliveryDead} {
		t.Run(string(status), func(t *testing.T) {
			jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
				d := b.Accept("k")
				b.Exec("UPDATE river_job SET attempt = 1 WHERE id = $1", d.JobID)
				recorded, err := b.Store.Record(t.Context(), []store.Outcome{{Status: status, Attempt: store.Attempt{
					ID: d.MessageID, DeliveryID: d.ID, JobID: d.JobID, Attempt: 1, StartedAt: store.Now(), FinishedAt: store.Now(),
				}}})
				require.NoError(t, err)
				require.Equal(t, []bool{true}, recorded)
				b.Start()
				other := b.Accept("other")
				require.Equal(t, other.ID, b.Called().DeliveryID)
				b.Until(other.ID, store.DeliverySuccess)
				require.Empty(t, b.Provider.Calls)
				require.Equal(t, status, b.Until(d.ID, status).Status)
			})
		})
	}
}

// A worker is lost, the channel is off for a while, and on again: that the lost
// worker may have sent is not forgotten.
func TestDeliverAfterLostWorkerWhileTheChannelIsOff(t *testing.T) {
	held := jobstest.TestChannel
	held.OnUncertain = channels.Hold
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Types = []channels.Type{held}
		b.Use(b.Store)
		d := b.Accept("k")
		b.Exec("UPDATE river_job SET attempt = 1 WHERE id = $1", d.JobID)
		off := b.Settings(channels.Hold)
		off.Registry = channels.NewRegistry(nil)
		b.Jobs.Apply(off)
		b.Start()
		require.Equal(t, channels.CodeUncertainOutcome, b.Until(d.ID, store.DeliveryDead).LastCode)
		require.Empty(t, b.Provider.Calls)
	})
}

// A worker that comes back after its lease does not take the attempt from the worker that has
// the job by now.
func TestLateWorkerDoesNotTakeBackTheAttempt(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		d := b.Accept("k")
		late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancel()
		next := b.Jobs.Deliverer.Deliver(late, delivering.Job{ID: d.JobID, DeliveryID: d.ID, Attempt: 1, MaxAttempts: 4})
		require.Equal(t, delivering.Retry, next.Action)
		require.WithinDuration(t, time.Now().Add(5*time.Second+delivering.RecordTime), next.RetryAt, 3*time.Second)
		require.Empty(t, b.Provider.Calls)
	})
}

// A job whose time is nearly up is given back instead of being sent: the send
// would go on while another worker has the job.
func TestDeliverSendsNothingThatWouldOutliveTheLease(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		settings := b.Settings(channels.Hold)
		settings.Defaults.TimeoutSeconds = 60
		b.Jobs.Apply(settings)
		d := b.Accept("k")
		b.Start() // with a lease of 30 s
		require.Eventually(t, func() bool {
			return b.Look("SELECT metadata->>'snoozes' FROM river_job WHERE id = $1", d.JobID) != ""
		}, 30*time.Second, 5*time.Millisecond, "it is put off")
		require.Empty(t, b.Provider.Calls)
		b.Jobs.Apply(b.Settings(channels.Hold))
		require.Equal(t, 1, b.Until(d.ID, store.DeliverySuccess).Attempts)
	})
}

// A closed delivery whose job somebody sends again is sent again.
func TestRetriedByHand(t *testing.T) {
	revive := "UPDATE river_job SET state = 'available', finalized_at = NULL, max_attempts = max_attempts + 1 WHERE id = $1"
	t.Run("dead", func(t *testing.T) {
		jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
			b.Provider.Fail(&channels.Error{Class: channels.Permanent, Code: "refused"})
			c := b.Start()
			d := b.Accept("k")
			b.Until(d.ID, store.DeliveryDead)
			require.NoError(t, c.Stop()) // River has taken note of the end by then
			b.Called()

			b.Provider.Fail(nil)
			b.Exec(revive, d.JobID)
			b.Start()
			require.Equal(t, 2, b.Called().Attempt)
			b.Until(d.ID, store.DeliverySuccess)
		})
	})
	t.Run("cancelled", func(t *testing.T) {
		jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
			d := b.Accept("k")
			b.Exec("UPDATE river_job SET state = 'cancelled', finalized_at = CURRENT_TIMESTAMP WHERE id = $1", d.JobID)
			_, err := b.Jobs.Orphans.Close(t.Context())
			require.NoError(t, err)
			b.Exec(revive, d.JobID)
			b.Start()
			b.Called()
			n, err := b.Store.Notification(t.Context(), b.Until(d.ID, store.DeliverySuccess).NotificationID)
			require.NoError(t, err)
			require.Equal(t, store.NotificationSuccess, n.Status)
		})
	})
}

// A held delivery is sent again by hand, and that worker is lost in the send. The
// next one does not take itself for sent by hand: the delivery is held again.
func TestRetriedByHandAndLost(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Jobs.Apply(b.Settings(channels.Hold))
		b.Provider.Fail(&channels.Error{Class: channels.Uncertain, Code: "timeout"})
		c := b.Start()
		d := b.Accept("k")
		b.Until(d.ID, store.DeliveryDead)
		require.NoError(t, c.Stop()) // River has taken note of the end by then
		b.Called()

		// The second attempt is in the middle of its send when the rescuer finds it.
		release := make(chan struct{})
		defer close(release)
		b.Provider.Then(func(channels.Message) (channels.Receipt, error) {
			<-release
			return channels.Receipt{}, nil
		})
		b.Exec("UPDATE river_job SET state = 'available', finalized_at = NULL WHERE id = $1", d.JobID)
		b.Start()
		b.Called()
		n, err := b.Store.Notification(t.Context(), d.NotificationID)
		require.NoError(t, err)
		require.Equal(t, store.Counts{Total: 1, Pending: 1}, n.Counts, "it is open again")
		b.Exec("UPDATE river_job SET state = 'available' WHERE id = $1", d.JobID)

		require.Equal(t, channels.CodeUncertainOutcome, b.Until(d.ID, store.DeliveryDead).LastCode)
		require.Empty(t, b.Provider.Calls)
	})
}
