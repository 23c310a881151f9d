package upkeep_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/upkeep"
	"github.com/labring/sealos-notify/store"
)

// What somebody does to a job behind our back reaches its delivery.
func TestReconcile(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		finalize := "UPDATE river_job SET finalized_at = CURRENT_TIMESTAMP, state = "
		for name, c := range map[string]struct {
			sql    string
			status store.DeliveryStatus
			code   string
		}{
			"cancelled":          {finalize + "'cancelled' WHERE id = $1", store.DeliveryCancelled, upkeep.CodeJobCancelled},
			"deleted":            {"DELETE FROM river_job WHERE id = $1", store.DeliveryDead, upkeep.CodeJobDeleted},
			"discarded unrun":    {finalize + "'discarded' WHERE id = $1", store.DeliveryDead, upkeep.CodeJobEnded},
			"discarded, running": {finalize + "'discarded', attempt = 1 WHERE id = $1", store.DeliveryDead, channels.CodeUncertainOutcome},
			"completed":          {finalize + "'completed' WHERE id = $1", store.DeliveryDead, upkeep.CodeJobEnded},
			"left alone":         {"UPDATE river_job SET priority = 2 WHERE id = $1", store.DeliveryPending, ""},
		} {
			d := b.Accept(name)
			b.Exec(c.sql, d.JobID)
			n, err := b.Jobs.Orphans.Close(t.Context())
			require.NoError(t, err, name)
			got, err := b.Store.Delivery(t.Context(), d.ID)
			require.NoError(t, err, name)
			require.Equal(t, c.status, got.Status, name)
			require.Equal(t, c.code, got.LastCode, name)
			require.Equal(t, !c.status.Open(), n == 1, name)
		}
		n, err := b.Jobs.Orphans.Close(t.Context())
		require.NoError(t, err)
		require.Zero(t, n, "what is settled stays settled")
	})
}

// A long deletion does not keep the reconciler from its work.
func TestReconcileBesideALongRetention(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		slow := &slowRetention{Store: b.Store, release: make(chan struct{})}
		defer close(slow.release)
		b.Use(slow)
		settings := b.Settings(channels.Resend)
		settings.Retention.Days = 1
		b.Jobs.Apply(settings)
		d := b.Accept("k")
		b.Exec("DELETE FROM river_job WHERE id = $1", d.JobID)
		b.Exec("INSERT INTO river_job (kind, args, queue, max_attempts) VALUES ('retention', '{}', 'maintenance', 1)")
		b.Start()
		b.Until(d.ID, store.DeliveryDead)
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
	jobstest.EachEngine(t, func(_ *testing.T, b *jobstest.Bundle) {
		d := b.Accept("k")
		b.Exec("DELETE FROM river_job WHERE id = $1", d.JobID)
		b.Start()
		b.Until(d.ID, store.DeliveryDead)
	})
}
