package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// CodeSuppressed is the code of a delivery that was not sent because its address is suppressed.
const CodeSuppressed = "suppressed"

// Suppression is an address that a vendor refused for good. Until its end nothing is sent there
// over the channel.
type Suppression struct {
	ID        uuid.UUID // of the last attempt that was refused
	Channel   string
	Recipient Recipient
	Code      string // of the refusal
	Error     string // what the vendor said, without the address
	CreatedAt time.Time
	Until     time.Time
}

// SuppressionFilter chooses suppressions. A field of the zero value chooses all.
type SuppressionFilter struct {
	Channel   string
	Recipient string // the exact address
}

// Suppressions reads and removes suppressions. Record writes them, and removes the one of an
// address that something has arrived at.
type Suppressions interface {
	// ListSuppressions returns a page of at most limit suppressions that are in force, newest
	// first. The page begins after the given id; uuid.Nil is the start. The error may be
	// ErrTooBroad.
	ListSuppressions(ctx context.Context, f SuppressionFilter, after uuid.UUID, limit int) ([]Suppression, error)
	// DeleteSuppression removes one, or returns ErrNotFound.
	DeleteSuppression(ctx context.Context, id uuid.UUID, audit AuditEntry) error
	// ForgetSuppressions deletes at most limit of those that had ended by the given time, and returns
	// how many.
	ForgetSuppressions(ctx context.Context, endedBy time.Time, limit int) (int, error)
}

// SuppressibleOf returns the addresses of acceptances that may be suppressed.
func SuppressibleOf(news []Acceptance) []string {
	var values []string
	for _, a := range news {
		if a.isSuppressible() {
			for i := range a.Deliveries {
				values = append(values, a.Deliveries[i].Recipient.Value)
			}
		}
	}
	return values
}

func (a Acceptance) isSuppressible() bool { return a.Suppressible && !a.Passes }

// place is where a suppression holds.
type place struct{ channel, recipientType, recipientValue string }

func (k Known) suppressed() map[place]Suppression {
	found := make(map[place]Suppression, len(k.Suppressed))
	for _, s := range k.Suppressed {
		found[place{s.Channel, s.Recipient.Type, s.Recipient.Value}] = s
	}
	return found
}

// suppressed returns why a delivery to a suppressed address is withheld; the zero value for others.
func (a Acceptance) suppressed(d Delivery, known map[place]Suppression) reason {
	s, is := known[place{d.Channel, d.Recipient.Type, d.Recipient.Value}]
	if !is || !a.isSuppressible() {
		return reason{}
	}
	return reason{CodeSuppressed, fmt.Sprintf("the vendor has refused this address for good (%s): nothing is sent there until %s",
		s.Code, s.Until.UTC().Format(time.DateOnly))}
}
