package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// takeQuotas locks the counters of the batch and returns what has room, what does not, by
// its key, and what is used then. What was accepted before is beyond no quota: takeQuotas adds
// it to byKey. A batch without quotas costs nothing.
func takeQuotas(
	ctx context.Context, tx pgx.Tx, batch []store.Acceptance, byKey map[key]store.Notification,
) (roomy []store.Acceptance, beyond map[key]*store.QuotaError, used []store.Use, err error) {
	uses := store.UsesOf(batch)
	if len(uses) == 0 {
		return batch, nil, nil, nil
	}
	// A replica whose clock is behind counts in the period of the others.
	before, err := query(ctx, tx, sqlread.Use, `
		INSERT INTO app_use AS u (`+sqlread.UseColumns+`)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::integer[])
		ON CONFLICT (app_id, channel, period) DO UPDATE SET
			used = CASE WHEN u.start < excluded.start THEN 0 ELSE u.used END, start = greatest(u.start, excluded.start)
		RETURNING `+sqlread.UseColumns, columnsOfUses(uses)...)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("lock what apps have used: %w", err)
	}
	ledger := store.NewLedger(before)
	beyond = map[key]*store.QuotaError{}
	var refused []store.Acceptance
	for _, a := range batch {
		if e := ledger.Take(a); e != nil {
			beyond[keyOf(a.Notification)] = e
			refused = append(refused, a)
		} else {
			roomy = append(roomy, a)
		}
	}
	if len(refused) > 0 {
		if err := readByKey(ctx, tx, refused, byKey); err != nil {
			return nil, nil, nil, err
		}
	}
	for k := range byKey {
		delete(beyond, k)
	}
	return roomy, beyond, ledger.Uses(), nil
}

// writeUses queues the update of counters that takeQuotas has locked.
func writeUses(queries *pgx.Batch, uses []store.Use) {
	if len(uses) == 0 {
		return
	}
	queries.Queue(`
		UPDATE app_use AS u SET used = t.used
		FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::integer[]) AS t (`+sqlread.UseColumns+`)
		WHERE (u.app_id, u.channel, u.period) = (t.app_id, t.channel, t.period)`, columnsOfUses(uses)...)
}

func columnsOfUses(uses []store.Use) []any {
	return []any{
		column(uses, func(u *store.Use) string { return u.AppID }),
		column(uses, func(u *store.Use) string { return u.Channel }),
		column(uses, func(u *store.Use) string { return string(u.Period) }),
		column(uses, func(u *store.Use) time.Time { return u.Start }),
		column(uses, func(u *store.Use) int { return u.Used }),
	}
}
