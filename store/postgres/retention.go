package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/labring/sealos-notify/store"
)

// deleteClosed deletes notifications and returns their ids. It locks them in the order of
// ids, see lockNotifications, and skips those that another transaction has locked. All
// parts see the same snapshot, so each still finds the rows that another part deletes.
const deleteClosed = `
	WITH closed_notifications AS (
		SELECT id, total FROM notifications
		WHERE id < $1 AND status IN ('success', 'failed', 'cancelled') AND (send_at IS NULL OR send_at < $3)
		ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
	), chosen_notifications AS (
		SELECT id FROM (SELECT id, total, sum(total) OVER (ORDER BY id) AS running FROM closed_notifications) c
		WHERE running <= $2 OR running = total
	), deleted_deliveries AS (
		DELETE FROM deliveries WHERE notification_id IN (SELECT id FROM chosen_notifications) RETURNING id, message_id
	), deleted_expansions AS (
		DELETE FROM expansions WHERE notification_id IN (SELECT id FROM chosen_notifications) RETURNING plan
	), deleted_attempts AS (
		DELETE FROM attempts WHERE delivery_id IN (SELECT id FROM deleted_deliveries)
	), deleted_messages AS (
		DELETE FROM messages WHERE id IN (SELECT message_id FROM deleted_deliveries
			UNION ALL SELECT (jsonb_array_elements(plan -> 'texts') ->> 'messageId')::uuid FROM deleted_expansions)
	)
	DELETE FROM notifications WHERE id IN (SELECT id FROM chosen_notifications) RETURNING id`

// DeleteClosed implements store.Notifications.
func (s *Store) DeleteClosed(ctx context.Context, before time.Time, limit int) (int, error) {
	deleted, err := query(ctx, s.pool, scanID, deleteClosed, store.FirstID(before), limit, before)
	if err != nil {
		return 0, fmt.Errorf("delete closed notifications: %w", err)
	}
	return len(deleted), nil
}
