package delivering

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/labring/sealos-notify/store"
)

const (
	// slotHorizon is how far ahead a worker reserves a slot and waits for it. It exceeds how
	// late a snoozed job may wake, so that no slot passes unused. With a longer horizon, those
	// that wake together fill every slot until the next ones wake.
	slotHorizon = 6 * time.Second
	// urgentHorizon is the horizon of jobs with high priority. Normal jobs reserve 6 s
	// ahead, so a slot between 6 and 7 s stays free for urgent ones. A wait of 7 s, a
	// provider call and its record fit the shortest leaseTimeout.
	urgentHorizon = slotHorizon + time.Second
)

// takeSlot waits for the provider's next slot when it has a rate limit. When the slots are
// far away, the job sleeps.
func (d *Deliverer) takeSlot(ctx context.Context, r *run) *Next {
	if r.provider.Interval <= 0 {
		return nil
	}
	wait, reserved := d.reserveSlot(ctx, r)
	if reserved {
		select {
		case <-time.After(wait):
			return nil
		case <-d.stopping:
			wait += time.Second // only the slot is lost
		}
	}
	if r.delivery.ExpiresAt != nil {
		wait = min(wait, max(0, time.Until(*r.delivery.ExpiresAt))) // it wakes to expire
	}
	return snooze(wait) // nothing was sent, so no attempt is spent
}

// reserveSlot reserves a slot within the horizon and returns the time until it. Otherwise it
// returns how long the job sleeps.
func (d *Deliverer) reserveSlot(ctx context.Context, r *run) (wait time.Duration, reserved bool) {
	horizon := slotHorizon
	urgent := r.job.Priority == store.PriorityHigh.InQueue()
	if urgent {
		horizon = urgentHorizon
	}
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	wait, reserved, err := d.store.TakeSlot(ctx, r.provider.Name, r.provider.Interval, horizon)
	if err != nil {
		d.log.Warn("no slot could be reserved", zap.String("provider", r.provider.Name), zap.Error(err))
		return time.Second, false
	}
	if reserved {
		return wait, true
	}
	if urgent {
		wait = max(wait-horizon, time.Second) // awake when the slot comes near
	}
	return d.pacing.sleep(line{r.provider.Name, r.job.Priority}, wait, r.provider.Interval), false
}

// pacing estimates how long the jobs sleep that found no slot within the horizon, so that
// each wakes when it is about its turn. Slots themselves are reserved in the database.
type pacing struct {
	mu   sync.Mutex
	ends map[line]time.Time // the turn of the last job of each line
}

// line is the jobs of one priority that wait for a provider's slots. River starts the more
// urgent ones of those that wake together.
type line struct {
	provider string
	priority int
}

// sleep returns how long the next job of a line sleeps. free is the time until the next free
// slot.
func (p *pacing) sleep(l line, free, interval time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ends == nil {
		p.ends = map[line]time.Time{}
	}
	now := time.Now()
	turn := now.Add(free)
	if end := p.ends[l]; end.After(turn) {
		turn = end
	}
	p.ends[l] = turn.Add(interval)
	return turn.Sub(now)
}
