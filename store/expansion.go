package store

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Expansion is how far a notification is that goes to a group too large for one request. A River
// job of its own makes its deliveries, some contacts at a time, in the order of names.
type Expansion struct {
	Group      ContactKey
	After      string // name of the last contact that was read; empty before the first
	Contacts   int    // that were read
	Deliveries int    // that were made
	DoneAt     *time.Time
	Stopped    Stopped // why contacts are left; empty: none are, or it goes on
	JobID      int64
	Plan       ExpansionPlan
}

// Done reports whether no further deliveries will be made.
func (e Expansion) Done() bool { return e.DoneAt != nil }

// ExpansionOpen is the state of an expansion that goes on.
const ExpansionOpen = "open"

// State returns what the notification's row has of it: open, done, or stopped when contacts are left; nil
// of no expansion.
func (e *Expansion) State() *string {
	if e == nil {
		return nil
	}
	state := ExpansionOpen
	switch {
	case e.Stopped != "":
		state = "stopped"
	case e.Done():
		state = "done"
	}
	return &state
}

// Stopped says why an expansion ended before its last contact.
type Stopped string

// Why an expansion ended before its last contact.
const (
	StoppedCancelled Stopped = "cancelled"     // its notification was cancelled or erased
	StoppedNoGroup   Stopped = "group_deleted" // the group was deleted
	StoppedNoJob     Stopped = "job_ended"     // an operator ended its job, or River gave it up
)

// ExpansionPlan is what was decided when the notification was accepted. It never changes.
type ExpansionPlan struct {
	Texts      []PlannedText   `json:"texts"`
	Quotas     []Quota         `json:"quotas,omitempty"`     // of the app, for each batch
	Simulated  bool            `json:"simulated,omitempty"`  // it reaches nobody
	AnyPrivate bool            `json:"anyPrivate,omitempty"` // it may go through providers that name their apps
	Metadata   json.RawMessage `json:"metadata,omitempty"`   // of the jobs
	// Locale and TimeZone are those that the request has for the group; they go before the contacts'.
	// OtherLocale is that of contacts without one.
	Locale      string `json:"locale,omitempty"`
	TimeZone    string `json:"timeZone,omitempty"`
	OtherLocale string `json:"otherLocale,omitempty"`
}

// PlannedText is a message that contacts get over a channel. Those of a channel follow each other, its
// template's own text first.
type PlannedText struct {
	Channel   string    `json:"channel"`
	Locale    string    `json:"locale,omitempty"`
	MessageID uuid.UUID `json:"messageId"`
}

// Messages returns the ids of its messages.
func (p ExpansionPlan) Messages() []uuid.UUID {
	ids := make([]uuid.UUID, len(p.Texts))
	for i, text := range p.Texts {
		ids[i] = text.MessageID
	}
	return ids
}

// JSON returns it as it is stored.
func (p ExpansionPlan) JSON() []byte { return jsonOf(p) }

// Scan implements sql.Scanner.
func (p *ExpansionPlan) Scan(value any) error { return scanJSON(value, p) }

// ExpandQueue is the queue of the jobs of expansions. ExpandAttempts is how often one is tried that
// fails: for more than an hour.
const (
	ExpandQueue    = "expand"
	ExpandAttempts = 100
)

// ExpandArgs are the arguments of an expansion's job.
type ExpandArgs struct {
	NotificationID uuid.UUID `json:"notificationId"`
}

// Kind implements River's JobArgs. It names the job in River's tables and never changes.
func (ExpandArgs) Kind() string { return "expand" }

// ExpansionBatch is the next contacts of an expansion, with what is written for them.
type ExpansionBatch struct {
	After    string // where it begins: the expansion's After when it was read
	Last     string // name of the last contact that was read
	Contacts int
	Done     bool // no contact is left, or Stopped
	Stopped  Stopped
	// Acceptance has the deliveries, their jobs, and the quotas that are used. Of its notification,
	// the id, the app and the times are looked at.
	Acceptance
}

// Expanded is the result of an ExpansionBatch.
type Expanded struct {
	// Expansion is as it is now.
	Expansion Expansion
	// Written has the deliveries that were written.
	Written Acceptance
	// Beyond is the quota that has no room for the batch; nothing was written then. Otherwise nil.
	Beyond *QuotaError
}

// Expansions makes the deliveries of notifications to large groups.
type Expansions interface {
	// Expansion returns the expansion of a notification, or ErrNotFound.
	Expansion(ctx context.Context, notificationID uuid.UUID) (Expansion, error)
	// Expand writes a batch in one transaction: deliveries and their jobs, the cursor, the counts and
	// the notification's total. It leaves out the deliveries whose recipient the notification has on
	// that channel already. It writes nothing when the expansion is over, or is not where the batch
	// begins. It returns ErrNotFound when there is no such expansion.
	Expand(ctx context.Context, b ExpansionBatch) (Expanded, error)
	// EndLostExpansions ends the expansions whose River job will not run any more, with StoppedNoJob,
	// and returns their notifications.
	EndLostExpansions(ctx context.Context, at time.Time) ([]uuid.UUID, error)
	// CountExpansions counts those that are not done.
	CountExpansions(ctx context.Context) (int, error)
}

// Reached is a recipient that a notification has on a channel.
type Reached struct {
	Channel   string
	Recipient Recipient
}

// Without returns the batch without the deliveries of recipients that are reached already.
func (b ExpansionBatch) Without(reached []Reached) ExpansionBatch {
	if len(reached) == 0 {
		return b
	}
	is := make(map[Reached]bool, len(reached))
	for _, r := range reached {
		is[r] = true
	}
	dropped := map[uuid.UUID]bool{}
	b.Deliveries = slices.DeleteFunc(slices.Clone(b.Deliveries), func(d Delivery) bool {
		drop := is[Reached{d.Channel, Recipient{Type: d.Recipient.Type, Value: d.Recipient.Value}}]
		dropped[d.ID] = drop
		return drop
	})
	b.Jobs = slices.DeleteFunc(slices.Clone(b.Jobs), func(j Job) bool { return dropped[j.DeliveryID] })
	return b
}

// Apply returns the expansion when the batch is written.
func (b ExpansionBatch) Apply(e Expansion) Expansion {
	e.After, e.Contacts, e.Deliveries = b.Last, e.Contacts+b.Contacts, e.Deliveries+len(b.Deliveries)
	if b.Done {
		at := b.Notification.UpdatedAt
		e.After, e.DoneAt, e.Stopped = "", &at, b.Stopped // no name is kept
	}
	return e
}

// WithKnown returns the batch with what must not be sent withheld, and the counters that have changed.
func (b ExpansionBatch) WithKnown(known Known) (ExpansionBatch, []RecipientUse) {
	b.Notification.Withheld = nil // of this batch only
	written, used := Withhold([]Acceptance{b.Acceptance}, known)
	b.Acceptance = written[0]
	return b, used
}

// Values returns the addresses of the batch, each once.
func (b ExpansionBatch) Values() []string {
	values := make([]string, len(b.Deliveries))
	for i, d := range b.Deliveries {
		values[i] = d.Recipient.Value
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// SinceFirst returns the lowest id that a delivery of a notification has: replicas' clocks may differ by
// a day.
func SinceFirst(notification uuid.UUID) uuid.UUID {
	accepted := time.UnixMilli(int64(binary.BigEndian.Uint64(notification[:8]) >> 16))
	return FirstID(accepted.AddDate(0, 0, -1))
}
