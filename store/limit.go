package store

import (
	"context"
	"time"
)

// Limits paces the calls to providers, over all replicas.
type Limits interface {
	// TakeSlot takes the provider's next free slot when it is at most horizon
	// away; the one after it is interval later. wait is the time until the slot.
	// Otherwise nothing is taken, and wait is the time until the next free one.
	TakeSlot(ctx context.Context, provider string, interval, horizon time.Duration) (wait time.Duration, taken bool, err error)
}
