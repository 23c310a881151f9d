package delivering

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/semaphore"

	"github.com/labring/sealos-notify/store"
)

// A provider has three connections and is slow. One message of another app waits for the next
// of them to become free, and not for its luck among a hundred workers.
func TestRoomGivesASingleMessageItsTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const takes, connections = 4 * time.Second, 3
		var r room
		free := semaphore.NewWeighted(connections)
		var mu sync.Mutex
		served := map[string]int{}
		send := func(ctx context.Context, line string, priority store.Priority) bool {
			waiting, cancel := context.WithTimeout(ctx, connectionWait)
			defer cancel()
			leave, err := r.enter(waiting, Job{Line: line, Priority: priority.InQueue()})
			if err != nil {
				return false
			}
			err = free.Acquire(waiting, 1)
			leave(err == nil)
			if err != nil {
				return false
			}
			mu.Lock()
			served[line+string(priority)]++
			mu.Unlock()
			time.Sleep(takes)
			free.Release(1)
			return true
		}
		ctx, cancel := context.WithCancel(t.Context())
		var workers sync.WaitGroup
		for range 97 {
			workers.Go(func() {
				for ctx.Err() == nil {
					send(ctx, "a", store.PriorityNormal)
				}
			})
		}
		for i := range 10 {
			time.Sleep(time.Minute + time.Duration(i)*time.Second)
			began := time.Now()
			require.True(t, send(ctx, "b", store.PriorityNormal))
			require.LessOrEqual(t, time.Since(began)-takes, takes, "the connections become free together")
		}
		cancel()
		workers.Wait()
		require.Greater(t, served["anormal"], 400, "no connection is idle")

		// Two busy apps share; of one app the urgent go first.
		clear(served)
		ctx, cancel = context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		for range 60 {
			for _, who := range []struct {
				line     string
				priority store.Priority
			}{{"a", store.PriorityNormal}, {"b", store.PriorityNormal}, {"b", store.PriorityHigh}} {
				workers.Go(func() {
					for ctx.Err() == nil {
						send(ctx, who.line, who.priority)
					}
				})
			}
		}
		workers.Wait()
		require.Less(t, served["bnormal"], 10)
		require.InDelta(t, 4, float64(served["bhigh"])/float64(served["anormal"]), 0.6)
	})
}

// One who gives up while it may ask lets the next one ask.
func TestRoomIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r room
		leave, err := r.enter(t.Context(), Job{Line: "a"})
		require.NoError(t, err)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = r.enter(short, Job{Line: "a"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Empty(t, r.waiting)
		ended, end := context.WithCancel(t.Context())
		end()
		for range 20 {
			leave(false)
			if leave, err = r.enter(ended, Job{Line: "b"}); err != nil { // either may be seen first
				leave, err = r.enter(t.Context(), Job{Line: "c"})
			}
			require.NoError(t, err)
		}
	})
}
