package store

import (
	"context"
	"time"
)

// Breaker is open: its provider takes no deliveries, but for one now and then that tries whether
// it works again.
type Breaker struct {
	Provider string
	ByHand   bool   // an operator opened it: there are no probes, and only an operator closes it
	Code     string // of the last failure before it opened; empty when an operator opened it
	OpenedAt time.Time
	ProbeAt  time.Time // from when the next delivery is a probe; the clocks of replicas may differ
}

// Breakers keeps the open breakers, for all replicas. A provider without one takes deliveries.
type Breakers interface {
	// OpenBreakers returns all breakers, by provider.
	OpenBreakers(ctx context.Context) ([]Breaker, error)
	// OpenBreaker opens a provider's breaker, and returns false when it is open already. One
	// that an operator opens was perhaps open by itself, and is his then.
	OpenBreaker(ctx context.Context, b Breaker, audit AuditEntry) (opened bool, err error)
	// TakeProbe lets the caller's delivery through when a probe is due at now. The next one is
	// due at next. It returns false when none is due, or the breaker is not open by itself.
	TakeProbe(ctx context.Context, provider string, now, next time.Time) (taken bool, err error)
	// CloseBreaker closes a provider's breaker, also one that an operator opened when byHand is
	// set. It returns false when there was none to close.
	CloseBreaker(ctx context.Context, provider string, byHand bool, audit AuditEntry) (closed bool, err error)
}
