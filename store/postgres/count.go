package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
)

// maxWriters is how many numbers there are for replicas. Two that have the same one wait for
// each other's batches, and count right.
const maxWriters = 1024

// addCounts is the end of a statement that inserts counts. Every such statement sorts its rows by
// the key, and is the last in its transaction that locks rows, so none of them can deadlock.
const addCounts = ` ON CONFLICT (hour, channel, app_id, template, provider, outcome, code, took, writer)
	DO UPDATE SET amount = hourly_counts.amount + excluded.amount`

// countOutcomes is the part of a statement that counts outcomes by the hour. It reads moved_counts
// and the rows of changed_deliveries, which have channel, template_name, test, provider, counted_as
// and took as well.
func countOutcomes(writer string) string {
	return `hour_counts AS (
		INSERT INTO hourly_counts (hour, channel, app_id, template, provider, outcome, code, took, writer, amount)
		SELECT date_trunc('hour', c.at, 'UTC') AS hour, c.channel, n.app_id, c.template_name, c.provider, c.status,
			CASE WHEN c.status = 'success' THEN '' ELSE c.counted_as END AS code, c.took, ` + writer + `, count(*)
		FROM changed_deliveries c JOIN moved_counts n ON n.id = c.notification_id
		WHERE NOT c.test AND c.status <> 'cancelled'
		GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8` + addCounts + `
	)`
}

// writeCounts queues the writing of counts.
func (s *Store) writeCounts(queries *pgx.Batch, counts []store.Count) {
	if len(counts) == 0 {
		return
	}
	queries.Queue(`
		INSERT INTO hourly_counts (hour, channel, app_id, template, provider, outcome, code, took, writer, amount)
		SELECT unnest($1::timestamptz[]), unnest($2::text[]), unnest($3::text[]), unnest($4::text[]), unnest($5::text[]),
			unnest($6::text[]), unnest($7::text[]), unnest($8::smallint[]), $10::smallint, unnest($9::bigint[])
		ORDER BY 1, 2, 3, 4, 5, 6, 7, 8`+addCounts,
		column(counts, func(c *store.Count) time.Time { return c.Hour }),
		column(counts, func(c *store.Count) string { return c.Channel }),
		column(counts, func(c *store.Count) string { return c.AppID }),
		column(counts, func(c *store.Count) string { return c.Template }),
		column(counts, func(c *store.Count) string { return c.Provider }),
		column(counts, func(c *store.Count) string { return string(c.Counted) }),
		column(counts, func(c *store.Count) string { return c.Code }),
		column(counts, func(c *store.Count) int { return c.Took }),
		column(counts, func(c *store.Count) int { return c.Amount }), s.writer)
}

// DeleteCounts implements store.CountsByHour.
func (s *Store) DeleteCounts(ctx context.Context, before time.Time) (int, error) {
	tag, err := s.pool.Exec(ctx, `DELETE FROM hourly_counts WHERE hour < $1`, before)
	if err != nil {
		return 0, fmt.Errorf("delete hourly counts: %w", marked(err))
	}
	return int(tag.RowsAffected()), nil
}
