package store

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// ErasedText stands where an address or a text was erased.
const ErasedText = "(erased)"

// Erasures makes addresses and texts unreadable. Counts, states, times and codes stay.
type Erasures interface {
	// CountErasable returns how many deliveries an erasure would erase, of all pages.
	CountErasable(ctx context.Context, e Erasure) (int, error)
	// Erase erases one page of deliveries, in one transaction: the address, what vendors
	// answered, and each message all of whose deliveries are erased. Those that wait are
	// cancelled first; one whose job is running is left as it is. An erased delivery has no
	// job: it is never sent again, and late outcomes are fenced. The audit entries are written
	// even when there is nothing to erase.
	Erase(ctx context.Context, e Erasure) (Erased, error)
	// EraseUnmatched erases addresses among the unmatched ones of at most e.Limit notifications,
	// in one transaction, and returns in how many there were some; 0 means that none is left.
	// e.After does not matter.
	EraseUnmatched(ctx context.Context, e Erasure) (int, error)
	// EraseMentions erases e.Recipient among the people whom messages mention, in at most e.Limit
	// messages, in one transaction, and returns in how many it was; 0 means that none is left.
	EraseMentions(ctx context.Context, e Erasure) (int, error)
	// ForgetRecipient deletes what is kept of an address beside what was sent: its suppressions
	// and preferences, and the messages of threads. It returns how many rows there were.
	ForgetRecipient(ctx context.Context, r Recipient) (int, error)
	// EraseAddress removes e.Recipient from at most e.Limit contacts, in one transaction, and
	// returns how many they were; 0 means that none is left. The contacts stay.
	EraseAddress(ctx context.Context, e Erasure) (int, error)
}

// Erasure chooses what is erased: all that went to one recipient, or one notification.
type Erasure struct {
	Recipient      Recipient // the zero value: see NotificationID
	NotificationID uuid.UUID
	After          uuid.UUID // the page begins after this delivery
	Limit          int       // deliveries in the page, notifications, or messages
	Code           string    // that the cancelled deliveries get
	At             time.Time
	Audit          []AuditEntry
}

// Erased is the result of an Erasure.
type Erased struct {
	Deliveries int       // that were erased
	Cancelled  int       // of them, those that waited
	Running    int       // that were left, because their job is running
	Messages   int       // whose text was erased
	Shared     int       // messages of the page that others got, too, whose text stays
	Last       uuid.UUID // the last delivery of the page; uuid.Nil when the page was empty
}

// IsErased reports whether the delivery's address was erased.
func (d Delivery) IsErased() bool { return d.JobID == 0 }
