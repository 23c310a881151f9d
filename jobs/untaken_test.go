package jobs

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/store"
)

// queue is a queue's view of what runs here.
type queue struct {
	store.Queues
	running []store.RunningJob
	given   []store.RunningJob
	err     error
}

func (q *queue) RunningJobs(context.Context, string) ([]store.RunningJob, error) {
	return append([]store.RunningJob{}, q.running...), q.err
}

func (q *queue) GiveBack(_ context.Context, _ string, jobs []store.RunningJob) error {
	q.given = append(q.given, jobs...)
	return nil
}

// A job is given back when two looks in a row find it running in the queue and not here. One that
// is worked, that ended without a certain record, or that was taken again meanwhile, is not; nor
// is any after a failed look.
func TestGiveBackUntaken(t *testing.T) {
	t.Parallel()
	const lease = 5 * time.Minute
	never, worked := store.RunningJob{ID: 1, Attempt: 1}, store.RunningJob{ID: 2, Attempt: 1}
	for name, c := range map[string]struct {
		between func(q *queue, j *Jobs) // the first look and the second
		given   []store.RunningJob
	}{
		"never begun": {func(*queue, *Jobs) {}, []store.RunningJob{never}},
		"begun":       {func(_ *queue, j *Jobs) { j.hand.take(never.ID) }, nil},
		"over":        {func(q *queue, _ *Jobs) { q.running = nil }, nil},
		"taken again": {func(q *queue, _ *Jobs) { q.running[0].Attempt++ }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := &queue{running: []store.RunningJob{never, worked}}
				j := &Jobs{queues: q, log: zap.NewNop()}
				j.hand.take(worked.ID)
				ctx, cancel := context.WithCancel(t.Context())
				go j.giveBackUntaken(ctx, "me", lease)
				time.Sleep(untakenInterval + untakenInterval/2)
				require.Empty(t, q.given, "one look is not enough")
				c.between(q, j)
				time.Sleep(untakenInterval)
				cancel()
				synctest.Wait()
				require.Equal(t, c.given, q.given)
			})
		})
	}
	t.Run("failed look", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			q := &queue{running: []store.RunningJob{never}}
			j := &Jobs{queues: q, log: zap.NewNop()}
			ctx, cancel := context.WithCancel(t.Context())
			go j.giveBackUntaken(ctx, "me", lease)
			time.Sleep(untakenInterval + untakenInterval/2)
			q.err = errors.New("away")
			time.Sleep(untakenInterval)
			q.err = nil
			time.Sleep(untakenInterval)
			require.Empty(t, q.given)
			time.Sleep(untakenInterval)
			require.Equal(t, []store.RunningJob{never}, q.given)
			cancel()
			synctest.Wait()
		})
	})
}

// What ended without a certain record stays in the hand until nobody can take it for running.
func TestHandForgets(t *testing.T) {
	t.Parallel()
	var h hand
	h.take(1)
	h.take(2)
	h.drop(2)
	running := []store.RunningJob{{ID: 1, Attempt: 1}, {ID: 2, Attempt: 1}}
	require.Equal(t, running[1:], h.without(append([]store.RunningJob{}, running...), time.Now().Add(-time.Hour)))
	require.Equal(t, running, h.without(append([]store.RunningJob{}, running...), time.Now().Add(time.Second)))
	require.Empty(t, h.jobs)
}
