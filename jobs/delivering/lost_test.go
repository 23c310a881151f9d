package delivering_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/delivering"
	"github.com/labring/sealos-notify/store"
)

// A worker that started an attempt and recorded no outcome may have sent.
func TestDeliverAfterLostWorker(t *testing.T) {
	loseWorker := func(b *jobstest.Bundle, d store.Delivery) {
		b.Exec("UPDATE river_job SET attempt = 1 WHERE id = $1", d.JobID)
	}
	t.Run("resend", func(t *testing.T) {
		jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
			d := b.Accept("k")
			loseWorker(b, d)
			b.Start()
			require.Equal(t, 2, b.NextCall().Attempt)
			require.Equal(t, 2, b.WaitFor(d.ID, store.DeliverySuccess).Attempts)
		})
	})
	t.Run("hold", func(t *testing.T) {
		jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
			b.Jobs.Apply(b.Settings(channels.Hold))
			d := b.Accept("k")
			loseWorker(b, d)
			b.Start()
			d = b.WaitFor(d.ID, store.DeliveryDead)
			require.Equal(t, channels.CodeUncertainOutcome, d.LastCode)
			require.Empty(t, b.Provider.Calls)
		})
	})
}

// A worker is killed after it recorded the outcome and before River ended the job. The next
// worker does not send again.
func TestDeliverAfterARecordedOutcome(t *testing.T) {
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
				require.Equal(t, other.ID, b.NextCall().DeliveryID)
				b.WaitFor(other.ID, store.DeliverySuccess)
				require.Empty(t, b.Provider.Calls)
				require.Equal(t, status, b.WaitFor(d.ID, status).Status)
			})
		})
	}
}

// A worker is lost, and the channel is off when the next one starts. The delivery is held all
// the same, because the lost worker may have sent.
func TestDeliverAfterLostWorkerWhileTheChannelIsOff(t *testing.T) {
	held := jobstest.TestChannel
	held.OnUncertain = channels.Hold
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Types = []channels.Type{held}
		b.Rebuild(b.Store)
		d := b.Accept("k")
		b.Exec("UPDATE river_job SET attempt = 1 WHERE id = $1", d.JobID)
		off := b.Settings(channels.Hold)
		off.Registry = channels.NewRegistry(nil)
		b.Jobs.Apply(off)
		b.Start()
		require.Equal(t, channels.CodeUncertainOutcome, b.WaitFor(d.ID, store.DeliveryDead).LastCode)
		require.Empty(t, b.Provider.Calls)
	})
}

// A worker that continues after its lease does not send: another worker may have the job.
func TestWorkerAfterItsLeaseSendsNothing(t *testing.T) {
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

// A job is snoozed when the lease leaves too little time for a send. The send could outlive the
// lease, and another worker would get the job meanwhile.
func TestDeliverSendsNothingThatCouldOutliveTheLease(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		settings := b.Settings(channels.Hold)
		settings.Defaults.TimeoutSeconds = 60
		b.Jobs.Apply(settings)
		d := b.Accept("k")
		b.Start() // with a lease of 30 s
		require.Eventually(t, func() bool {
			return b.QueryText("SELECT metadata->>'snoozes' FROM river_job WHERE id = $1", d.JobID) != ""
		}, limit.Wait, 5*time.Millisecond, "the job was not snoozed")
		require.Empty(t, b.Provider.Calls)
		b.Jobs.Apply(b.Settings(channels.Hold))
		require.Equal(t, 1, b.WaitFor(d.ID, store.DeliverySuccess).Attempts)
	})
}

// A closed delivery is sent again when an operator restarts its job in River UI.
func TestRestartedByAnOperator(t *testing.T) {
	restart := "UPDATE river_job SET state = 'available', finalized_at = NULL, max_attempts = max_attempts + 1 WHERE id = $1"
	t.Run("dead", func(t *testing.T) {
		jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
			b.Provider.Fail(&channels.Error{Class: channels.Permanent, Code: "refused"})
			c := b.Start()
			d := b.Accept("k")
			b.WaitFor(d.ID, store.DeliveryDead)
			require.NoError(t, c.Stop()) // its job has ended by then
			b.NextCall()

			b.Provider.Fail(nil)
			b.Exec(restart, d.JobID)
			b.Start()
			require.Equal(t, 2, b.NextCall().Attempt)
			b.WaitFor(d.ID, store.DeliverySuccess)
		})
	})
	t.Run("cancelled", func(t *testing.T) {
		jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
			d := b.Accept("k")
			b.Exec("UPDATE river_job SET state = 'cancelled', finalized_at = CURRENT_TIMESTAMP WHERE id = $1", d.JobID)
			_, err := b.Jobs.Orphans.Close(t.Context())
			require.NoError(t, err)
			b.Exec(restart, d.JobID)
			b.Start()
			b.NextCall()
			n, err := b.Store.Notification(t.Context(), b.WaitFor(d.ID, store.DeliverySuccess).NotificationID)
			require.NoError(t, err)
			require.Equal(t, store.NotificationSuccess, n.Status)
		})
	})
}

// An operator restarts the job of a held delivery, and that worker is lost during the send. The
// rescuer's run is not an operator's: the delivery is held again.
func TestRestartedByAnOperatorAndLost(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Jobs.Apply(b.Settings(channels.Hold))
		b.Provider.Fail(&channels.Error{Class: channels.Uncertain, Code: "timeout"})
		c := b.Start()
		d := b.Accept("k")
		b.WaitFor(d.ID, store.DeliveryDead)
		require.NoError(t, c.Stop()) // its job has ended by then
		b.NextCall()

		// The rescuer finds the second attempt during its send.
		release := make(chan struct{})
		defer close(release)
		b.Provider.AnswerAfter(release, func(channels.Message) (channels.Receipt, error) { return channels.Receipt{}, nil })
		b.Exec("UPDATE river_job SET state = 'available', finalized_at = NULL WHERE id = $1", d.JobID)
		b.Start()
		b.NextCall()
		n, err := b.Store.Notification(t.Context(), d.NotificationID)
		require.NoError(t, err)
		require.Equal(t, store.Counts{Total: 1, Pending: 1}, n.Counts, "it is open again")
		b.Exec("UPDATE river_job SET state = 'available' WHERE id = $1", d.JobID)

		require.Equal(t, channels.CodeUncertainOutcome, b.WaitFor(d.ID, store.DeliveryDead).LastCode)
		require.Empty(t, b.Provider.Calls)
	})
}
