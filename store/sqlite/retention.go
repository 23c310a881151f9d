package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// DeleteClosed implements store.Notifications.
func (s *Store) DeleteClosed(ctx context.Context, before time.Time, limit int) (int, error) {
	var chosen []uuid.UUID
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		var err error
		// In the same transaction, because a closed notification may be requeued.
		if chosen, err = closedBefore(ctx, tx, before, limit); err != nil {
			return err
		}
		for _, id := range chosen {
			for _, statement := range []string{
				`DELETE FROM attempts WHERE delivery_id IN (SELECT id FROM deliveries WHERE notification_id = ?)`,
				`DELETE FROM messages WHERE id IN (SELECT message_id FROM deliveries WHERE notification_id = ?)`,
				`DELETE FROM deliveries WHERE notification_id = ?`,
				`DELETE FROM messages WHERE id IN (SELECT value ->> 'messageId' FROM expansions, json_each(plan -> 'texts') WHERE notification_id = ?)`,
				`DELETE FROM expansions WHERE notification_id = ?`,
				`DELETE FROM notifications WHERE id = ?`,
			} {
				if _, err := tx.ExecContext(ctx, statement, id); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("delete closed notifications: %w", err)
	}
	return len(chosen), nil
}

// closedBefore returns the oldest closed notifications that have at most limit
// deliveries together.
func closedBefore(ctx context.Context, tx *sql.Tx, before time.Time, limit int) ([]uuid.UUID, error) {
	return query(ctx, tx, func(row sqlread.Row) (id uuid.UUID, err error) {
		err = row.Scan(&id)
		return id, err
	}, `SELECT id FROM (
			SELECT id, total, sum(total) OVER (ORDER BY id) AS running FROM (
				SELECT id, total FROM notifications
				WHERE id < ?1 AND status IN ('success', 'failed', 'cancelled') AND (send_at IS NULL OR send_at < ?3)
				ORDER BY id LIMIT ?2))
		WHERE running <= ?2 OR running = total`, store.FirstID(before), limit, before)
}
