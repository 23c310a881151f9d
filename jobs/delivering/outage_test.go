package delivering_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/store"
)

// lossyStore is a store whose replies to commits are lost: it records each outcome, and the
// first time returns an error.
type lossyStore struct {
	store.Store
	mu   sync.Mutex
	lost map[uuid.UUID]bool
}

func (l *lossyStore) Record(ctx context.Context, batch []store.Outcome) ([]bool, error) {
	recorded, err := l.Store.Record(ctx, batch)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range batch {
		if !l.lost[o.Attempt.ID] {
			l.lost[o.Attempt.ID] = true
			err = fmt.Errorf("%w: the reply is lost", store.ErrUnavailable)
		}
	}
	return recorded, err
}

// An outcome is recorded, and the reply to its commit is lost. The decision stands: a dead or
// held delivery is not sent again, and no attempt is lost.
func TestDeliverWhenTheReplyToTheRecordIsLost(t *testing.T) {
	for name, c := range map[string]struct {
		err    *channels.Error
		status store.DeliveryStatus
		calls  int
	}{
		"success":   {nil, store.DeliverySuccess, 1},
		"dead":      {&channels.Error{Class: channels.Permanent, Code: "refused"}, store.DeliveryDead, 1},
		"held":      {&channels.Error{Class: channels.Uncertain, Code: "timeout"}, store.DeliveryDead, 1},
		"transient": {&channels.Error{Class: channels.Transient, Code: "away"}, store.DeliveryDead, 4},
	} {
		t.Run(name, func(t *testing.T) {
			jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
				b.Rebuild(&lossyStore{Store: b.Store, lost: map[uuid.UUID]bool{}})
				b.Jobs.Apply(b.Settings(channels.Hold))
				if c.err != nil {
					b.Provider.Fail(c.err)
				}
				b.Start()
				d := b.WaitFor(b.Accept("k").ID, c.status)
				require.Equal(t, c.calls, d.Attempts)
				require.Eventually(t, func() bool {
					return !slices.Contains([]string{"available", "running", "retryable", "scheduled"}, b.JobState(d.JobID))
				}, limit.Wait, 5*time.Millisecond, "the job has not ended")
				require.Len(t, b.Provider.Calls, c.calls)
				require.Equal(t, d, b.WaitFor(d.ID, c.status))
			})
		})
	}
	t.Run("throttled", func(t *testing.T) {
		jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
			b.Rebuild(&lossyStore{Store: b.Store, lost: map[uuid.UUID]bool{}})
			b.Jobs.Apply(b.Settings(channels.Hold))
			b.Provider.Fail(&channels.Error{Class: channels.Throttled, Code: "slow_down", RetryAfter: time.Millisecond})
			b.Start()
			accepted := b.Accept("k")
			b.NextCall()
			b.Provider.Fail(nil)
			d := b.WaitFor(accepted.ID, store.DeliverySuccess)
			require.Equal(t, 1, d.Attempts)
		})
	})
}

// flakyStore is a store whose first three reads of deliveries fail.
type flakyStore struct {
	store.Store
	reads atomic.Int64
}

func (f *flakyStore) FindDeliveries(ctx context.Context, ids []uuid.UUID) ([]store.Delivery, error) {
	if f.reads.Add(1) <= 3 {
		return nil, store.ErrUnavailable
	}
	return f.Store.FindDeliveries(ctx, ids)
}

// Without the database, River cannot snooze a job either. So the worker keeps the job and
// tries again.
func TestDeliverWaitsForTheDatabase(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Rebuild(&flakyStore{Store: b.Store})
		b.Start()
		d := b.WaitFor(b.Accept("k").ID, store.DeliverySuccess)
		require.Equal(t, 1, d.Attempts)
		require.Empty(t, b.QueryText("SELECT metadata->>'snoozes' FROM river_job WHERE id = $1", d.JobID))
	})
}
