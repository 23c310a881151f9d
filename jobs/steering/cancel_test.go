package steering_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

// waitUntilClosed waits until no delivery of a notification is open. It closes orphans
// meanwhile.
func waitUntilClosed(t *testing.T, b *jobstest.Bundle, id uuid.UUID) store.Notification {
	t.Helper()
	var n store.Notification
	require.Eventually(t, func() bool {
		_, err := b.Jobs.Orphans.Close(t.Context())
		require.NoError(t, err)
		n, err = b.Store.Notification(t.Context(), id)
		require.NoError(t, err)
		return n.Counts.Pending+n.Counts.Failed == 0
	}, limit.Wait, 20*time.Millisecond)
	return n
}

func TestCancelBeforeTheFirstSend(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		a, err := b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("k", steering.CancelBatch+10))
		require.NoError(t, err)
		require.NoError(t, b.Jobs.Control.Cancel(t.Context(), a.NotificationID, store.Actor{}))
		n, err := b.Store.Notification(t.Context(), a.NotificationID)
		require.NoError(t, err)
		require.Equal(t, store.Counts{Total: steering.CancelBatch + 10, Cancelled: steering.CancelBatch + 10}, n.Counts)
		require.Equal(t, store.NotificationCancelled, n.Status)
		require.NoError(t, b.Jobs.Control.Cancel(t.Context(), a.NotificationID, store.Actor{}), "again")
		for _, d := range b.Deliveries(a.NotificationID)[:10] {
			require.Equal(t, steering.CodeCancelled, d.LastCode)
			require.Empty(t, b.JobState(d.JobID), "no job is left to start in River UI")
		}

		b.Start()
		other := b.Accept("other")
		b.WaitFor(other.ID, store.DeliverySuccess)
		require.Len(t, b.Provider.Calls, 1)

		// It can be requeued.
		d := b.Deliveries(a.NotificationID)[0]
		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), d, "", store.Actor{}))
		b.WaitFor(d.ID, store.DeliverySuccess)
	})
}

// Sends that have begun finish. One that fails is not retried.
func TestCancelDuringSends(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		const workers, waiting = 20, 5
		release := make(chan struct{})
		b.Provider.AnswerAfter(release, func(m channels.Message) (channels.Receipt, error) {
			if strings.HasPrefix(m.Recipient.Value, "user1") {
				return channels.Receipt{}, &channels.Error{Class: channels.Transient, Code: "away"}
			}
			return channels.Receipt{}, nil
		})
		b.Start()
		a, err := b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("k", workers+waiting))
		require.NoError(t, err)
		failing := 0
		for range workers {
			if strings.HasPrefix(b.NextCall().Recipient.Value, "user1") {
				failing++
			}
		}
		require.Positive(t, failing)
		require.NoError(t, b.Jobs.Control.Cancel(t.Context(), a.NotificationID, store.Actor{}))
		n, err := b.Store.Notification(t.Context(), a.NotificationID)
		require.NoError(t, err)
		require.Equal(t, store.Counts{Total: workers + waiting, Pending: workers, Cancelled: waiting}, n.Counts)

		close(release)
		n = waitUntilClosed(t, b, a.NotificationID)
		require.Equal(t, store.Counts{Total: workers + waiting, Success: workers - failing, Cancelled: waiting + failing}, n.Counts)
		require.Empty(t, b.Provider.Calls, "nothing is retried")
	})
}

func TestCancelBeforeARetry(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		settings := b.Settings(channels.Resend)
		settings.Defaults.RetryBackoffSeconds = []int{3600}
		b.Jobs.Apply(settings)
		b.Provider.Fail(&channels.Error{Class: channels.Transient, Code: "away"})
		c := b.Start()
		d := b.WaitFor(b.Accept("k").ID, store.DeliveryFailed)
		require.NoError(t, c.Stop()) // the job waits for its retry by then
		require.NoError(t, b.Jobs.Control.Cancel(t.Context(), d.NotificationID, store.Actor{}))
		d = b.WaitFor(d.ID, store.DeliveryCancelled)
		require.Nil(t, d.NextRetryAt)
		require.Empty(t, b.JobState(d.JobID))
	})
}
