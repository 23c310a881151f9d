package store

import (
	"time"

	"github.com/google/uuid"
)

// NotificationStatus is the roll-up of a notification's deliveries. The database
// derives it from the counts, so it can not stick.
type NotificationStatus string

// Notification states, in the order they are decided: pending until something
// was tried; processing while anything is open; then failed when any delivery is
// dead, cancelled when any was cancelled, success when all arrived.
const (
	NotificationPending    NotificationStatus = "pending"
	NotificationProcessing NotificationStatus = "processing"
	NotificationSuccess    NotificationStatus = "success"
	NotificationFailed     NotificationStatus = "failed"
	NotificationCancelled  NotificationStatus = "cancelled"
)

// Notification is one accepted request.
type Notification struct {
	ID             uuid.UUID // UUIDv7
	AppID          string    // who sent it
	IdempotencyKey string    // unique for each app
	RequestHash    []byte    // SHA-256 of the canonical request: tells a replay from a reused key
	Unmatched      []Recipient
	SendAt         *time.Time // later than CreatedAt; nil: at once
	ExpiresAt      *time.Time // from then on nothing is sent any more; nil: never
	Priority       Priority
	Test           bool // somebody tries a template
	Counts         Counts
	Status         NotificationStatus // read only
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// Priority says which of the deliveries that wait in a queue go first.
type Priority string

// Priorities.
const (
	PriorityHigh   Priority = "high"
	PriorityNormal Priority = "normal"
	PriorityLow    Priority = "low"
)

// Counts are a notification's deliveries by stored status.
type Counts struct {
	Total     int
	Pending   int
	Failed    int // waiting for a retry
	Success   int
	Dead      int
	Cancelled int
}

// Recipient is one address, with its type ("email", "phone", "user_id", "feishu_user_id").
type Recipient struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// Message is what is sent to every recipient of one channel of a notification,
// rendered when the notification was accepted. It never changes.
type Message struct {
	ID             uuid.UUID
	NotificationID uuid.UUID
	Channel        string
	TemplateName   string
	// TemplateVersion is 0 in messages from before versions were kept.
	TemplateVersion int
	MsgType         string
	Subject         string
	Body            string
	TemplateCode    string
	Params          []byte // a JSON object, for vendors that render themselves
}
