package upkeep_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/jobs/upkeep"
	"github.com/labring/sealos-notify/store"
)

// What an operator or River does to a job reaches its delivery.
func TestCloseOrphans(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		finalize := "UPDATE river_job SET finalized_at = CURRENT_TIMESTAMP, state = "
		for name, c := range map[string]struct {
			sql    string
			status store.DeliveryStatus
			code   string
		}{
			"cancelled":          {finalize + "'cancelled' WHERE id = $1", store.DeliveryCancelled, upkeep.CodeJobCancelled},
			"deleted":            {"DELETE FROM river_job WHERE id = $1", store.DeliveryDead, upkeep.CodeJobDeleted},
			"discarded, not run": {finalize + "'discarded' WHERE id = $1", store.DeliveryDead, upkeep.CodeJobEnded},
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
		require.Zero(t, n, "a closed orphan stays closed")
	})
}

// A job that was cancelled because somebody has acknowledged the incident ends its delivery so.
func TestCloseOrphansOfAnIncident(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		codes := map[bool]string{}
		for _, acknowledged := range []bool{false, true} {
			d := b.AcceptWith(fmt.Sprint(acknowledged), func(r *accepting.Request) { r.Acknowledge = true })
			if acknowledged {
				_, _, err := b.Jobs.Control.Acknowledge(t.Context(), steering.Acknowledgement{IncidentID: d.IncidentID, Over: store.OverAPI}, store.Actor{AppID: "app"})
				require.NoError(t, err)
			}
			b.Exec("UPDATE river_job SET finalized_at = CURRENT_TIMESTAMP, state = 'cancelled' WHERE id = $1", d.JobID)
			n, err := b.Jobs.Orphans.Close(t.Context())
			require.NoError(t, err)
			require.Equal(t, 1, n)
			got, err := b.Store.Delivery(t.Context(), d.ID)
			require.NoError(t, err)
			require.Equal(t, store.DeliveryCancelled, got.Status)
			codes[acknowledged] = got.LastCode
		}
		require.Equal(t, map[bool]string{false: upkeep.CodeJobCancelled, true: store.CodeAcknowledged}, codes)
	})
}

// A long deletion does not delay the closing of orphans.
func TestCloseOrphansDuringALongRetention(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		slow := &slowRetention{Store: b.Store, release: make(chan struct{})}
		defer close(slow.release)
		b.Rebuild(slow)
		settings := b.Settings(channels.Resend)
		settings.Retention.Days = 1
		b.Jobs.Apply(settings)
		d := b.Accept("k")
		b.Exec("DELETE FROM river_job WHERE id = $1", d.JobID)
		b.Exec("INSERT INTO river_job (kind, args, queue, max_attempts) VALUES ('retention', '{}', 'maintenance', 1)")
		b.Start()
		require.Eventually(t, func() bool { return slow.calls.Load() > 0 }, limit.Wait, time.Millisecond)
		b.WaitFor(d.ID, store.DeliveryDead)
	})
}

// slowRetention is a store whose first deletion lasts until release is closed.
type slowRetention struct {
	store.Store
	calls   atomic.Int64
	release chan struct{}
}

func (s *slowRetention) DeleteClosed(ctx context.Context, _ time.Time, _ int) (int, bool, error) {
	if s.calls.Add(1) == 1 {
		select {
		case <-s.release:
		case <-ctx.Done():
			return 0, false, ctx.Err()
		}
	}
	return 0, false, nil
}

// The periodic job closes orphans.
func TestCloseOrphansPeriodically(t *testing.T) {
	jobstest.EachEngine(t, func(_ *testing.T, b *jobstest.Bundle) {
		d := b.Accept("k")
		b.Exec("DELETE FROM river_job WHERE id = $1", d.JobID)
		b.Start()
		b.WaitFor(d.ID, store.DeliveryDead)
	})
}

// After a long look at the open deliveries the next ones are left out, so that looks take at most
// a fiftieth of the time.
func TestOrphansAreLookedForSparingly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := &slowOrphans{took: time.Millisecond}
		o := upkeep.NewOrphans(st, zap.NewNop(), nil)
		look := func() int {
			require.NoError(t, o.CloseSparingly(t.Context()))
			return st.looks
		}
		require.Equal(t, 1, look())
		time.Sleep(30 * time.Second)
		st.took = 2 * time.Second
		require.Equal(t, 2, look())
		for range 3 { // after 30, 60 and 90 seconds
			time.Sleep(30 * time.Second)
			require.Equal(t, 2, look())
		}
		time.Sleep(30 * time.Second)
		require.Equal(t, 3, look())
	})
}

// slowOrphans has no orphans, and takes its time to say so.
type slowOrphans struct {
	upkeep.OrphanStore
	took  time.Duration
	looks int
}

func (*slowOrphans) EndLostExpansions(context.Context, time.Time) ([]uuid.UUID, error) {
	return nil, nil
}

func (s *slowOrphans) Orphans(context.Context, uuid.UUID, int) ([]store.Orphan, error) {
	s.looks++
	time.Sleep(s.took)
	return nil, nil
}
