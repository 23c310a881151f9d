package sqlread

import (
	"context"
	"slices"
	"time"

	"github.com/labring/sealos-notify/store"
)

// UseColumns are those that Use scans, and after them the present time.
const UseColumns = `app_id, channel, period, start, used`

// Use scans UseColumns and the present time.
func Use(row Row) (store.Use, error) {
	var u store.Use
	var start, now time.Time
	err := row.Scan(&u.AppID, &u.Channel, &u.Period, &start, &u.Used, &now)
	u.Left = max(0, u.Period.End(start).Sub(now))
	return u, err
}

// Uses implements store.Quotas.
func (r Reader) Uses(ctx context.Context, appID string) ([]store.Use, error) {
	var c conditions
	c.equal(`app_id`, appID)
	uses, err := all(ctx, r.DB, Use,
		`SELECT `+UseColumns+`, `+r.Now+` FROM app_use`+c.where()+` ORDER BY app_id, channel, period`, c.args...)
	uses = slices.DeleteFunc(uses, func(u store.Use) bool { return u.Left == 0 })
	return wrapped(uses, err, "use of quotas")
}
