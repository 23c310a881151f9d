package sqlread

import (
	"context"
	"time"

	"github.com/labring/sealos-notify/store"
)

// HourlyCounts implements store.CountsByHour.
func (r Reader) HourlyCounts(ctx context.Context, appID, template string, since time.Time) ([]store.Count, error) {
	counts, err := listed(ctx, r.DB, func(row Row) (c store.Count, err error) {
		err = row.Scan(&c.Hour, &c.Channel, &c.Provider, &c.Counted, &c.Code, &c.Took, &c.Amount)
		c.Hour = c.Hour.UTC()
		return c, err
	}, `SELECT hour, channel, provider, outcome, code, took, CAST(sum(amount) AS bigint)
		FROM hourly_counts WHERE hour >= $1 AND ($2 = '' OR app_id = $2) AND ($3 = '' OR template = $3)
		GROUP BY hour, channel, provider, outcome, code, took
		ORDER BY hour, channel, provider, outcome, code, took`, []any{since, appID, template})
	return wrapped(counts, err, "hourly counts")
}

// CountsOfApps implements store.CountsByHour.
func (r Reader) CountsOfApps(ctx context.Context, since time.Time) (map[string]int, error) {
	counts, err := all(ctx, r.DB, func(row Row) (c store.Count, err error) {
		err = row.Scan(&c.AppID, &c.Amount)
		return c, err
	}, `SELECT app_id, CAST(sum(amount) AS bigint) FROM hourly_counts WHERE hour >= $1 GROUP BY app_id`, since.UTC())
	byApp := make(map[string]int, len(counts))
	for _, c := range counts {
		byApp[c.AppID] = c.Amount
	}
	return wrapped(byApp, err, "counts of apps")
}
