package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
)

// deleteClosed takes notifications in the order of ids, as all that locks them
// does, and skips those that somebody is recording for right now. All parts see
// the same snapshot, so what is deleted below still finds the rows above.
const deleteClosed = `
	WITH closed AS (
		SELECT id, total FROM notifications
		WHERE id < $1 AND status IN ('success', 'failed', 'cancelled') AND (send_at IS NULL OR send_at < $3)
		ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
	), chosen AS (
		SELECT id FROM (SELECT id, total, sum(total) OVER (ORDER BY id) AS running FROM closed) c
		WHERE running <= $2 OR running = total
	), theirs AS (
		DELETE FROM deliveries WHERE notification_id IN (SELECT id FROM chosen) RETURNING id, message_id
	), tried AS (
		DELETE FROM attempts WHERE delivery_id IN (SELECT id FROM theirs)
	), said AS (
		DELETE FROM messages WHERE id IN (SELECT message_id FROM theirs)
	)
	DELETE FROM notifications WHERE id IN (SELECT id FROM chosen) RETURNING id`

// DeleteClosed implements store.Notifications.
func (s *Store) DeleteClosed(ctx context.Context, before time.Time, limit int) (int, error) {
	deleted, err := query(ctx, s.pool, pgx.RowTo[[16]byte], deleteClosed, store.FirstID(before), limit, before)
	if err != nil {
		return 0, fmt.Errorf("delete closed notifications: %w", err)
	}
	return len(deleted), nil
}
