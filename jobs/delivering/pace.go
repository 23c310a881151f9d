package delivering

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// slotHorizon is how far ahead a worker reserves a slot and waits for it. The wait, a provider
// call and its record fit the shortest leaseTimeout.
const slotHorizon = 6 * time.Second

// takeSlot waits for the provider's next slot when it has a rate limit. Where few jobs may be
// sent, the slot was reserved when the job was taken, so that the others keep their order. When
// the slots are far away, the job sleeps.
func (d *Deliverer) takeSlot(ctx context.Context, r *run) *Next {
	if r.provider.Interval <= 0 {
		return nil
	}
	wait, reserved := time.Until(r.job.Slot.At), r.job.Slot.Provider == r.provider.Name
	if !reserved {
		wait, reserved = d.reserveSlot(ctx, r)
	}
	if reserved {
		select {
		case <-time.After(wait):
			return nil
		case <-d.stopping:
			wait += time.Second // only the slot is lost
		}
	}
	if r.delivery.ExpiresAt != nil {
		wait = min(wait, time.Until(*r.delivery.ExpiresAt)) // it wakes to expire
	}
	return snooze(max(0, wait)) // nothing was sent, so no attempt is spent
}

// reserveSlot reserves a slot within the horizon and returns the time until it. Otherwise it
// returns how long the job sleeps.
func (d *Deliverer) reserveSlot(ctx context.Context, r *run) (wait time.Duration, reserved bool) {
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	wait, reserved, err := d.store.TakeSlot(ctx, r.provider.Name, r.provider.Interval, slotHorizon)
	if err != nil {
		d.log.Warn("no slot could be reserved", zap.String("provider", r.provider.Name), zap.Error(err))
		return time.Second, false
	}
	return wait, reserved
}
