// Package store holds the domain's types and the contract of the two engines
// that keep them. The engines (store/postgres, store/sqlite) are dumb: no rule
// of the business lives in them. store/storetest is the contract as a test suite.
package store

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
)

// Sentinels that every engine returns, wrapped or bare.
var (
	// ErrNotFound says that no such row exists.
	ErrNotFound = errors.New("not found")
	// ErrExists says that a row of that name exists already.
	ErrExists = errors.New("already exists")
	// ErrUnavailable says that the database can not do it now and may later: it
	// is not reachable, starting, stopping, read-only, or out of room.
	ErrUnavailable = errors.New("database unavailable")
	// ErrStale says that a template is not stored any more as it was read.
	ErrStale = errors.New("the template has changed")
	// ErrTooBroad says that a list looked at too many rows without finding enough.
	ErrTooBroad = errors.New("too much to look through")
)

// ListTime bounds a list: past it the answer is ErrTooBroad.
const ListTime = 3 * time.Second

// Store is everything an engine does. Consumers ask for the role they need.
type Store interface {
	Notifications
	Deliveries
	Templates
	Limits
	Queues
	// Ping answers nil when the database can be written to.
	Ping(ctx context.Context) error
	// Close waits for running statements and closes the connections.
	Close()
}

// Notifications accepts and reads notifications.
type Notifications interface {
	// Accept writes each acceptance (notification, messages, River jobs,
	// deliveries) in one transaction for the whole batch: all or nothing. One
	// result for each acceptance, in the same order. An acceptance whose
	// (app, idempotency key) exists already, in the database or earlier in the
	// batch, writes nothing and is answered with the notification that has it.
	// When a template of one acceptance is stored otherwise, or no more, the whole
	// batch is ErrStale: a write that returned before Accept was called is seen.
	Accept(ctx context.Context, batch []Acceptance) ([]Accepted, error)
	// Notification returns one notification, or ErrNotFound.
	Notification(ctx context.Context, id uuid.UUID) (Notification, error)
	// NotificationByKey returns the notification an app sent with that
	// idempotency key, or ErrNotFound.
	NotificationByKey(ctx context.Context, appID, key string) (Notification, error)
	// ListNotifications lists what the filter chooses, newest first, from behind
	// the given id on (uuid.Nil for the start), at most limit. It may return
	// ErrTooBroad.
	ListNotifications(ctx context.Context, f NotificationFilter, after uuid.UUID, limit int) ([]Notification, error)
	// DeleteClosed deletes the oldest notifications that were accepted, and due,
	// before the given time and of which nothing is open any more, with all that belongs to
	// them; their idempotency keys are free again. One call is one transaction of
	// at most limit deliveries, and at least one notification. It returns how many
	// notifications it deleted: 0 when there is none left.
	DeleteClosed(ctx context.Context, before time.Time, limit int) (int, error)
}

// Deliveries reads deliveries and records what became of them.
type Deliveries interface {
	// Delivery returns one delivery, or ErrNotFound.
	Delivery(ctx context.Context, id uuid.UUID) (Delivery, error)
	// FindDeliveries returns those of the ids that exist, in no order; what is
	// asked twice may come twice.
	FindDeliveries(ctx context.Context, ids []uuid.UUID) ([]Delivery, error)
	// Message returns a rendered message, or ErrNotFound. Messages never change.
	Message(ctx context.Context, id uuid.UUID) (Message, error)
	// FindMessages returns those of the ids that exist, in no order; what is asked
	// twice may come twice.
	FindMessages(ctx context.Context, ids []uuid.UUID) ([]Message, error)
	// DeliveriesOf lists a notification's deliveries by id, after the given id
	// (uuid.Nil for the start), at most limit. A delivery whose job is running
	// is shown as DeliveryProcessing; the stored status never is.
	DeliveriesOf(ctx context.Context, notificationID, after uuid.UUID, limit int) ([]Delivery, error)
	// ListDeliveries lists what the filter chooses, newest first, from behind the
	// given id on (uuid.Nil for the start), at most limit. Statuses are shown as
	// by DeliveriesOf. It may return ErrTooBroad.
	ListDeliveries(ctx context.Context, f DeliveryFilter, after uuid.UUID, limit int) ([]Delivery, error)
	// Attempts lists a delivery's attempts, of all its jobs, oldest first.
	Attempts(ctx context.Context, deliveryID uuid.UUID) ([]Attempt, error)

	// Record writes outcomes, their attempts and the roll-up of the counts, in
	// one transaction: all or nothing. Delivery ids are unique in a batch. An
	// outcome is fenced (false, and nothing written) when its job is no longer
	// the delivery's, when its attempt or a later one was recorded before, or
	// when the delivery has arrived already: success is final. An outcome that is
	// there already (by its attempt's id: the reply to its commit was lost) is
	// recorded, and not written again.
	Record(ctx context.Context, batch []Outcome) (recorded []bool, err error)
	// Reopen makes a dead or cancelled delivery pending again that still belongs
	// to the job, with so many attempts behind it, and rolls up the counts, in one
	// transaction. It returns false when there is no such delivery.
	Reopen(ctx context.Context, id uuid.UUID, jobID int64, attempts int) (bool, error)
	// Strays lists open deliveries whose River job will not run them any more:
	// it is gone, cancelled, discarded or completed. By id, after the given id.
	Strays(ctx context.Context, after uuid.UUID, limit int) ([]Stray, error)
	// Settle closes strays that are still open and still belong to the job, and
	// rolls up the counts, in one transaction. It returns how many it closed.
	Settle(ctx context.Context, batch []Settlement) (int, error)
	// Retry gives deliveries a new job and makes them pending, with no attempts
	// recorded and their old ones kept, and rolls up the counts, in one
	// transaction: all or nothing. Delivery ids are unique in a batch. A delivery
	// that is neither dead nor cancelled, or has another job by now, is left alone
	// (false).
	Retry(ctx context.Context, batch []Retrial) (retried []bool, err error)
	// Cancel removes the jobs of a notification's open deliveries that wait and
	// cancels those deliveries, in one transaction. A delivery whose job is running
	// stays open; River will not run that job again, so that what comes of it is an
	// outcome or a stray.
	Cancel(ctx context.Context, c Cancellation) (Cancelled, error)
}

// Templates keeps templates. Names are unique over all channels. Each write is
// one transaction with the version that it makes, and names the app that made it.
type Templates interface {
	// CreateTemplate returns the stored row, or ErrExists when the name is taken.
	// A name that was used before goes on counting its versions.
	CreateTemplate(ctx context.Context, t Template, by string) (Template, error)
	// UpdateTemplate replaces everything but the name, the channel and
	// CreatedAt of the template called t.Name; it returns the stored row, or
	// ErrNotFound.
	UpdateTemplate(ctx context.Context, t Template, by string) (Template, error)
	// DeleteTemplate keeps the versions. It returns ErrNotFound when there is none.
	DeleteTemplate(ctx context.Context, name string) error
	// Template returns one template, or ErrNotFound.
	Template(ctx context.Context, name string) (Template, error)
	// ListTemplates lists by name, after the given name, at most limit; all
	// channels when channel is empty.
	ListTemplates(ctx context.Context, channel, after string, limit int) ([]Template, error)
	// TemplateVersion returns one version of a template, or ErrNotFound.
	TemplateVersion(ctx context.Context, name string, version int) (TemplateVersion, error)
	// TemplateVersions lists a template's versions, newest first, before the given
	// one (0 for the start), at most limit.
	TemplateVersions(ctx context.Context, name string, before, limit int) ([]TemplateVersion, error)
}

// Acceptance is one notification with all that is written when it is accepted.
type Acceptance struct {
	Notification Notification
	Templates    []Template // that must be stored as they were read
	Messages     []Message
	// Deliveries and Jobs belong together by position.
	Deliveries []Delivery
	Jobs       []river.InsertManyParams
}

// Written returns the notification as it is after it was written: its counts and its
// status are those of its deliveries, which are all pending.
func (a Acceptance) Written() Notification {
	n := a.Notification
	n.Status = NotificationPending
	n.Counts = Counts{Total: len(a.Deliveries), Pending: len(a.Deliveries)}
	return n
}

// Accepted answers an Acceptance.
type Accepted struct {
	// Notification is the one that was written, or the one that has the key.
	Notification Notification
	// Replayed says that the key was taken before; nothing was written.
	Replayed bool
}

// FirstID returns the lowest id (UUIDv7) of what is made at that time, to a
// millisecond: ids tell times apart without another index.
func FirstID(t time.Time) uuid.UUID {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(max(0, t.UnixMilli()))<<16)
	return id
}

// Now returns the current time as the engines keep it: UTC, whole microseconds
// (PostgreSQL has no finer ones), so that what is read equals what was written.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
