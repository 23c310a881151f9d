package delivering

import (
	"time"

	"github.com/google/uuid"
)

// Job is one run of a delivery's River job.
type Job struct {
	ID          int64
	DeliveryID  uuid.UUID
	Queue       string
	Line        string // that it waited in
	Weight      int    // of its app
	Priority    int
	Attempt     int // from 1; River counts it up when a worker takes the job
	MaxAttempts int
	CreatedAt   time.Time
	Waited      time.Duration // from when the job was due until a worker took it
	Errors      []JobError    // of earlier attempts
	Metadata    []byte        // a JSON object
	Slot        Slot          // that was reserved when it was taken
}

// Slot is when a provider with a rate limit may be called. The zero value is no slot.
type Slot struct {
	Provider string
	At       time.Time
}

// JobError is what River noted of an attempt that failed.
type JobError struct {
	Attempt int
	Text    string
}

// Action is what River does with a job next.
type Action int

// Actions.
const (
	// Complete: the job is done.
	Complete Action = iota
	// Retry: the job failed and runs again at RetryAt, or is discarded when its attempts
	// are spent.
	Retry
	// Snooze: the job runs again after Wait, and no attempt is spent.
	Snooze
	// Cancel: the job never runs again.
	Cancel
)

// Next is what River does with a job, with the reason that it notes. No reason holds an
// address, a text or a secret.
type Next struct {
	Action  Action
	Reason  string
	RetryAt time.Time     // with Retry; the zero value when the attempts are spent
	Wait    time.Duration // with Snooze
}

func complete() *Next            { return &Next{Action: Complete} }
func cancel(reason string) *Next { return &Next{Action: Cancel, Reason: reason} }
func retryAt(t time.Time, reason string) *Next {
	return &Next{Action: Retry, RetryAt: t, Reason: reason}
}
func snooze(wait time.Duration) *Next { return &Next{Action: Snooze, Wait: wait} }
