package store

import (
	"cmp"
	"time"

	"github.com/google/uuid"
)

// NotificationStatus sums up a notification's deliveries. The database derives it from
// the counts, so it cannot disagree with them.
type NotificationStatus string

// Notification states: pending before the first outcome, processing while a delivery is
// open, then failed when one is dead, otherwise cancelled when one was cancelled,
// otherwise success.
const (
	NotificationPending    NotificationStatus = "pending"
	NotificationProcessing NotificationStatus = "processing"
	NotificationSuccess    NotificationStatus = "success"
	NotificationFailed     NotificationStatus = "failed"
	NotificationCancelled  NotificationStatus = "cancelled"
)

// Notification is one accepted request.
type Notification struct {
	ID             uuid.UUID   // UUIDv7
	IncidentID     uuid.UUID   // of the incident that it opened, or belongs to; uuid.Nil: none
	AppID          string      // the app that sent it
	IdempotencyKey string      // unique for each app
	RequestHash    []byte      // SHA-256 of the canonical request; a replay has the same
	Unmatched      []Recipient // fit none of the channels
	Reach          *Reach      // nil: it names no contact and no group, or has an Expansion
	Expansion      *Expansion  // nil: all its deliveries were made when it was accepted
	SendAt         *time.Time  // nil: at once
	ExpiresAt      *time.Time  // nothing is sent from then on; nil: never
	Priority       Priority
	Test           bool   // a template is being tried, or it was sent with a test secret
	Kind           string // name of the kind; empty: none
	Thread         string // name of the thread; empty: none
	// ThreadID and ThreadSeq are its place in the thread; Accept sets them.
	ThreadID  uuid.UUID
	ThreadSeq int64
	Resolved  bool // what the thread is about is over
	// Withheld are the deliveries that were not sent when it was accepted, by code.
	Withheld  Amounts
	Counts    Counts
	Status    NotificationStatus // read only
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Priority orders the deliveries that wait in a queue.
type Priority string

// Priorities.
const (
	PriorityHigh   Priority = "high"
	PriorityNormal Priority = "normal"
	PriorityLow    Priority = "low"
)

// InQueue returns the priority of the jobs, as Job has it. The empty priority is normal.
func (p Priority) InQueue() int {
	switch p {
	case PriorityHigh:
		return 1
	case PriorityLow:
		return 3
	default:
		return 2
	}
}

// Counts are a notification's deliveries by stored status.
type Counts struct {
	Total     int
	Pending   int
	Failed    int // waiting for a retry
	Success   int
	Dead      int
	Cancelled int
}

// Recipient is one address and its type, such as "email".
type Recipient struct {
	Type       string `json:"type"`
	Value      string `json:"value"`
	Configured bool   `json:"configured,omitempty"` // from the configuration: administrators may see it
}

// Message is what all recipients of one channel of a notification get. It was rendered
// when the notification was accepted and never changes.
type Message struct {
	ID              uuid.UUID
	NotificationID  uuid.UUID
	Channel         string
	TemplateName    string
	TemplateVersion int
	MsgType         string
	Subject         string
	Body            string
	TemplateCode    string
	TemplateCodes   Codes
	Params          []byte // a JSON object, for vendors that render themselves
	// Mention are people whom the message mentions. It is all of a Message that may change:
	// addresses are erased.
	Mention []Recipient
}

// HasCode reports whether a vendor renders the message.
func (m Message) HasCode() bool { return m.TemplateCode != "" || len(m.TemplateCodes) > 0 }

// Code returns the code of the vendor's template that the message is sent with through a provider.
func (m Message) Code(provider string) string {
	return cmp.Or(m.TemplateCodes[provider], m.TemplateCode)
}
