package jobs

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// paceHorizon is how far ahead a worker takes a slot and waits for it. It is
// longer than the 5 s at which River wakes snoozed jobs, so that a crowd that
// wakes together still fills every slot until the next one.
const paceHorizon = 6 * time.Second

// urgentHorizon is paceHorizon for jobs of high priority. The others fill the slots
// up to theirs, so that the first one beyond is free. With a provider call and its
// record it still fits the shortest leaseTimeout.
const urgentHorizon = paceHorizon + time.Second

// pace keeps to the provider's rate limit: it waits for the next free slot and
// returns 0, or it says how long the job should sleep because slots are far away.
// priority is the job's, in River's numbers.
func (s *Service) pace(ctx context.Context, p channels.Provider, priority int) (time.Duration, error) {
	if p.Interval <= 0 {
		return 0, nil
	}
	horizon := paceHorizon
	urgent := priority == riverPriority(store.PriorityHigh)
	if urgent {
		horizon = urgentHorizon
	}
	asking, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	wait, taken, err := s.store.TakeSlot(asking, p.Name, p.Interval, horizon)
	if err != nil {
		s.log.Warn("no slot could be taken", zap.String("provider", p.Name), zap.Error(err))
		return time.Second, err
	}
	if !taken && urgent {
		// Awake when the slot comes near, before those whose turn it is.
		wait = max(wait-horizon, time.Second)
	}
	if !taken {
		return s.queued.behind(line{p.Name, priority}, wait, p.Interval), nil
	}
	select {
	case <-time.After(wait):
		return 0, nil
	case <-s.draining:
		return wait + time.Second, nil // the slot is lost, and nothing else
	}
}

// stopPacing lets workers that wait for a slot go. It may be called again.
func (s *Service) stopPacing() { s.stopDraining() }

// queues lines up the jobs that found no slot near, so that each sleeps until
// about its turn and none wakes in vain again and again. It only guesses; slots
// are taken in the database.
type queues struct {
	mu   sync.Mutex
	ends map[line]time.Time // the turn of the last one in line
}

// line is where jobs wait for a provider's slots. Each priority has its own, so
// that none stands behind a lower one; of those that wake together River starts
// the more urgent ones first.
type line struct {
	provider string
	priority int
}

// behind returns how long the next one in line sleeps. free is how far away the
// next free slot is.
func (q *queues) behind(l line, free, interval time.Duration) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ends == nil {
		q.ends = map[line]time.Time{}
	}
	now := time.Now()
	turn := now.Add(free)
	if end := q.ends[l]; end.After(turn) {
		turn = end
	}
	q.ends[l] = turn.Add(interval)
	return turn.Sub(now)
}
