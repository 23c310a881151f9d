// Package store holds the domain's types and the contract of the two engines that
// keep them, store/postgres and store/sqlite. The engines hold no rule of the
// business. The contract as a test suite is store/storetest.
package store

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/google/uuid"
)

// Sentinels that both engines return, wrapped or bare.
var (
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrExists: the name is taken.
	ErrExists = errors.New("already exists")
	// ErrUnavailable: the database cannot do it now and may later. It cannot be
	// reached, is starting or stopping, is read-only, or has no room.
	ErrUnavailable = errors.New("database unavailable")
	// ErrStale: a template or a kind was changed or deleted since it was read.
	ErrStale = errors.New("it has changed")
	// ErrTooBroad: a list read rows for ListTime and did not fill its page.
	ErrTooBroad = errors.New("too much to look through")
)

// ListTime is the longest that a list may take. After it the error is ErrTooBroad.
const ListTime = 3 * time.Second

// Store is everything that an engine does. Each consumer declares the part it needs.
type Store interface {
	Notifications
	Deliveries
	Receipts
	Erasures
	Templates
	TemplateHistory
	Contacts
	Expansions
	AlertGroups
	Threads
	Quotas
	Kinds
	RecipientUses
	Digests
	Incidents
	Endpoints
	Events
	Auditor
	Limits
	Breakers
	Suppressions
	Preferences
	LinkKeys
	Queues
	Sessions
	CountsByHour
	// Ping returns nil when the database can be written to.
	Ping(ctx context.Context) error
	// Close waits for running statements and closes the connections.
	Close()
}

// Notifications accepts and reads notifications.
type Notifications interface {
	// Accept writes each acceptance (notification, messages, River jobs, deliveries)
	// and those of its steps, with the incident, in one transaction for the whole batch: all or nothing. It calls gather once for the
	// batch, when its transaction is open. It returns one result for each acceptance, in
	// the same order. An acceptance whose app and idempotency key exist already, in the
	// database or earlier in the batch, writes nothing, and its result is the notification
	// that has the key. One whose Telling is no news writes nothing either, and its result
	// is the notification that told the same; only its id is set when that was deleted. One
	// that is new and beyond a quota of its app writes nothing, and its result says so; what
	// is written is counted, exactly over all replicas. Deliveries that Withhold withholds are
	// written as cancelled, without a job, and those that Gather gathers as items of a digest, which
	// it opens when none is open.
	// ErrStale is the result of the whole batch when one of its templates or kinds was changed or
	// deleted since it was read; every write that returned before gather was called is
	// seen.
	Accept(ctx context.Context, gather func() []Acceptance) ([]Accepted, error)
	// Notification returns one notification, or ErrNotFound.
	Notification(ctx context.Context, id uuid.UUID) (Notification, error)
	// NotificationByKey returns the notification that the app sent with the
	// idempotency key, or ErrNotFound.
	NotificationByKey(ctx context.Context, appID, key string) (Notification, error)
	// ListNotifications returns a page of at most limit notifications, newest first.
	// The page begins after the given id; uuid.Nil is the start. The error may be
	// ErrTooBroad.
	ListNotifications(ctx context.Context, f NotificationFilter, after uuid.UUID, limit int) ([]Notification, error)
	// DeleteClosed deletes the oldest notifications that were accepted, and due, before
	// the given time and have no open delivery, with everything that belongs to them.
	// Their idempotency keys are free again. One call is one transaction of at most
	// limit deliveries or one notification, of an expansion of a part of its deliveries. It
	// returns the number of deleted notifications, and whether more may be left.
	DeleteClosed(ctx context.Context, before time.Time, limit int) (deleted int, more bool, err error)
}

// Deliveries reads deliveries and records their outcomes.
type Deliveries interface {
	// Delivery returns one delivery, or ErrNotFound.
	Delivery(ctx context.Context, id uuid.UUID) (Delivery, error)
	// FindDeliveries returns the deliveries of the ids that exist, in no order. An id
	// that is given twice may be returned twice.
	FindDeliveries(ctx context.Context, ids []uuid.UUID) ([]Delivery, error)
	// Message returns a rendered message, or ErrNotFound. Messages never change.
	Message(ctx context.Context, id uuid.UUID) (Message, error)
	// FindMessages returns the messages of the ids that exist, in no order. An id that
	// is given twice may be returned twice.
	FindMessages(ctx context.Context, ids []uuid.UUID) ([]Message, error)
	// DeliveriesOf returns a page of at most limit deliveries of a notification, by id.
	// The page begins after the given id; uuid.Nil is the start. The status of a
	// delivery whose job is running is DeliveryProcessing, which is never stored.
	DeliveriesOf(ctx context.Context, notificationID, after uuid.UUID, limit int) ([]Delivery, error)
	// ListDeliveries returns a page of at most limit deliveries, newest first. The page
	// begins after the given id; uuid.Nil is the start. Statuses are as in
	// DeliveriesOf. The error may be ErrTooBroad.
	ListDeliveries(ctx context.Context, f DeliveryFilter, after uuid.UUID, limit int) ([]Delivery, error)
	// DeadGroups looks at the newest dead deliveries that are not erased, at most so many, and counts those of the
	// app, all of them when it is empty. The largest group is first. more is true when as many
	// were looked at. The error may be ErrTooBroad.
	DeadGroups(ctx context.Context, appID string, most int) (groups []DeadGroup, more bool, err error)
	// Attempts returns a delivery's attempts, of all its jobs, oldest first, and of more than
	// MaxAttempts the newest.
	Attempts(ctx context.Context, deliveryID uuid.UUID) ([]Attempt, error)

	// Record writes outcomes, their attempts and the notifications' counts in one
	// transaction: all or nothing. Delivery ids are unique in a batch. An outcome is
	// fenced (false, and nothing is written) when the delivery has another job by now,
	// when the same or a later attempt was recorded, or when the delivery has arrived:
	// success is final. An outcome that is stored already, by its attempt's id, counts as
	// recorded: the reply to its commit was lost. An outcome with SuppressUntil suppresses the
	// delivery's address on its channel; a success, unless it is a test, ends that. One with AskAt gets a
	// River job that asks its vendor, in the same transaction.
	Record(ctx context.Context, batch []Outcome) (recorded []bool, err error)
	// MoveDeliveries gives open deliveries another provider, and their jobs another line, in one
	// transaction. It returns false
	// for one that is closed, or has another job by now. Delivery ids are unique in a batch.
	MoveDeliveries(ctx context.Context, batch []Move) (moved []bool, err error)
	// Reopen makes a dead or cancelled delivery pending again, with that many attempts
	// recorded, and moves the counts, in one transaction. It returns false when there is
	// no such delivery, or it belongs to another job.
	Reopen(ctx context.Context, id uuid.UUID, jobID int64, attempts int) (bool, error)
	// Orphans returns a page of at most limit open deliveries whose River job will not
	// run them any more, by id, after the given id.
	Orphans(ctx context.Context, after uuid.UUID, limit int) ([]Orphan, error)
	// CloseOrphans closes the deliveries that are still open and still belong to the job,
	// and moves the counts, in one transaction. It returns false for the others.
	CloseOrphans(ctx context.Context, batch []Closing) (closed []bool, err error)
	// Requeue gives deliveries a new job and makes them pending with no attempts recorded;
	// the old attempts are kept. It takes those that are dead or cancelled, and those
	// whose job waits, which it deletes: the failed ones, and the pending ones with quiet hours. It moves the counts. One transaction: all or
	// nothing. Delivery ids are unique in a batch. It returns false for a delivery that is
	// otherwise, or has another job by now.
	Requeue(ctx context.Context, batch []Requeue) (requeued []bool, err error)
	// Cancel cancels one page of a notification's open deliveries and removes their
	// waiting jobs, in one transaction. A delivery whose job is running stays open, and
	// River will not run that job again: it gets an outcome, or becomes an orphan.
	Cancel(ctx context.Context, c Cancellation) (Cancelled, error)
}

// CountsByHour are kept for the figures over time. Accept, Record and CloseOrphans write them in their transactions,
// so each event is counted exactly once.
type CountsByHour interface {
	// HourlyCounts returns the counts of the app, of all apps when it is empty, and of the
	// template, of all when it is empty, since the given begin of an hour, oldest first. They are
	// summed over templates and apps. The error may be ErrTooBroad.
	HourlyCounts(ctx context.Context, appID, template string, since time.Time) ([]Count, error)
	// CountsOfApps returns how many events were counted of each app since the given begin of an
	// hour. It is cheap enough for once a second.
	CountsOfApps(ctx context.Context, since time.Time) (map[string]int, error)
	// DeleteCounts deletes the counts of hours that began before the given time, and returns how
	// many rows there were.
	DeleteCounts(ctx context.Context, before time.Time) (int, error)
}

// AlertGroups remembers what was last told of groups of alerts. Accept writes it.
type AlertGroups interface {
	// ForgetAlertGroups deletes the groups of which nothing was accepted or repeated since
	// the given time, and returns how many there were.
	ForgetAlertGroups(ctx context.Context, before time.Time) (int, error)
	// LastTold returns the at most limit groups of the receiver that were told last, the newest
	// first; those that the app posted, unless it is empty.
	LastTold(ctx context.Context, receiver, appID string, limit int) ([]Told, error)
}

// Auditor keeps who changed what. A method that takes an AuditEntry writes it in the
// transaction of its change, so that neither exists without the other. Nothing changes an
// entry.
type Auditor interface {
	// Audit writes the entries of actions that change none of the store's tables.
	Audit(ctx context.Context, entries ...AuditEntry) error
	// ListAudit returns a page of at most limit entries, newest first. The page begins after
	// the given id; uuid.Nil is the start. The error may be ErrTooBroad.
	ListAudit(ctx context.Context, f AuditFilter, after uuid.UUID, limit int) ([]AuditEntry, error)
	// NewestAudit returns the id of the newest entry, uuid.Nil when there is none. It is cheap
	// enough for once a second.
	NewestAudit(ctx context.Context) (uuid.UUID, error)
	// DeleteAudit deletes the entries that were written before the given time, and returns how
	// many there were.
	DeleteAudit(ctx context.Context, before time.Time) (int, error)
}

// Templates keeps templates. Names are unique over all channels. Each write makes a
// version, by the app of the entry, in the same transaction.
type Templates interface {
	// CreateTemplate returns the stored template, or ErrExists when the name is taken.
	// Versions of a name that was used before are counted on: owner is the one that the
	// newest has, empty when there is none, and the name is taken when it has another.
	CreateTemplate(ctx context.Context, t Template, owner string, audit AuditEntry) (Template, error)
	// UpdateTemplate replaces everything but the name, the channel and CreatedAt of the
	// template t.Name that the owner has in the given version; 0 is any. t.Owner is the new
	// one. It returns the stored template, or ErrNotFound.
	UpdateTemplate(ctx context.Context, t Template, owner string, version int, audit AuditEntry) (Template, error)
	// DeleteTemplate deletes a template that the owner has, and keeps its versions. The
	// deletion is one, too. It returns ErrNotFound when there is none of that name and owner.
	DeleteTemplate(ctx context.Context, name, owner string, audit AuditEntry) error
	// Template returns one template, or ErrNotFound.
	Template(ctx context.Context, name string) (Template, error)
	// ListTemplates returns a page of at most limit templates by name, after the given
	// name. Deleted ones are as they were, with the version of their deletion and its time as
	// CreatedAt and UpdatedAt.
	ListTemplates(ctx context.Context, f TemplateFilter, after string, limit int) ([]Template, error)
	// TemplateVersion returns one version of a template, or ErrNotFound.
	TemplateVersion(ctx context.Context, name string, version int) (TemplateVersion, error)
	// TemplateVersions returns a page of at most limit versions of a template, newest
	// first, before the given version; 0 is the start.
	TemplateVersions(ctx context.Context, name string, before, limit int) ([]TemplateVersion, error)
}

// TemplateHistory ends the history of templates.
type TemplateHistory interface {
	// DeleteReplacedVersions deletes the versions that a newer one replaced before the given
	// time, and returns how many there were. The newest of each name stays, so that no number
	// is used again.
	DeleteReplacedVersions(ctx context.Context, before time.Time) (int, error)
}

// Acceptance is everything that is written when a notification is accepted.
type Acceptance struct {
	Notification Notification
	Telling      *Telling                 // nil: not the state of a group of alerts
	Anew         bool                     // it does not edit the message of its thread
	Quotas       []Quota                  // of the app, as far as this uses them
	Templates    []Template               // as they were read; Accept checks that they are still stored so
	Kind         *Kind                    // nil: none
	CheckKind    bool                     // Accept checks that Kind is still stored as it was read
	Passes       bool                     // nothing of it is withheld
	Suppressible bool                     // suppressed addresses are left out
	Digests      map[uuid.UUID]DigestPlan // by delivery, of those that go into a digest
	Incident     *Incident                // that it opens; nil: none
	Steps        []Acceptance             // of the incident; nothing of them is withheld, and their quotas are those of this
	Messages     []Message
	Deliveries   []Delivery
	Jobs         []Job // one for each delivery, in the same order; not of those that Withhold and Gather take it from
}

// Written returns the notification as it is stored right after Accept.
func (a Acceptance) Written() Notification {
	n := a.Notification
	n.Counts = Counts{Total: len(a.Deliveries)}
	for _, amount := range n.Withheld {
		n.Counts.Cancelled += amount
	}
	n.Counts.Pending = n.Counts.Total - n.Counts.Cancelled
	switch n.Counts.Cancelled {
	case 0:
		n.Status = NotificationPending
	case n.Counts.Total:
		n.Status = NotificationCancelled
	default:
		n.Status = NotificationProcessing
	}
	return n
}

// Accepted is the result of an Acceptance.
type Accepted struct {
	// Notification is the one that was written, or the one that has the key.
	Notification Notification
	// Replayed reports whether nothing was written: the key was taken, or the Telling is
	// no news.
	Replayed bool
	// Withheld are the deliveries that were written as cancelled; nil: none.
	Withheld map[Withheld]int
	// Beyond is the quota that has no room for it; nothing was written then. Otherwise nil.
	Beyond *QuotaError
}

// FirstID returns the lowest UUIDv7 of that millisecond. Lists find times by it, so
// that they need no index on a time.
func FirstID(t time.Time) uuid.UUID {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(max(0, t.UnixMilli()))<<16)
	return id
}

// Now returns the current time as both engines store it: in UTC, truncated to a
// microsecond.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
