package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/labring/sealos-notify/store"
)

// endedDelivery is a delivery that may be requeued, and has no job any more that could send it.
type endedDelivery struct {
	store.Requeue
	before move
}

// Requeue implements store.Deliveries.
func (s *Store) Requeue(ctx context.Context, batch []store.Requeue) ([]bool, error) {
	requeued := make([]bool, len(batch))
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		var ended []endedDelivery
		var jobs []store.Job
		for i, r := range batch {
			before, err := moveOf(ctx, tx, `id = ? AND job_id = ? AND (status IN ('dead', 'cancelled', 'failed') OR status = 'pending' AND quiet <> '')
				AND (digest_id IS NULL OR digest_id = id)`, r.DeliveryID, r.JobID)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			if before.status.Open() {
				if stopped, err := s.stopWaiting(ctx, tx, r.JobID); err != nil {
					return err
				} else if !stopped {
					continue // a worker has it
				}
			}
			if err := tx.QueryRowContext(ctx, `SELECT app_id FROM notifications WHERE id = ?`, before.notification).Scan(&r.Job.AppID); err != nil {
				return err
			}
			requeued[i] = true
			ended, jobs = append(ended, endedDelivery{r, before}), append(jobs, r.Job)
		}
		if len(ended) == 0 {
			return nil
		}
		ids, err := s.insertJobs(ctx, tx, jobs)
		if err != nil {
			return err
		}
		for _, d := range ended {
			if err := s.requeueDelivery(ctx, tx, d, ids[d.DeliveryID]); err != nil {
				return err
			}
			if err := insertAudit(ctx, tx, d.Audit); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("requeue deliveries: %w", err)
	}
	return requeued, nil
}

func (s *Store) requeueDelivery(ctx context.Context, tx *sql.Tx, d endedDelivery, job int64) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE deliveries SET status = 'pending', job_id = ?2, attempts = 0, next_retry_at = NULL,
			provider = coalesce(nullif(?3, ''), provider), next_provider = nullif(?3, ''), pinned = ?3 <> '',
			quiet = CASE WHEN ?5 THEN quiet ELSE '' END, sent_again = ?6,
			last_code = '', last_error = '', details = NULL, updated_at = ?4
		WHERE id = ?1`, d.DeliveryID, job, d.Provider, d.At.UnixMicro(), d.Quiet, d.ByItself)
	if err != nil {
		return err
	}
	_, err = s.moveCounts(ctx, tx, d.before, store.DeliveryPending, "", d.At)
	return err
}
