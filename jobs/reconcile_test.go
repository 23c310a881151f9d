package jobs

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// What somebody does to a job behind our back reaches its delivery.
func TestReconcile(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		finalize := "UPDATE river_job SET finalized_at = CURRENT_TIMESTAMP, state = "
		for name, c := range map[string]struct {
			sql    string
			status store.DeliveryStatus
			code   string
		}{
			"cancelled":          {finalize + "'cancelled' WHERE id = $1", store.DeliveryCancelled, CodeJobCancelled},
			"deleted":            {"DELETE FROM river_job WHERE id = $1", store.DeliveryDead, CodeJobDeleted},
			"discarded unrun":    {finalize + "'discarded' WHERE id = $1", store.DeliveryDead, CodeJobEnded},
			"discarded, running": {finalize + "'discarded', attempt = 1 WHERE id = $1", store.DeliveryDead, channels.CodeUncertainOutcome},
			"completed":          {finalize + "'completed' WHERE id = $1", store.DeliveryDead, CodeJobEnded},
			"left alone":         {"UPDATE river_job SET priority = 2 WHERE id = $1", store.DeliveryPending, ""},
		} {
			d := b.accept(name)
			b.exec(c.sql, d.JobID)
			n, err := b.service.Reconcile(t.Context())
			require.NoError(t, err, name)
			got, err := b.store.Delivery(t.Context(), d.ID)
			require.NoError(t, err, name)
			require.Equal(t, c.status, got.Status, name)
			require.Equal(t, c.code, got.LastCode, name)
			require.Equal(t, !c.status.Open(), n == 1, name)
		}
		n, err := b.service.Reconcile(t.Context())
		require.NoError(t, err)
		require.Zero(t, n, "what is settled stays settled")
	})
}

// A closed delivery whose job somebody sends again is sent again.
func TestRetriedByHand(t *testing.T) {
	revive := "UPDATE river_job SET state = 'available', finalized_at = NULL, max_attempts = max_attempts + 1 WHERE id = $1"
	t.Run("dead", func(t *testing.T) {
		eachEngine(t, func(t *testing.T, b *bundle) {
			b.provider.fail(&channels.Error{Class: channels.Permanent, Code: "refused"})
			c := b.start()
			d := b.accept("k")
			b.until(d.ID, store.DeliveryDead)
			require.NoError(t, c.Stop()) // River has taken note of the end by then
			b.called()

			b.provider.fail(nil)
			b.exec(revive, d.JobID)
			b.start()
			require.Equal(t, 2, b.called().Attempt)
			b.until(d.ID, store.DeliverySuccess)
		})
	})
	t.Run("cancelled", func(t *testing.T) {
		eachEngine(t, func(t *testing.T, b *bundle) {
			d := b.accept("k")
			b.exec("UPDATE river_job SET state = 'cancelled', finalized_at = CURRENT_TIMESTAMP WHERE id = $1", d.JobID)
			_, err := b.service.Reconcile(t.Context())
			require.NoError(t, err)
			b.exec(revive, d.JobID)
			b.start()
			b.called()
			n, err := b.store.Notification(t.Context(), b.until(d.ID, store.DeliverySuccess).NotificationID)
			require.NoError(t, err)
			require.Equal(t, store.NotificationSuccess, n.Status)
		})
	})
}

// A held delivery is sent again by hand, and that worker is lost in the send. The
// next one does not take itself for sent by hand: the delivery is held again.
func TestRetriedByHandAndLost(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		b.service.Apply(b.settings(channels.Hold))
		b.provider.fail(&channels.Error{Class: channels.Uncertain, Code: "timeout"})
		c := b.start()
		d := b.accept("k")
		b.until(d.ID, store.DeliveryDead)
		require.NoError(t, c.Stop()) // River has taken note of the end by then
		b.called()

		// The second attempt is in the middle of its send when the rescuer finds it.
		release := make(chan struct{})
		defer close(release)
		b.provider.then(func(channels.Message) (channels.Receipt, error) {
			<-release
			return channels.Receipt{}, nil
		})
		b.exec("UPDATE river_job SET state = 'available', finalized_at = NULL WHERE id = $1", d.JobID)
		b.start()
		b.called()
		n, err := b.store.Notification(t.Context(), d.NotificationID)
		require.NoError(t, err)
		require.Equal(t, store.Counts{Total: 1, Pending: 1}, n.Counts, "it is open again")
		b.exec("UPDATE river_job SET state = 'available' WHERE id = $1", d.JobID)

		require.Equal(t, channels.CodeUncertainOutcome, b.until(d.ID, store.DeliveryDead).LastCode)
		require.Empty(t, b.provider.calls)
	})
}

// A long deletion does not keep the reconciler from its work.
func TestReconcileBesideALongRetention(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		slow := &slowRetention{Store: b.store, release: make(chan struct{})}
		defer close(slow.release)
		b.service.store = slow
		settings := b.settings(channels.Resend)
		settings.Retention.Days = 1
		b.service.Apply(settings)
		d := b.accept("k")
		b.exec("DELETE FROM river_job WHERE id = $1", d.JobID)
		b.exec("INSERT INTO river_job (kind, args, queue, max_attempts) VALUES ('retention', '{}', 'maintenance', 1)")
		b.start()
		b.until(d.ID, store.DeliveryDead)
		require.Positive(t, slow.calls.Load())
	})
}

// slowRetention is a store that has much to delete the first time.
type slowRetention struct {
	store.Store
	calls   atomic.Int64
	release chan struct{}
}

func (s *slowRetention) DeleteClosed(context.Context, time.Time, int) (int, error) {
	if s.calls.Add(1) == 1 {
		<-s.release
	}
	return 0, nil
}

// The periodic job does it without being asked.
func TestReconcileByItself(t *testing.T) {
	eachEngine(t, func(_ *testing.T, b *bundle) {
		d := b.accept("k")
		b.exec("DELETE FROM river_job WHERE id = $1", d.JobID)
		b.start()
		b.until(d.ID, store.DeliveryDead)
	})
}
