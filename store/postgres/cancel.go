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
	ID     uuid.UUID
	JobID  int64
	Leaves bool // it is an item of a digest that is open
}

// lockOpen locks the digests and the notifications of deliveries, and returns those that are open.
func lockOpen(ctx context.Context, tx pgx.Tx, ids [][16]byte) ([]openDelivery, error) {
	if _, err := tx.Exec(ctx, lockOpenDigests, ids); err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, lockWithItems, ids, ids); err != nil {
		return nil, err
	}
	return query(ctx, tx, func(row sqlread.Row) (d openDelivery, err error) {
		err = row.Scan(&d.ID, &d.JobID, &d.Leaves)
		return d, err
	}, `SELECT d.id, d.job_id, EXISTS (SELECT FROM digests o WHERE o.id = d.digest_id) FROM deliveries d
		WHERE d.id = ANY ($1) AND d.status IN ('pending', 'failed') ORDER BY d.id`, ids)
}

// closeStopped closes deliveries of a page that lockOpen has locked, and the items of its digests.
func (s *Store) closeStopped(ctx context.Context, tx pgx.Tx, page [][16]byte, batch []store.Closing) error {
	if _, err := tx.Exec(ctx, closeDeliveries, s.closeArgs(batch)...); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, endItems, page)
	return err
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
		page, err := query(ctx, tx, scanID, `SELECT id FROM deliveries
			WHERE notification_id = $1 AND id > $2 AND status IN ('pending', 'failed')
			ORDER BY id LIMIT $3`, c.NotificationID, c.After, c.Limit)
		if err != nil || len(page) == 0 && !stopped {
			return err
		}
		if len(page) > 0 {
			result.Last = page[len(page)-1]
		}
		open, err := lockOpen(ctx, tx, page)
		if err != nil {
			return err
		}
		if err := insertAudit(ctx, tx, c.Audit...); err != nil || len(open) == 0 {
			return err
		}
		ended, err := s.stopJobs(ctx, tx, open)
		if err != nil {
			return err
		}
		result.Deliveries = len(ended)
		return s.closeStopped(ctx, tx, page, column(ended, func(d *openDelivery) store.Closing {
			return store.Closing{
				DeliveryID: d.ID, JobID: d.JobID, Status: store.DeliveryCancelled, Code: c.Code, Error: c.Error, At: c.At,
			}
		}))
	})
	if err != nil {
		return store.Cancelled{}, fmt.Errorf("cancel deliveries: %w", marked(err))
	}
	return result, nil
}
