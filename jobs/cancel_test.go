package jobs

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// ended waits until nothing of a notification is open, settling what River ended.
func (b *bundle) ended(id uuid.UUID) store.Notification {
	b.t.Helper()
	var n store.Notification
	require.Eventually(b.t, func() bool {
		_, err := b.service.Reconcile(b.t.Context())
		require.NoError(b.t, err)
		n, err = b.store.Notification(b.t.Context(), id)
		require.NoError(b.t, err)
		return n.Counts.Pending+n.Counts.Failed == 0
	}, 30*time.Second, 20*time.Millisecond)
	return n
}

func TestCancelBeforeAnythingIsSent(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		a, err := b.service.Accept(t.Context(), request("k", cancelBatch+10))
		require.NoError(t, err)
		require.NoError(t, b.service.Cancel(t.Context(), a.NotificationID))
		n, err := b.store.Notification(t.Context(), a.NotificationID)
		require.NoError(t, err)
		require.Equal(t, store.Counts{Total: cancelBatch + 10, Cancelled: cancelBatch + 10}, n.Counts)
		require.Equal(t, store.NotificationCancelled, n.Status)
		require.NoError(t, b.service.Cancel(t.Context(), a.NotificationID), "again")
		for _, d := range b.deliveries(a.NotificationID)[:10] {
			require.Equal(t, CodeCancelled, d.LastCode)
			require.Empty(t, b.jobState(d.JobID), "nobody can start it in River UI")
		}

		b.start()
		other := b.accept("other")
		b.until(other.ID, store.DeliverySuccess)
		require.Len(t, b.provider.calls, 1)

		// By hand it goes again.
		d := b.deliveries(a.NotificationID)[0]
		require.NoError(t, b.service.Retry(t.Context(), d, ""))
		b.until(d.ID, store.DeliverySuccess)
	})
}

// What is being sent finishes: it arrives, or it fails and is not tried again.
func TestCancelInTheMiddleOfSends(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		const workers, waiting = 20, 5
		release := make(chan struct{})
		b.provider.then(func(m channels.Message) (channels.Receipt, error) {
			<-release
			if strings.HasPrefix(m.Recipient.Value, "user1") {
				return channels.Receipt{}, &channels.Error{Class: channels.Transient, Code: "away"}
			}
			return channels.Receipt{}, nil
		})
		b.start()
		a, err := b.service.Accept(t.Context(), request("k", workers+waiting))
		require.NoError(t, err)
		failing := 0
		for range workers {
			if strings.HasPrefix(b.called().Recipient.Value, "user1") {
				failing++
			}
		}
		require.Positive(t, failing)
		require.NoError(t, b.service.Cancel(t.Context(), a.NotificationID))
		n, err := b.store.Notification(t.Context(), a.NotificationID)
		require.NoError(t, err)
		require.Equal(t, store.Counts{Total: workers + waiting, Pending: workers, Cancelled: waiting}, n.Counts)

		close(release)
		n = b.ended(a.NotificationID)
		require.Equal(t, store.Counts{Total: workers + waiting, Success: workers - failing, Cancelled: waiting + failing}, n.Counts)
		require.Empty(t, b.provider.calls, "nothing is tried again")
	})
}

func TestCancelOfWhatWaitsForARetry(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		settings := b.settings(channels.Resend)
		settings.Defaults.RetryBackoffSeconds = []int{3600}
		b.service.Apply(settings)
		b.provider.fail(&channels.Error{Class: channels.Transient, Code: "away"})
		c := b.start()
		d := b.until(b.accept("k").ID, store.DeliveryFailed)
		require.NoError(t, c.Stop()) // River has put the job off by then
		require.NoError(t, b.service.Cancel(t.Context(), d.NotificationID))
		d = b.until(d.ID, store.DeliveryCancelled)
		require.Nil(t, d.NextRetryAt)
		require.Empty(t, b.jobState(d.JobID))
	})
}
