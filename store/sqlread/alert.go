package sqlread

import (
	"context"
	"strconv"

	"github.com/labring/sealos-notify/store"
)

// ToldColumns are those that Told scans.
const ToldColumns = `app_id, id, receiver, state, told_at, notification_id`

// Told scans ToldColumns.
func Told(row Row) (store.Told, error) {
	var t store.Told
	err := row.Scan(&t.AppID, &t.Group, &t.Receiver, &t.State, &t.At, &t.NotificationID)
	return t, err
}

// LastTold implements store.AlertGroups.
func (r Reader) LastTold(ctx context.Context, receiver, appID string, limit int) ([]store.Told, error) {
	var c conditions
	c.and(`receiver = $`, receiver)
	c.equal(`app_id`, appID)
	told, err := all(ctx, r.DB, Told,
		`SELECT `+ToldColumns+` FROM alert_groups`+c.where()+` AND state <> '' ORDER BY told_at DESC LIMIT `+strconv.Itoa(limit), c.args...)
	return wrapped(told, err, "what a receiver was told")
}
