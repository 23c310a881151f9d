package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/labring/sealos-notify/store"
)

// retriable returns the places in the batch of those that may go again. The
// notifications' locks keep that so until the end of the transaction.
var retriable = `
	SELECT r.place - 1
	FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS r (delivery_id, job_id, place), ` + rowOf("deliveries", "r.delivery_id") + ` d
	WHERE d.job_id = r.job_id AND d.status IN ('dead', 'cancelled')
	ORDER BY r.place`

var retry = `
	WITH changed AS (
		SELECT d.notification_id, d.status AS was, 'pending' AS status, r.*
		FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::timestamptz[]) AS r (delivery_id, job_id, provider, at),
			` + rowOf("deliveries", "r.delivery_id") + ` d
	), updated AS (
		UPDATE deliveries d SET status = c.status, job_id = c.job_id, attempts = 0, next_retry_at = NULL,
			provider = coalesce(nullif(c.provider, ''), d.provider), provider_override = nullif(c.provider, ''),
			last_code = '', last_error = '', details = NULL, updated_at = c.at
		FROM changed c WHERE d.id = c.delivery_id
	), ` + rollUp + `
	SELECT FROM changed`

// Retry implements store.Deliveries.
func (s *Store) Retry(ctx context.Context, batch []store.Retrial) ([]bool, error) {
	retried := make([]bool, len(batch))
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		ids := column(batch, func(r *store.Retrial) [16]byte { return r.DeliveryID })
		if _, err := tx.Exec(ctx, lockNotifications, ids); err != nil {
			return err
		}
		places, err := query(ctx, tx, pgx.RowTo[int], retriable, ids, column(batch, func(r *store.Retrial) int64 { return r.JobID }))
		if err != nil || len(places) == 0 {
			return err
		}
		chosen := column(places, func(place *int) store.Retrial { return batch[*place] })
		jobs, err := s.insertJobs(ctx, tx, column(chosen, func(r *store.Retrial) river.InsertManyParams { return r.Job }))
		if err != nil {
			return fmt.Errorf("insert jobs: %w", err)
		}
		_, err = tx.Exec(ctx, retry,
			column(chosen, func(r *store.Retrial) [16]byte { return r.DeliveryID }),
			jobs,
			column(chosen, func(r *store.Retrial) string { return r.Provider }),
			column(chosen, func(r *store.Retrial) time.Time { return r.At }))
		for _, place := range places {
			retried[place] = true
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("retry deliveries: %w", marked(err))
	}
	return retried, nil
}
