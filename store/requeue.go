package store

import (
	"time"

	"github.com/google/uuid"
)

// Requeue sends a delivery again, with a new job: one that is dead or cancelled, or one that
// waits for a retry, whose job is then deleted.
type Requeue struct {
	DeliveryID uuid.UUID
	JobID      int64  // of the job that ended or waits
	Provider   string // the one to send through from now on; empty for the channel's
	Job        Job
	Quiet      bool // its quiet hours still hold
	ByItself   bool // nobody asked for it: the vendor does not have the delivery
	At         time.Time
	Audit      AuditEntry // is written when the delivery is requeued
}

// Cancellation cancels the open deliveries of a notification, one page at a time.
type Cancellation struct {
	NotificationID uuid.UUID
	After          uuid.UUID // the page begins after this delivery
	Limit          int       // deliveries in the page
	Code           string    // that the cancelled deliveries get
	Error          string
	At             time.Time
	Audit          []AuditEntry // are written unless the page is empty
}

// Cancelled is the result of a Cancellation.
type Cancelled struct {
	Deliveries int       // how many were cancelled
	Last       uuid.UUID // the last delivery of the page; uuid.Nil when the page was empty
}
