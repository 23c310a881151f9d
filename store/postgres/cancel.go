package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// openDelivery is a delivery that may still be sent.
type openDelivery struct {
	ID    uuid.UUID
	JobID int64
}

// Cancel implements store.Deliveries.
func (s *Store) Cancel(ctx context.Context, c store.Cancellation) (store.Cancelled, error) {
	var result store.Cancelled
	err := s.stopping(ctx, func(tx pgx.Tx) error {
		result = store.Cancelled{}
		stopped, err := endExpansion(ctx, tx, c.NotificationID, store.StoppedCancelled, c.At)
		if err != nil {
			return err
		}
		// The same lock as lockNotifications.
		if _, err := tx.Exec(ctx, `SELECT FROM notifications WHERE id = $1 FOR NO KEY UPDATE`, c.NotificationID); err != nil {
			return err
		}
		open, err := query(ctx, tx, func(row sqlread.Row) (d openDelivery, err error) {
			err = row.Scan(&d.ID, &d.JobID)
			return d, err
		}, `SELECT id, job_id FROM deliveries
			WHERE notification_id = $1 AND id > $2 AND status IN ('pending', 'failed')
			ORDER BY id LIMIT $3`, c.NotificationID, c.After, c.Limit)
		if err != nil || len(open) == 0 && !stopped {
			return err
		}
		if err := insertAudit(ctx, tx, c.Audit...); err != nil || len(open) == 0 {
			return err
		}
		ended, err := s.stopJobs(ctx, tx, open)
		if err != nil {
			return err
		}
		result = store.Cancelled{Deliveries: len(ended), Last: open[len(open)-1].ID}
		_, err = tx.Exec(ctx, closeDeliveries, s.closeArgs(column(ended, func(d *openDelivery) store.Closing {
			return store.Closing{
				DeliveryID: d.ID, JobID: d.JobID, Status: store.DeliveryCancelled, Code: c.Code, Error: c.Error, At: c.At,
			}
		}))...)
		return err
	})
	if err != nil {
		return store.Cancelled{}, fmt.Errorf("cancel deliveries: %w", marked(err))
	}
	return result, nil
}
