package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// SetReceipts implements store.Receipts.
func (s *Store) SetReceipts(ctx context.Context, batch []store.Received) ([]bool, error) {
	set := make([]bool, len(batch))
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		for i, r := range batch {
			var err error
			if set[i], err = s.setReceipt(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("set receipts: %w", err)
	}
	return set, nil
}

// setReceipt sets one receipt, if it is stronger than the one that is there, and tells of it.
func (s *Store) setReceipt(ctx context.Context, tx *sql.Tx, r store.Received) (bool, error) {
	chosen, args := `id = ?`, []any{r.DeliveryID}
	if r.DeliveryID == uuid.Nil {
		chosen, args = `reference = ? AND reference <> '' AND provider = ? ORDER BY id DESC LIMIT 1`, []any{r.Reference, r.Provider}
	}
	v := store.Event{Type: store.ReceiptEvents + store.EventType(r.Receipt), At: store.Now(), Status: string(r.Receipt), Code: r.Code}
	var old store.Receipt
	err := tx.QueryRowContext(ctx, `SELECT id, receipt, notification_id, channel, test FROM deliveries WHERE `+chosen, args...).
		Scan(&v.DeliveryID, &old, &v.NotificationID, &v.Channel, &v.Test)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !r.Receipt.Replaces(old) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE deliveries SET receipt = ?, receipt_code = ?, receipt_at = ? WHERE id = ?`,
		r.Receipt, r.Code, r.At.UnixMicro(), v.DeliveryID)
	if err != nil {
		return false, err
	}
	err = tx.QueryRowContext(ctx, `SELECT app_id FROM notifications n
		WHERE id = ? AND EXISTS (SELECT 1 FROM endpoints e WHERE e.app_id = n.app_id)`, v.NotificationID).Scan(&v.AppID)
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return true, s.writeEvents(ctx, tx, []store.Event{v})
}
