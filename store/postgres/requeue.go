package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// requeuable returns the positions in the batch of the deliveries that may be requeued, whether
// their job still waits, and their apps. The locks on the notifications keep that true until the
// end of the transaction.
var requeuable = `
	SELECT r.position - 1, d.status IN ('failed', 'pending'), n.app_id
	FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS r (delivery_id, job_id, position), ` + rowOf("deliveries", "r.delivery_id") + ` d,
		` + rowOf("notifications", "d.notification_id") + ` n
	WHERE d.job_id = r.job_id AND (d.status IN ('dead', 'cancelled', 'failed') OR d.status = 'pending' AND d.quiet <> '')
		AND (d.digest_id IS NULL OR d.digest_id = d.id)
	ORDER BY r.position`

var requeue = `
	WITH changed_deliveries AS (
		SELECT d.notification_id, d.status AS old_status, 'pending' AS status, r.*
		FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::timestamptz[], $5::boolean[], $6::boolean[])
			AS r (delivery_id, job_id, provider, at, quiet, by_itself),
			` + rowOf("deliveries", "r.delivery_id") + ` d
	), updated_deliveries AS (
		UPDATE deliveries d SET status = c.status, job_id = c.job_id, attempts = 0, next_retry_at = NULL,
			provider = coalesce(nullif(c.provider, ''), d.provider), next_provider = nullif(c.provider, ''),
			pinned = c.provider <> '', quiet = CASE WHEN c.quiet THEN d.quiet ELSE '' END, sent_again = c.by_itself,
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
		positions, err := s.requeuable(ctx, tx, batch, deliveries)
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
			column(chosen, func(r *store.Requeue) time.Time { return r.At }),
			column(chosen, func(r *store.Requeue) bool { return r.Quiet }),
			column(chosen, func(r *store.Requeue) bool { return r.ByItself }))
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

// requeuable returns the positions in the batch of the deliveries that may be requeued and
// have no job any more that could send them. It sets the apps of their new jobs.
func (s *Store) requeuable(ctx context.Context, tx pgx.Tx, batch []store.Requeue, deliveries [][16]byte) ([]int, error) {
	var waiting []int64 // jobs
	positions, err := query(ctx, tx, func(row sqlread.Row) (position int, err error) {
		var waits bool
		var app string
		if err = row.Scan(&position, &waits, &app); err != nil {
			return 0, err
		}
		batch[position].Job.AppID = app
		if waits {
			waiting = append(waiting, batch[position].JobID)
		}
		return position, nil
	}, requeuable, deliveries, column(batch, func(r *store.Requeue) int64 { return r.JobID }))
	if err != nil || len(waiting) == 0 {
		return positions, err
	}
	deleted, err := s.deleteWaiting(ctx, tx, waiting)
	return slices.DeleteFunc(positions, func(position int) bool {
		job := batch[position].JobID
		return slices.Contains(waiting, job) && !deleted[job] // a worker has it
	}), err
}
