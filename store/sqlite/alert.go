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

// lockGroups notes that the groups were posted, and returns what was last told of each. The
// transaction is the only one that writes.
func lockGroups(ctx context.Context, tx *sql.Tx, groups []store.Told) ([]store.Told, error) {
	var last []store.Told
	for _, group := range groups {
		told, err := query(ctx, tx, sqlread.Told, `
			INSERT INTO alert_groups (app_id, id, state, told_at, notification_id, seen_at, receiver)
			VALUES (?1, ?2, '', ?3, ?4, ?3, ?5)
			ON CONFLICT (app_id, id) DO UPDATE SET seen_at = max(seen_at, excluded.seen_at)
			RETURNING `+sqlread.ToldColumns,
			group.AppID, group.Group, group.At, group.NotificationID, group.Receiver)
		if err != nil {
			return nil, fmt.Errorf("lock a group of alerts: %w", err)
		}
		last = append(last, told...)
	}
	return last, nil
}

// writeTold writes what is told of groups that lockGroups has locked.
func writeTold(ctx context.Context, tx *sql.Tx, told []store.Told) error {
	for _, t := range told {
		_, err := tx.ExecContext(ctx, `UPDATE alert_groups SET state = ?, told_at = ?, notification_id = ? WHERE app_id = ? AND id = ?`,
			bound([]any{t.State, t.At, t.NotificationID, t.AppID, t.Group})...)
		if err != nil {
			return fmt.Errorf("write what was told: %w", err)
		}
	}
	return nil
}

// repetition returns the result of an acceptance that is no news.
func repetition(ctx context.Context, tx *sql.Tx, id uuid.UUID) (store.Accepted, error) {
	n, err := query(ctx, tx, sqlread.Notification, `SELECT `+sqlread.NotificationColumns+` FROM notifications WHERE id = ?`, id)
	switch {
	case err != nil:
		return store.Accepted{}, fmt.Errorf("read what was told: %w", err)
	case len(n) == 0: // deleted
		return store.Accepted{Notification: store.Notification{ID: id}, Replayed: true}, nil
	}
	return store.Accepted{Notification: n[0], Replayed: true}, nil
}

// ForgetAlertGroups implements store.AlertGroups.
func (s *Store) ForgetAlertGroups(ctx context.Context, before time.Time) (int, error) {
	forgotten, err := s.execute(ctx, `DELETE FROM alert_groups WHERE seen_at < ?`, before)
	if err != nil {
		return 0, fmt.Errorf("forget groups of alerts: %w", err)
	}
	return forgotten, nil
}
