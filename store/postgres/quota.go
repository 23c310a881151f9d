package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// lockUses locks the counters of the batch's quotas until the transaction ends, and returns
// what was used. It begins the present period where another one was counted. A batch without
// quotas costs nothing.
func lockUses(ctx context.Context, tx pgx.Tx, batch []store.Acceptance) ([]store.Use, error) {
	counters := store.CountersOf(batch)
	if len(counters) == 0 {
		return nil, nil
	}
	// By the database's clock, so that the replicas' clocks do not matter. It is read before
	// the row is locked, so an earlier period than the stored one may come.
	used, err := query(ctx, tx, sqlread.Use, `
		INSERT INTO app_use AS u (`+sqlread.UseColumns+`)
		SELECT app_id, channel, period, date_trunc(period, clock_timestamp(), 'UTC'), 0
		FROM unnest($1::text[], $2::text[], $3::text[]) AS t (app_id, channel, period)
		ON CONFLICT (app_id, channel, period) DO UPDATE SET
			used = CASE WHEN u.start < excluded.start THEN 0 ELSE u.used END, start = greatest(u.start, excluded.start)
		RETURNING `+sqlread.UseColumns+`, clock_timestamp()`,
		column(counters, func(c *store.Counter) string { return c.AppID }),
		column(counters, func(c *store.Counter) string { return c.Channel }),
		column(counters, func(c *store.Counter) string { return string(c.Period) }))
	if err != nil {
		return nil, fmt.Errorf("lock what apps have used: %w", err)
	}
	return used, nil
}

// writeUses queues the update of counters that lockUses has locked.
func writeUses(queries *pgx.Batch, uses []store.Use) {
	if len(uses) == 0 {
		return
	}
	queries.Queue(`
		UPDATE app_use AS u SET used = t.used
		FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[]) AS t (app_id, channel, period, used)
		WHERE (u.app_id, u.channel, u.period) = (t.app_id, t.channel, t.period)`,
		column(uses, func(u *store.Use) string { return u.AppID }),
		column(uses, func(u *store.Use) string { return u.Channel }),
		column(uses, func(u *store.Use) string { return string(u.Period) }),
		column(uses, func(u *store.Use) int { return u.Used }))
}

// ForgetUses implements store.Quotas. It skips the counters that an Accept has locked.
func (s *Store) ForgetUses(ctx context.Context, before time.Time) (int, error) {
	tag, err := s.pool.Exec(ctx, `
		DELETE FROM app_use WHERE (app_id, channel, period) IN
			(SELECT app_id, channel, period FROM app_use WHERE start < $1 FOR UPDATE SKIP LOCKED)`, before)
	if err != nil {
		return 0, fmt.Errorf("forget what apps have used: %w", marked(err))
	}
	return int(tag.RowsAffected()), nil
}
