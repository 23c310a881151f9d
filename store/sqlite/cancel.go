package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/labring/sealos-notify/store"
)

// openDelivery is one that may still be sent.
type openDelivery struct {
	id    uuid.UUID
	jobID int64
}

// Cancel implements store.Deliveries.
func (s *Store) Cancel(ctx context.Context, c store.Cancellation) (store.Cancelled, error) {
	var result store.Cancelled
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		open, err := query(ctx, tx, func(row row) (d openDelivery, err error) {
			err = row.Scan(&d.id, &d.jobID)
			return d, err
		}, `SELECT d.id, d.job_id FROM deliveries d JOIN river_job j ON j.id = d.job_id
			WHERE d.notification_id = ? AND d.id > ? AND d.status IN ('pending', 'failed')
			ORDER BY d.id LIMIT ?`, c.NotificationID, c.After, c.Limit)
		if err != nil || len(open) == 0 {
			return err
		}
		stopped, err := s.stopJobs(ctx, tx, open)
		if err != nil {
			return fmt.Errorf("stop jobs: %w", err)
		}
		for _, d := range stopped {
			_, err := settleOne(ctx, tx, store.Settlement{
				DeliveryID: d.id, JobID: d.jobID, Status: store.DeliveryCancelled, Code: c.Code, Error: c.Error, At: c.At,
			})
			if err != nil {
				return err
			}
		}
		result = store.Cancelled{Deliveries: len(stopped), Last: open[len(open)-1].id}
		return nil
	})
	if err != nil {
		return store.Cancelled{}, fmt.Errorf("cancel deliveries: %w", err)
	}
	return result, nil
}

// stopJobs removes the jobs that wait, and returns the deliveries whose job will
// not start any more.
func (s *Store) stopJobs(ctx context.Context, tx *sql.Tx, open []openDelivery) ([]openDelivery, error) {
	client, err := s.newClient()
	if err != nil {
		return nil, err
	}
	jobs := make([]int64, len(open))
	for i, d := range open {
		jobs[i] = d.jobID
	}
	removed, err := client.JobDeleteManyTx(ctx, tx, river.NewJobDeleteManyParams().IDs(jobs...).
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
		if !gone[d.jobID] {
			// It runs or has ended. One by one: they are few.
			job, err := client.JobCancelTx(ctx, tx, d.jobID)
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
