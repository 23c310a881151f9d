package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/labring/sealos-notify/store"
)

// openDelivery is one that may still be sent.
type openDelivery struct {
	ID    uuid.UUID
	JobID int64
}

// Cancel implements store.Deliveries.
func (s *Store) Cancel(ctx context.Context, c store.Cancellation) (store.Cancelled, error) {
	var result store.Cancelled
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		// The lock that all take who change deliveries, see lockNotifications.
		if _, err := tx.Exec(ctx, `SELECT FROM notifications WHERE id = $1 FOR NO KEY UPDATE`, c.NotificationID); err != nil {
			return err
		}
		open, err := query(ctx, tx, pgx.RowToStructByPos[openDelivery], `
			SELECT d.id, d.job_id FROM deliveries d JOIN river_job j ON j.id = d.job_id
			WHERE d.notification_id = $1 AND d.id > $2 AND d.status IN ('pending', 'failed')
			ORDER BY d.id LIMIT $3`, c.NotificationID, c.After, c.Limit)
		if err != nil || len(open) == 0 {
			return err
		}
		stopped, err := s.stopJobs(ctx, tx, open)
		if err != nil {
			return fmt.Errorf("stop jobs: %w", err)
		}
		_, err = tx.Exec(ctx, settle,
			column(stopped, func(d *openDelivery) [16]byte { return d.ID }),
			column(stopped, func(d *openDelivery) int64 { return d.JobID }),
			column(stopped, func(*openDelivery) string { return string(store.DeliveryCancelled) }),
			column(stopped, func(*openDelivery) string { return c.Code }),
			column(stopped, func(*openDelivery) string { return c.Error }),
			column(stopped, func(*openDelivery) time.Time { return c.At }))
		result = store.Cancelled{Deliveries: len(stopped), Last: open[len(open)-1].ID}
		return err
	})
	if err != nil {
		return store.Cancelled{}, fmt.Errorf("cancel deliveries: %w", marked(err))
	}
	return result, nil
}

// stopJobs removes the jobs that wait, and returns the deliveries whose job will
// not start any more. River decides that on the job's own row, so that a worker
// that fetches it at the same time has it, or has it not.
func (s *Store) stopJobs(ctx context.Context, tx pgx.Tx, open []openDelivery) ([]openDelivery, error) {
	client, err := s.newClient()
	if err != nil {
		return nil, err
	}
	removed, err := client.JobDeleteManyTx(ctx, tx, river.NewJobDeleteManyParams().
		IDs(column(open, func(d *openDelivery) int64 { return d.JobID })...).
		States(rivertype.JobStateAvailable, rivertype.JobStateScheduled, rivertype.JobStateRetryable).
		First(len(open)))
	if err != nil {
		return nil, err
	}
	gone := make(map[int64]bool, len(open))
	for _, job := range removed.Jobs {
		gone[job.ID] = true
	}
	var stopped []openDelivery
	for _, d := range open {
		if !gone[d.JobID] {
			// It runs, is about to, or has ended. One by one: they are few.
			job, err := client.JobCancelTx(ctx, tx, d.JobID)
			if errors.Is(err, rivertype.ErrNotFound) {
				continue // deleted a moment ago: a stray
			}
			if err != nil {
				return nil, err
			}
			if job.State != rivertype.JobStateCancelled {
				continue
			}
		}
		stopped = append(stopped, d)
	}
	return stopped, nil
}
