package jobs

import (
	"testing"

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

// The periodic job does it without being asked.
func TestReconcileByItself(t *testing.T) {
	eachEngine(t, func(_ *testing.T, b *bundle) {
		d := b.accept("k")
		b.exec("DELETE FROM river_job WHERE id = $1", d.JobID)
		b.start()
		b.until(d.ID, store.DeliveryDead)
	})
}
