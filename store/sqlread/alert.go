package sqlread

import "github.com/labring/sealos-notify/store"

// ToldColumns are those that Told scans.
const ToldColumns = `app_id, id, state, told_at, notification_id`

// Told scans ToldColumns.
func Told(row Row) (store.Told, error) {
	var t store.Told
	err := row.Scan(&t.AppID, &t.Group, &t.State, &t.At, &t.NotificationID)
	return t, err
}
