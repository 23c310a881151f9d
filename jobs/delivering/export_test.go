package delivering

import (
	"context"
	"time"

	"github.com/labring/sealos-notify/channels"
)

const (
	WaitLimit     = waitLimit
	RecordTime    = recordTime
	SlotHorizon   = slotHorizon
	UrgentHorizon = urgentHorizon
)

// ReserveSlot reserves a slot for a job of the priority.
func (d *Deliverer) ReserveSlot(ctx context.Context, p channels.Provider, priority int) (time.Duration, bool) {
	return d.reserveSlot(ctx, &run{provider: p, job: Job{Priority: priority}})
}

// LineUp adds a job of the priority to the line of those that sleep until their turn.
func (d *Deliverer) LineUp(p channels.Provider, priority int, free time.Duration) {
	d.pacing.sleep(line{p.Name, priority}, free, p.Interval)
}
