package jobs

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
)

// paceHorizon is how far ahead a worker takes a slot and waits for it. It is
// longer than the 5 s at which River wakes snoozed jobs, so that a crowd that
// wakes together still fills every slot until the next one.
const paceHorizon = 6 * time.Second

// pace keeps to the provider's rate limit: it waits for the next free slot and
// returns 0, or it says how long the job should sleep because slots are far away.
func (s *Service) pace(ctx context.Context, p channels.Provider) (time.Duration, error) {
	if p.Interval <= 0 {
		return 0, nil
	}
	asking, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	wait, taken, err := s.store.TakeSlot(asking, p.Name, p.Interval, paceHorizon)
	if err != nil {
		s.log.Warn("no slot could be taken", zap.String("provider", p.Name), zap.Error(err))
		return time.Second, err
	}
	if !taken {
		return s.queued.behind(p.Name, wait, p.Interval), nil
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
	ends map[string]time.Time // by provider: the turn of the last one in line
}

// behind returns how long the next one in line sleeps. free is how far away the
// next free slot is.
func (q *queues) behind(provider string, free, interval time.Duration) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ends == nil {
		q.ends = map[string]time.Time{}
	}
	now := time.Now()
	turn := now.Add(free)
	if end := q.ends[provider]; end.After(turn) {
		turn = end
	}
	q.ends[provider] = turn.Add(interval)
	return turn.Sub(now)
}
