package store

import (
	"time"

	"github.com/google/uuid"
)

// DeliveryStatus is the state of one delivery.
type DeliveryStatus string

// Delivery states.
const (
	DeliveryPending    DeliveryStatus = "pending"
	DeliveryProcessing DeliveryStatus = "processing" // its job is running; derived when read, never stored
	DeliverySuccess    DeliveryStatus = "success"
	DeliveryFailed     DeliveryStatus = "failed" // a retry is scheduled
	DeliveryDead       DeliveryStatus = "dead"
	DeliveryCancelled  DeliveryStatus = "cancelled"
)

// Open says whether the delivery may still be sent by itself.
func (s DeliveryStatus) Open() bool {
	return s == DeliveryPending || s == DeliveryProcessing || s == DeliveryFailed
}

// Delivery is one message to one recipient over one channel.
type Delivery struct {
	ID             uuid.UUID // UUIDv7; the mark that every attempt shows the vendor
	NotificationID uuid.UUID
	MessageID      uuid.UUID
	JobID          int64 // the River job that moves it; set by Accept
	Channel        string
	Provider       string // the one that made the last attempt, at first the one expected to
	// ProviderOverride is the provider that a retry by hand asked for; empty for
	// the channel's.
	ProviderOverride string
	TemplateName     string
	// TemplateVersion is the message's.
	TemplateVersion int
	Recipient       Recipient
	Status          DeliveryStatus
	Attempts        int // recorded attempts of this job; throttled ones do not count
	MaxRetry        int // retries after the first attempt
	NextRetryAt     *time.Time
	LastCode        string // of the last failure
	LastError       string
	Details         []byte     // JSON object of the last attempt, or nil
	SendAt          *time.Time // the notification's
	ExpiresAt       *time.Time // the notification's
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// Due is the time from which the delivery may be sent.
func (d Delivery) Due() time.Time {
	if d.SendAt != nil {
		return *d.SendAt
	}
	return d.CreatedAt
}

// ExpiredAt says whether the delivery is not to be sent at that time any more.
func (d Delivery) ExpiredAt(t time.Time) bool { return d.ExpiresAt != nil && !t.Before(*d.ExpiresAt) }

// Attempt is one provider call and what came of it.
type Attempt struct {
	ID         uuid.UUID
	DeliveryID uuid.UUID
	JobID      int64
	Attempt    int // from 1
	Provider   string
	Class      string // error class; empty on success
	Code       string
	Error      string
	Details    []byte // JSON object, or nil
	StartedAt  time.Time
	FinishedAt time.Time
}

// Outcome is an attempt together with what it makes of the delivery.
type Outcome struct {
	Attempt     Attempt
	Status      DeliveryStatus // success, failed or dead
	NextRetryAt *time.Time     // with failed
	// Throttled: the attempt is kept but not counted, and may be recorded again.
	Throttled bool
}

// Stray is an open delivery whose River job will not run it any more.
type Stray struct {
	DeliveryID uuid.UUID
	JobID      int64
	JobState   string // River's state; empty when the job is gone
	JobAttempt int    // attempts River has started
	Attempts   int    // attempts recorded
}

// Settlement closes a stray.
type Settlement struct {
	DeliveryID uuid.UUID
	JobID      int64
	Status     DeliveryStatus // dead or cancelled
	Code       string
	Error      string
	At         time.Time
}
