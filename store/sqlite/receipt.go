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
			if set[i], err = setReceipt(ctx, tx, r); err != nil {
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

func setReceipt(ctx context.Context, tx *sql.Tx, r store.Received) (bool, error) {
	chosen, args := `id = ?`, []any{r.DeliveryID}
	if r.DeliveryID == uuid.Nil {
		chosen, args = `reference = ? AND reference <> '' AND provider = ? ORDER BY id DESC LIMIT 1`, []any{r.Reference, r.Provider}
	}
	var id uuid.UUID
	var old store.Receipt
	err := tx.QueryRowContext(ctx, `SELECT id, receipt FROM deliveries WHERE `+chosen, args...).Scan(&id, &old)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !r.Receipt.Replaces(old) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE deliveries SET receipt = ?, receipt_code = ?, receipt_at = ? WHERE id = ?`,
		r.Receipt, r.Code, r.At.UnixMicro(), id)
	return err == nil, err
}
