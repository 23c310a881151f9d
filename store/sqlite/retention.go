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
func (s *Store) DeleteClosed(ctx context.Context, before time.Time, limit int) (deleted int, more bool, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		deleted = 0
		// In the same transaction, because a closed notification may be requeued.
		chosen, err := closedBefore(ctx, tx, before, limit)
		if err != nil {
			return err
		}
		more = len(chosen) > 0
		for _, n := range chosen {
			if n.large {
				if part, err := deletePart(ctx, tx, n.id, limit); err != nil || part == limit {
					return err
				}
			}
			if err := deleteNotification(ctx, tx, n.id); err != nil {
				return err
			}
			deleted++
		}
		return nil
	})
	if err != nil {
		return 0, false, fmt.Errorf("delete closed notifications: %w", err)
	}
	return deleted, more, nil
}

// deletePart deletes the first deliveries of a notification, at most limit, and returns how many it deleted.
func deletePart(ctx context.Context, tx *sql.Tx, notification uuid.UUID, limit int) (int, error) {
	const first = `(SELECT id FROM deliveries WHERE notification_id = ?1 ORDER BY id LIMIT ?2)`
	if _, err := changed(ctx, tx, `DELETE FROM attempts WHERE delivery_id IN `+first, notification, limit); err != nil {
		return 0, err
	}
	return changed(ctx, tx, `DELETE FROM deliveries WHERE id IN `+first, notification, limit)
}

func deleteNotification(ctx context.Context, tx *sql.Tx, id uuid.UUID) error {
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
	return nil
}

// closedNotification is one that is deleted. A large one is an expansion whose deliveries are deleted
// in parts.
type closedNotification struct {
	id    uuid.UUID
	large bool
}

// closedBefore returns the oldest closed notifications that have at most limit
// deliveries together, or one that has more.
func closedBefore(ctx context.Context, tx *sql.Tx, before time.Time, limit int) ([]closedNotification, error) {
	return query(ctx, tx, func(row sqlread.Row) (n closedNotification, err error) {
		err = row.Scan(&n.id, &n.large)
		return n, err
	}, `SELECT id, expansion IS NOT NULL AND total > ?2 FROM (
			SELECT id, total, expansion, sum(total) OVER (ORDER BY id) AS running FROM (
				SELECT id, total, expansion FROM notifications
				WHERE id < ?1 AND status IN ('success', 'failed', 'cancelled') AND (send_at IS NULL OR send_at < ?3)
				ORDER BY id LIMIT ?2))
		WHERE running <= ?2 OR running = total`, store.FirstID(before), limit, before)
}
