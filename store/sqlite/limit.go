package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// TakeSlot implements store.Limits.
func (s *Store) TakeSlot(ctx context.Context, provider string, interval, horizon time.Duration) (wait time.Duration, taken bool, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		now := time.Now().UnixMicro()
		var next int64
		err := tx.QueryRowContext(ctx, `SELECT next_at FROM provider_slots WHERE provider = ?`, provider).Scan(&next)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		slot := max(next, now)
		wait = time.Duration(slot-now) * time.Microsecond
		if taken = wait <= horizon; !taken {
			return nil
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO provider_slots (provider, next_at) VALUES (?, ?)
			ON CONFLICT (provider) DO UPDATE SET next_at = excluded.next_at`, provider, slot+interval.Microseconds())
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("take a slot: %w", err)
	}
	return wait, taken, nil
}
