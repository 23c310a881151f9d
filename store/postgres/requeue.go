package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// requeuable returns the positions in the batch of the deliveries that may be requeued.
// The locks on the notifications keep that true until the end of the transaction.
var requeuable = `
	SELECT r.position - 1
	FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS r (delivery_id, job_id, position), ` + rowOf("deliveries", "r.delivery_id") + ` d
	WHERE d.job_id = r.job_id AND d.status IN ('dead', 'cancelled')
	ORDER BY r.position`

var requeue = `
	WITH changed_deliveries AS (
		SELECT d.notification_id, d.status AS old_status, 'pending' AS status, r.*
		FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::timestamptz[]) AS r (delivery_id, job_id, provider, at),
			` + rowOf("deliveries", "r.delivery_id") + ` d
	), updated_deliveries AS (
		UPDATE deliveries d SET status = c.status, job_id = c.job_id, attempts = 0, next_retry_at = NULL,
			provider = coalesce(nullif(c.provider, ''), d.provider), provider_override = nullif(c.provider, ''),
			last_code = '', last_error = '', details = NULL, updated_at = c.at
		FROM changed_deliveries c WHERE d.id = c.delivery_id
	), ` + moveCounts + `
	SELECT FROM changed_deliveries`

// Requeue implements store.Deliveries.
func (s *Store) Requeue(ctx context.Context, batch []store.Requeue) ([]bool, error) {
	requeued := make([]bool, len(batch))
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		deliveries := column(batch, func(r *store.Requeue) [16]byte { return r.DeliveryID })
		if _, err := tx.Exec(ctx, lockNotifications, deliveries); err != nil {
			return err
		}
		positions, err := query(ctx, tx, func(row sqlread.Row) (position int, err error) {
			err = row.Scan(&position)
			return position, err
		}, requeuable, deliveries, column(batch, func(r *store.Requeue) int64 { return r.JobID }))
		if err != nil || len(positions) == 0 {
			return err
		}
		chosen := column(positions, func(position *int) store.Requeue { return batch[*position] })
		jobs := column(chosen, func(r *store.Requeue) store.Job { return r.Job })
		ids, err := s.insertJobs(ctx, tx, jobs)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, announce, queuesOf(jobs)); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, requeue,
			column(chosen, func(r *store.Requeue) [16]byte { return r.DeliveryID }),
			column(chosen, func(r *store.Requeue) int64 { return ids[r.DeliveryID] }),
			column(chosen, func(r *store.Requeue) string { return r.Provider }),
			column(chosen, func(r *store.Requeue) time.Time { return r.At }))
		if err != nil {
			return err
		}
		for _, position := range positions {
			requeued[position] = true
		}
		return insertAudit(ctx, tx, column(chosen, func(r *store.Requeue) store.AuditEntry { return r.Audit })...)
	})
	if err != nil {
		return nil, fmt.Errorf("requeue deliveries: %w", marked(err))
	}
	return requeued, nil
}
