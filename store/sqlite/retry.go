package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"github.com/labring/sealos-notify/store"
)

// Retry implements store.Deliveries.
func (s *Store) Retry(ctx context.Context, batch []store.Retrial) ([]bool, error) {
	retried := make([]bool, len(batch))
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		var chosen []ended
		var jobs []river.InsertManyParams
		for i, r := range batch {
			notification, was, err := current(ctx, tx, `
				SELECT notification_id, status FROM deliveries
				WHERE id = ? AND job_id = ? AND status IN ('dead', 'cancelled')`, r.DeliveryID, r.JobID)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			retried[i] = true
			chosen, jobs = append(chosen, ended{r, notification, was}), append(jobs, r.Job)
		}
		if len(chosen) == 0 {
			return nil
		}
		ids, err := s.insertJobs(ctx, tx, jobs)
		if err != nil {
			return fmt.Errorf("insert jobs: %w", err)
		}
		for i, e := range chosen {
			if err := retryOne(ctx, tx, e, ids[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("retry deliveries: %w", err)
	}
	return retried, nil
}

// ended is a retrial of a delivery that may go again.
type ended struct {
	store.Retrial
	notification uuid.UUID
	was          store.DeliveryStatus
}

func retryOne(ctx context.Context, tx *sql.Tx, e ended, job int64) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE deliveries SET status = 'pending', job_id = ?2, attempts = 0, next_retry_at = NULL,
			provider = coalesce(nullif(?3, ''), provider), provider_override = nullif(?3, ''),
			last_code = '', last_error = '', details = NULL, updated_at = ?4
		WHERE id = ?1`, e.DeliveryID, job, e.Provider, e.At.UnixMicro())
	if err != nil {
		return err
	}
	return rollUp(ctx, tx, e.notification, e.was, store.DeliveryPending, e.At)
}
