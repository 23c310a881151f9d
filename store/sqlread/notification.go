package sqlread

import (
	"context"
	"strconv"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// NotificationColumns are those that Notification scans.
const NotificationColumns = `id, app_id, idempotency_key, request_hash, unmatched, contacts, ` + otherColumns

// listedColumns leave out who was unmatched, which may be megabytes, and which contacts were reached. In their
// place is a NULL, which must have the column's type to be scanned: no total is negative.
const listedColumns = `id, app_id, idempotency_key, request_hash, CASE WHEN total < 0 THEN unmatched END,
	CASE WHEN total < 0 THEN contacts END, ` + otherColumns

const otherColumns = `total, total - failed - success - dead - cancelled, failed, success, dead, cancelled,
	status, created_at, updated_at, send_at, expires_at, priority, test, kind, withheld, expansion,
	thread, thread_id, thread_seq, resolved, incident_id`

// Notification scans NotificationColumns.
func Notification(row Row) (store.Notification, error) {
	var n store.Notification
	var expansion *string
	var thread, incident *uuid.UUID
	err := row.Scan(&n.ID, &n.AppID, &n.IdempotencyKey, &n.RequestHash, &n.Unmatched, &n.Reach,
		&n.Counts.Total, &n.Counts.Pending, &n.Counts.Failed, &n.Counts.Success, &n.Counts.Dead, &n.Counts.Cancelled,
		&n.Status, &n.CreatedAt, &n.UpdatedAt, &n.SendAt, &n.ExpiresAt, &n.Priority, &n.Test, &n.Kind, &n.Withheld, &expansion,
		&n.Thread, &thread, &n.ThreadSeq, &n.Resolved, &incident)
	if thread != nil {
		n.ThreadID = *thread
	}
	if expansion != nil { // see withExpansion
		n.Expansion = &store.Expansion{}
		if *expansion != store.ExpansionOpen {
			n.Expansion.DoneAt = &n.UpdatedAt
		}
	}
	if incident != nil {
		n.IncidentID = *incident
	}
	return n, err
}

// NotificationByKey selects the notification with the app id $1 and the key $2.
const NotificationByKey = `SELECT ` + NotificationColumns + ` FROM notifications WHERE app_id = $1 AND idempotency_key = $2`

// Notification implements store.Notifications.
func (r Reader) Notification(ctx context.Context, id uuid.UUID) (store.Notification, error) {
	n, err := one(ctx, r.DB, Notification, `SELECT `+NotificationColumns+` FROM notifications WHERE id = $1`, id)
	if err == nil {
		n, err = r.withExpansion(ctx, n)
	}
	return wrapped(n, err, "notification %s", id)
}

// NotificationByKey implements store.Notifications.
func (r Reader) NotificationByKey(ctx context.Context, appID, key string) (store.Notification, error) {
	n, err := one(ctx, r.DB, Notification, NotificationByKey, appID, key)
	if err == nil {
		n, err = r.withExpansion(ctx, n)
	}
	return wrapped(n, err, "notification by key")
}

// ListNotifications implements store.Notifications.
func (r Reader) ListNotifications(
	ctx context.Context, f store.NotificationFilter, after uuid.UUID, limit int,
) ([]store.Notification, error) {
	var c conditions
	c.equal(`app_id`, f.AppID)
	c.equal(`idempotency_key`, f.IdempotencyKey)
	if f.Thread != "" {
		c.and(`thread <> '' AND thread = $`, f.Thread) // the index holds no others
	}
	c.state(f.Status, r.Ended)
	c.flag(`test`, f.Test)
	c.page(`id`, after, f.Since, f.Until)
	c.delivered(f)
	notifications, err := listed(ctx, r.DB, Notification,
		`SELECT `+listedColumns+` FROM notifications`+c.where()+` ORDER BY id DESC LIMIT `+strconv.Itoa(limit), c.args)
	for i := 0; err == nil && i < len(notifications); i++ {
		notifications[i], err = r.withExpansion(ctx, notifications[i])
	}
	return wrapped(notifications, err, "list notifications")
}

// state adds the status. No index holds it, so the deliveries that give it to a notification are
// named, too: where they are few, their partial index leads to the notifications. While they are
// being made there may be none.
func (c *conditions) state(status store.NotificationStatus, ended string) {
	c.equal(`status`, string(status))
	const expanding = ` UNION ALL SELECT notification_id FROM expansions WHERE done_at IS NULL`
	having := map[store.NotificationStatus]string{
		store.NotificationFailed:     ended + `d.status = 'dead'`,
		store.NotificationCancelled:  ended + `d.status = 'cancelled' UNION ALL SELECT notification_id FROM expansions WHERE deliveries = 0 OR stopped <> ''`,
		store.NotificationPending:    `d.status IN ('pending', 'failed')` + expanding,
		store.NotificationProcessing: `d.status IN ('pending', 'failed')` + expanding,
	}[status]
	if having != "" {
		c.terms = append(c.terms, `id IN (SELECT d.notification_id FROM deliveries d WHERE `+having+`)`)
	}
}

// delivered adds the conditions on a notification's deliveries.
func (c *conditions) delivered(f store.NotificationFilter) {
	of := conditions{args: c.args}
	of.content(f.Channel, f.Recipient, f.Template)
	of.given(f.NotConfigured && f.Recipient != "")
	switch {
	case len(of.terms) == 0:
	case f.Recipient != "": // few deliveries: they are found first
		c.terms = append(c.terms, `id IN (SELECT d.notification_id FROM deliveries d`+of.where()+`)`)
	default: // many deliveries: looked up for each notification, in the order of the page
		of.terms = append(of.terms, `d.notification_id = notifications.id`)
		c.terms = append(c.terms, `EXISTS (SELECT 1 FROM deliveries d`+of.where()+`)`)
	}
	c.args = of.args
}
