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

// Open reports whether the delivery may still be sent without an operator.
func (s DeliveryStatus) Open() bool {
	return s == DeliveryPending || s == DeliveryProcessing || s == DeliveryFailed
}

// Delivery is one message to one recipient over one channel.
type Delivery struct {
	ID             uuid.UUID // UUIDv7; every attempt presents it to the vendor
	NotificationID uuid.UUID
	IncidentID     uuid.UUID // the notification's
	MessageID      uuid.UUID
	JobID          int64 // of the River job that moves it; set by Accept and Requeue; NoJob
	Channel        string
	Provider       string // of the last attempt; before the first, the channel's at acceptance
	// NextProvider is the provider that the delivery was moved to, or that a requeue asked for;
	// empty for the first of its route.
	NextProvider string
	Pinned       bool // it goes through NextProvider and through no other
	TemplateName string
	// TemplateVersion is the message's.
	TemplateVersion int
	Locale          string // of the template's text that fits the recipient; empty when the template names none
	Recipient       Recipient
	Contact         string // whose address it is, as ContactKey.String; empty: nobody's
	Status          DeliveryStatus
	Attempts        int // recorded attempts of this job; throttled ones do not count
	MaxRetry        int // retries after the first attempt
	NextRetryAt     *time.Time
	LastCode        string // of the last failure
	LastError       string
	Details         []byte     // JSON object of the last attempt, or nil
	SendAt          *time.Time // the notification's; of an item, its digest's
	ExpiresAt       *time.Time // the notification's
	Kind            string     // the notification's
	Quiet           string     // QuietHours in which it is not sent; empty: none
	DigestID        uuid.UUID  // of the digest that it is an item of, or that it is: then its own ID; uuid.Nil: none
	// Receipt is what the vendor says became of it; empty: nothing yet.
	Receipt     Receipt
	ReceiptAt   *time.Time // when that happened
	ReceiptCode string     // the vendor's
	SentAgain   bool       // by itself, because the vendor did not have it
	// ThreadID and ThreadSeq are the notification's, as Resolved is; uuid.Nil: none.
	ThreadID  uuid.UUID
	ThreadSeq int64
	Resolved  bool
	Anew      bool // it is sent as a new message of its thread, and edits none
	// Superseded reports whether a later delivery of the thread to the same recipient over the same
	// channel had its turn, or may have it now. Only FindDeliveries sets it.
	Superseded bool
	Test       bool // it was sent with a test secret and reaches nobody, also when it is retried
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// CodeExpired is the code of a delivery that was not sent before its expiresAt.
const CodeExpired = "expired"

// NoJob is the JobID of a delivery that was withheld, and of an item of a digest: it never had a job.
const NoJob = -1

// Due is the time from which the delivery may be sent, after quiet hours.
func (d Delivery) Due() time.Time {
	due := d.CreatedAt
	if d.SendAt != nil {
		due = *d.SendAt
	}
	return d.Awake(due)
}

// Wakes returns when a job that is to begin at t begins: after quiet hours, or when the delivery
// expires before their end.
func (d Delivery) Wakes(t time.Time) time.Time {
	if t = d.Awake(t); d.ExpiredAt(t) {
		return *d.ExpiresAt
	}
	return t
}

// HeldUntil returns when the quiet hours end that keep an open delivery from being sent at now, or
// when it is due after that; of a digest and its items, when the digest is due. It returns nil when
// nothing of this holds it.
func (d Delivery) HeldUntil(now time.Time) *time.Time {
	if !d.Status.Open() || d.Status == DeliveryProcessing {
		return nil
	}
	if d.IsHeldByDigest(now) {
		until := d.Due()
		return &until
	}
	if d.Quiet == "" {
		return nil
	}
	for _, at := range []*time.Time{d.SendAt, d.NextRetryAt} {
		if at != nil && at.After(now) {
			now = *at
		}
	}
	if until := d.Awake(now); until.After(now) {
		return &until
	}
	return nil
}

// IsHeldByDigest reports whether a digest, or its item, waits for its window to end.
func (d Delivery) IsHeldByDigest(now time.Time) bool {
	return d.DigestID != uuid.Nil && d.SendAt != nil && d.SendAt.After(now)
}

// Awake returns the first time, from the given one on, that is not in the delivery's quiet hours.
func (d Delivery) Awake(t time.Time) time.Time {
	if d.Quiet == "" {
		return t
	}
	hours, err := ParseQuietHours(d.Quiet)
	if err != nil {
		return t // of a zone that this program does not know: it is sent rather than lost
	}
	return hours.Until(t)
}

// ExpiredAt reports whether the delivery must no longer be sent at that time.
func (d Delivery) ExpiredAt(t time.Time) bool { return d.ExpiresAt != nil && !t.Before(*d.ExpiresAt) }

// MaxAttempts is how many attempts of a delivery are read at most. A vendor that throttles
// may make many more.
const MaxAttempts = 1000

// Attempt is one provider call and its result.
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

// Outcome is an attempt and the status that it gives the delivery.
type Outcome struct {
	Attempt     Attempt
	Status      DeliveryStatus // success, failed or dead
	NextRetryAt *time.Time     // with failed
	// Unspent attempts are kept but not counted: the same number is used again. The vendor
	// throttled them, or they tried a provider that did not work.
	Unspent bool
	// NextProvider is what the delivery is moved to; empty leaves it where it is. Pinned keeps it
	// there.
	NextProvider string
	Pinned       bool
	// Line is the queue that the job waits in from now on; empty: as before.
	Line string
	// SuppressUntil is set when the vendor refuses the address for good.
	SuppressUntil *time.Time
	// Took is the time from when the delivery was due. It and CountAs are for the hourly counts.
	Took time.Duration
	// Turn is what becomes of the delivery's turn in its thread; nil: it has none.
	Turn *TurnEnd
	// Digest reports whether the delivery is a digest's: its items end with it.
	Digest bool
	// Reference is the vendor's id of the message, when receipts come under it; empty: they do not.
	Reference string
	// Card is the reference by which the provider finds the message, when it is one of an open incident;
	// empty: as before.
	Card string
	// AskAt is when the vendor is first asked what became of the delivery; nil: it is not asked.
	AskAt *time.Time
	// CountAs is the code under which the outcome is counted, when it is not the attempt's: a
	// vendor may choose more codes than are worth a row.
	CountAs string
}

// Move gives an open delivery another provider before an attempt.
type Move struct {
	DeliveryID   uuid.UUID
	JobID        int64
	NextProvider string
	Line         string // the queue that the job waits in from now on
}

// DeadGroup counts the dead deliveries that one thing stopped.
type DeadGroup struct {
	Channel  string
	Provider string
	Code     string
	Count    int
	Last     time.Time // when the last of them was given up
}

// Orphan is an open delivery whose River job will not run it any more.
type Orphan struct {
	DeliveryID uuid.UUID
	JobID      int64
	JobState   JobState  // JobGone, JobCancelled, JobDiscarded or JobCompleted
	JobAttempt int       // attempts that River has started
	Attempts   int       // attempts that were recorded
	IncidentID uuid.UUID // uuid.Nil: of none
}

// Closing gives an open delivery its final status without an attempt.
type Closing struct {
	DeliveryID uuid.UUID
	JobID      int64
	Status     DeliveryStatus // dead or cancelled
	Code       string
	Error      string
	At         time.Time
	AskAt      *time.Time // as in Outcome
}
