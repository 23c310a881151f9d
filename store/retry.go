package store

import (
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
)

// Retrial sends a dead or cancelled delivery again, as a new job.
type Retrial struct {
	DeliveryID uuid.UUID
	JobID      int64  // the job that ended
	Provider   string // the provider it goes through from now on; empty for the channel's
	Job        river.InsertManyParams
	At         time.Time
}

// Cancellation stops what of a notification was not sent.
type Cancellation struct {
	NotificationID uuid.UUID
	After          uuid.UUID // looks at deliveries after this one
	Limit          int       // looks at no more
	Code           string    // of the deliveries that are cancelled
	Error          string
	At             time.Time
}

// Cancelled answers a Cancellation.
type Cancelled struct {
	Deliveries int       // that were cancelled
	Last       uuid.UUID // the last one looked at; uuid.Nil when there was none
}
