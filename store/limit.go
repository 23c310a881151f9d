package store

import (
	"context"
	"time"
)

// Limits spaces out the calls to providers, over all replicas.
type Limits interface {
	// TakeSlot reserves the provider's next free slot when it is at most horizon away;
	// the slot after it is interval later. wait is the time until the reserved slot, or
	// until the next free one when none was reserved.
	TakeSlot(ctx context.Context, provider string, interval, horizon time.Duration) (wait time.Duration, taken bool, err error)
}
