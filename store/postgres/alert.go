package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// lockGroups locks the rows of the batch's groups of alerts and returns what was last told of
// each.
func lockGroups(ctx context.Context, tx pgx.Tx, batch []store.Acceptance) ([]store.Told, error) {
	groups := store.ToldOf(batch)
	if len(groups) == 0 {
		return nil, nil
	}
	last, err := query(ctx, tx, sqlread.Told, `
		INSERT INTO alert_groups (app_id, id, state, told_at, notification_id, seen_at, receiver)
		SELECT app_id, id, '', seen_at, notification_id, seen_at, receiver
		FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::uuid[], $5::text[])
			AS t (app_id, id, seen_at, notification_id, receiver)
		ON CONFLICT (app_id, id) DO UPDATE SET seen_at = greatest(alert_groups.seen_at, excluded.seen_at)
		RETURNING `+sqlread.ToldColumns,
		column(groups, func(t *store.Told) string { return t.AppID }),
		column(groups, func(t *store.Told) string { return t.Group }),
		column(groups, func(t *store.Told) time.Time { return t.At }),
		column(groups, func(t *store.Told) [16]byte { return t.NotificationID }),
		column(groups, func(t *store.Told) string { return t.Receiver }))
	if err != nil {
		return nil, fmt.Errorf("lock groups of alerts: %w", err)
	}
	return last, nil
}

// readTold returns the notifications that repeated names, by the id of the acceptance that
// repeats them. Some are of the batch itself; of one that was deleted there is only the id.
func readTold(
	ctx context.Context, tx pgx.Tx, batch []store.Acceptance, repeated map[uuid.UUID]uuid.UUID,
) (map[uuid.UUID]store.Notification, error) {
	if len(repeated) == 0 {
		return nil, nil
	}
	byID := make(map[uuid.UUID]store.Notification, len(batch))
	for _, a := range batch {
		byID[a.Notification.ID] = a.Written()
	}
	found, err := query(ctx, tx, sqlread.Notification,
		`SELECT `+sqlread.NotificationColumns+` FROM notifications WHERE id = ANY ($1)`,
		encodable(slices.Collect(maps.Values(repeated))))
	if err != nil {
		return nil, fmt.Errorf("read what was told: %w", err)
	}
	for _, n := range found {
		byID[n.ID] = n
	}
	told := make(map[uuid.UUID]store.Notification, len(repeated))
	for acceptance, id := range repeated {
		n := byID[id]
		n.ID = id
		told[acceptance] = n
	}
	return told, nil
}

// writeTold queues the write of what is told of groups that lockGroups has locked.
func writeTold(queries *pgx.Batch, told []store.Told) {
	if len(told) == 0 {
		return
	}
	queries.Queue(`
		UPDATE alert_groups g SET state = t.state, told_at = t.told_at, notification_id = t.notification_id
		FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::uuid[])
			AS t (app_id, id, state, told_at, notification_id)
		WHERE g.app_id = t.app_id AND g.id = t.id`,
		column(told, func(t *store.Told) string { return t.AppID }),
		column(told, func(t *store.Told) string { return t.Group }),
		column(told, func(t *store.Told) string { return t.State }),
		column(told, func(t *store.Told) time.Time { return t.At }),
		column(told, func(t *store.Told) [16]byte { return t.NotificationID }))
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
