package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
)

// deleteClosed deletes notifications, of an expansion at most $2 deliveries, and returns how many
// notifications it deleted and how many it chose. It locks them in the order of ids, see
// lockNotifications, and skips those that another transaction has locked. All parts see the same
// snapshot, so each still finds the rows that another part deletes.
const deleteClosed = `
	WITH closed_notifications AS (
		SELECT id, total, expansion FROM notifications
		WHERE id < $1 AND status IN ('success', 'failed', 'cancelled') AND (send_at IS NULL OR send_at < $3)
		ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
	), chosen_notifications AS (
		SELECT id, total, expansion FROM (SELECT *, sum(total) OVER (ORDER BY id) AS running FROM closed_notifications) c
		WHERE running <= $2 OR running = total
	), deleted_deliveries AS (
		DELETE FROM deliveries WHERE id IN (
			SELECT d.id FROM chosen_notifications n, LATERAL (
				SELECT id FROM deliveries WHERE notification_id = n.id ORDER BY id LIMIT CASE WHEN n.expansion IS NOT NULL THEN $2 END
			) d)
		RETURNING id, message_id, notification_id
	), deleted_attempts AS (
		DELETE FROM attempts WHERE delivery_id IN (SELECT id FROM deleted_deliveries)
	), empty_notifications AS (
		SELECT id FROM chosen_notifications
		WHERE expansion IS NULL OR total <= $2 OR (SELECT count(*) FROM deleted_deliveries) < $2
	), deleted_expansions AS (
		DELETE FROM expansions WHERE notification_id IN (SELECT id FROM empty_notifications) RETURNING plan
	), deleted_messages AS (
		DELETE FROM messages WHERE id IN (
			SELECT message_id FROM deleted_deliveries WHERE notification_id IN (SELECT id FROM empty_notifications)
			UNION ALL SELECT (jsonb_array_elements(plan -> 'texts') ->> 'messageId')::uuid FROM deleted_expansions)
	), deleted_notifications AS (
		DELETE FROM notifications WHERE id IN (SELECT id FROM empty_notifications) RETURNING id
	)
	SELECT (SELECT count(*) FROM deleted_notifications), (SELECT count(*) FROM chosen_notifications)`

// DeleteClosed implements store.Notifications. Its statement is planned once: planned for each limit, it takes half as long
// again.
func (s *Store) DeleteClosed(ctx context.Context, before time.Time, limit int) (deleted int, more bool, err error) {
	var chosen int
	err = s.begin(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, deleteClosed, store.FirstID(before), limit, before).Scan(&deleted, &chosen)
	})
	if err != nil {
		return 0, false, fmt.Errorf("delete closed notifications: %w", err)
	}
	return deleted, chosen > 0, nil
}
