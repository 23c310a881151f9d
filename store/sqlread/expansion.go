package sqlread

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// ExpansionColumns are those that Expansion scans.
const ExpansionColumns = `group_owner, group_name, after_name, contacts, deliveries, done_at, stopped, job_id, plan`

// Expansion scans ExpansionColumns.
func Expansion(row Row) (store.Expansion, error) {
	var e store.Expansion
	err := row.Scan(&e.Group.Owner, &e.Group.Name, &e.After, &e.Contacts, &e.Deliveries, &e.DoneAt, &e.Stopped, &e.JobID, &e.Plan)
	return e, err
}

// Reached scans the recipient of a delivery: channel, type and value.
func Reached(row Row) (store.Reached, error) {
	var r store.Reached
	err := row.Scan(&r.Channel, &r.Recipient.Type, &r.Recipient.Value)
	return r, err
}

// Expansion implements store.Expansions.
func (r Reader) Expansion(ctx context.Context, notificationID uuid.UUID) (store.Expansion, error) {
	e, err := one(ctx, r.DB, Expansion, `SELECT `+ExpansionColumns+` FROM expansions WHERE notification_id = $1`, notificationID)
	return wrapped(e, err, "expansion of %s", notificationID)
}

// CountExpansions implements store.Expansions.
func (r Reader) CountExpansions(ctx context.Context) (int, error) {
	n, err := one(ctx, r.DB, func(row Row) (n int, err error) { return n, row.Scan(&n) },
		`SELECT count(*) FROM expansions WHERE done_at IS NULL`)
	return wrapped(n, err, "count expansions")
}

// withExpansion adds a notification's expansion, of which its row has only the state. There are few. What
// was written since the row was read is not shown: a notification has the deliveries that its expansion made.
func (r Reader) withExpansion(ctx context.Context, n store.Notification) (store.Notification, error) {
	if n.Expansion == nil {
		return n, nil
	}
	e, err := r.Expansion(ctx, n.ID)
	if errors.Is(err, store.ErrNotFound) { // both were deleted meanwhile
		return n, nil
	}
	if !n.Expansion.Done() {
		e.Deliveries, e.DoneAt, e.Stopped = n.Counts.Total, nil, ""
	}
	n.Expansion = &e
	return n, err
}
