package sqlread

import (
	"context"
	"time"

	"github.com/labring/sealos-notify/store"
)

// UseColumns are those that Use scans.
const UseColumns = `app_id, channel, period, start, used`

// Use scans UseColumns.
func Use(row Row) (store.Use, error) {
	var u store.Use
	err := row.Scan(&u.AppID, &u.Channel, &u.Period, &u.Start, &u.Used)
	return u, err
}

// Uses implements store.Notifications.
func (r Reader) Uses(ctx context.Context, appID string, at time.Time) ([]store.Use, error) {
	uses, err := all(ctx, r.DB, Use, `SELECT `+UseColumns+` FROM app_use WHERE app_id = $1 ORDER BY channel, period`, appID)
	return wrapped(store.CurrentUses(uses, at), err, "use of app %s", appID)
}
