package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// lockGroups notes that the groups were posted, and returns what was last told of each. Their
// rows are locked until the end of the transaction. It runs before anything else is locked.
func lockGroups(ctx context.Context, tx pgx.Tx, groups []store.Told) ([]store.Told, error) {
	if len(groups) == 0 {
		return nil, nil
	}
	last, err := query(ctx, tx, sqlread.Told, `
		INSERT INTO alert_groups (app_id, id, state, told_at, notification_id, seen_at)
		SELECT app_id, id, '', seen_at, notification_id, seen_at
		FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::uuid[]) AS t (app_id, id, seen_at, notification_id)
		ON CONFLICT (app_id, id) DO UPDATE SET seen_at = greatest(alert_groups.seen_at, excluded.seen_at)
		RETURNING `+sqlread.ToldColumns,
		column(groups, func(t *store.Told) string { return t.AppID }),
		column(groups, func(t *store.Told) string { return t.Group }),
		column(groups, func(t *store.Told) time.Time { return t.At }),
		column(groups, func(t *store.Told) [16]byte { return t.NotificationID }))
	if err != nil {
		return nil, fmt.Errorf("lock groups of alerts: %w", err)
	}
	return last, nil
}

// writeTold writes what is told of groups that lockGroups has locked.
func writeTold(ctx context.Context, tx pgx.Tx, told []store.Told) error {
	if len(told) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		UPDATE alert_groups g SET state = t.state, told_at = t.told_at, notification_id = t.notification_id
		FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::uuid[])
			AS t (app_id, id, state, told_at, notification_id)
		WHERE g.app_id = t.app_id AND g.id = t.id`,
		column(told, func(t *store.Told) string { return t.AppID }),
		column(told, func(t *store.Told) string { return t.Group }),
		column(told, func(t *store.Told) string { return t.State }),
		column(told, func(t *store.Told) time.Time { return t.At }),
		column(told, func(t *store.Told) [16]byte { return t.NotificationID }))
	if err != nil {
		return fmt.Errorf("write what was told: %w", err)
	}
	return nil
}

// readByID returns those of the notifications that exist, by id.
func readByID(ctx context.Context, tx pgx.Tx, ids []uuid.UUID) (map[uuid.UUID]store.Notification, error) {
	byID := make(map[uuid.UUID]store.Notification, len(ids))
	if len(ids) == 0 {
		return byID, nil
	}
	found, err := query(ctx, tx, sqlread.Notification,
		`SELECT `+sqlread.NotificationColumns+` FROM notifications WHERE id = ANY ($1)`, encodable(ids))
	if err != nil {
		return nil, fmt.Errorf("read what was told: %w", err)
	}
	for _, n := range found {
		byID[n.ID] = n
	}
	return byID, nil
}

// ForgetAlertGroups implements store.AlertGroups. It skips the groups that an Accept has
// locked: they were just posted.
func (s *Store) ForgetAlertGroups(ctx context.Context, before time.Time) (int, error) {
	tag, err := s.pool.Exec(ctx, `
		DELETE FROM alert_groups WHERE (app_id, id) IN
			(SELECT app_id, id FROM alert_groups WHERE seen_at < $1 FOR UPDATE SKIP LOCKED)`, before)
	if err != nil {
		return 0, fmt.Errorf("forget groups of alerts: %w", marked(err))
	}
	return int(tag.RowsAffected()), nil
}
