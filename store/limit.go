package store

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Limits bounds the calls and the connections to providers, over all replicas.
type Limits interface {
	// TakeSlot reserves the provider's next free slot when it is at most horizon away;
	// the slot after it is interval later. wait is the time until the reserved slot, or
	// until the next free one when none was reserved.
	TakeSlot(ctx context.Context, provider string, interval, horizon time.Duration) (wait time.Duration, taken bool, err error)

	// TakePlace takes one of the provider's places, of which there are most, for the
	// holder. It returns false when others hold them all. The place expires after lease.
	TakePlace(ctx context.Context, provider string, holder uuid.UUID, most int, lease time.Duration) (p Place, taken bool, err error)
	// RenewPlaces gives all places of the holder another lease, and returns them. One
	// that had expired is among them when nobody has taken it since.
	RenewPlaces(ctx context.Context, holder uuid.UUID, lease time.Duration) ([]Place, error)
	// FreePlaces frees places of the holder. One that another has taken since stays
	// taken.
	FreePlaces(ctx context.Context, holder uuid.UUID, places []Place) error
	// PlacesTaken returns how many places of each provider are taken. One without any is left
	// out.
	PlacesTaken(ctx context.Context) (map[string]int, error)
}

// Place is the right to one connection to a provider.
type Place struct {
	Provider string
	Number   int // from 1
}
