package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// openDelivery is a delivery that may still be sent.
type openDelivery struct {
	ID     uuid.UUID
	JobID  int64
	Leaves bool // it is an item of a digest that is open
}

// openDeliveries selects open deliveries d, with the condition on them.
const openDeliveries = `SELECT d.id, d.job_id, EXISTS (SELECT 1 FROM digests o WHERE o.id = d.digest_id) FROM deliveries d
	WHERE d.status IN ('pending', 'failed') AND `

func scanOpen(row sqlread.Row) (d openDelivery, err error) {
	err = row.Scan(&d.ID, &d.JobID, &d.Leaves)
	return d, err
}

// Cancel implements store.Deliveries.
func (s *Store) Cancel(ctx context.Context, c store.Cancellation) (store.Cancelled, error) {
	var result store.Cancelled
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		stopped, err := s.endExpansion(ctx, tx, c.NotificationID, store.StoppedCancelled, c.At)
		if err != nil {
			return err
		}
		open, err := query(ctx, tx, scanOpen, openDeliveries+`d.notification_id = ? AND d.id > ? ORDER BY d.id LIMIT ?`,
			c.NotificationID, c.After, c.Limit)
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
		for _, d := range ended {
			_, err := s.closeDelivery(ctx, tx, store.Closing{
				DeliveryID: d.ID, JobID: d.JobID, Status: store.DeliveryCancelled, Code: c.Code, Error: c.Error, At: c.At,
			}, nil)
			if err != nil {
				return err
			}
		}
		result = store.Cancelled{Deliveries: len(ended), Last: open[len(open)-1].ID}
		return nil
	})
	if err != nil {
		return store.Cancelled{}, fmt.Errorf("cancel deliveries: %w", err)
	}
	return result, nil
}
