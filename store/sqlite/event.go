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

// takes is the condition on endpoints e that are told of the events v.
const takes = `e.app_id = v.app_id AND (e.events = '[]' OR EXISTS (SELECT 1 FROM json_each(e.events) WHERE value = v.type))`

// finished is what the end of a notification tells.
type finished struct {
	app, status string
	at          int64
	test, tells bool // tells reports whether the app has endpoints
}

// finishedColumns are the columns of notifications, as finished scans them.
const finishedColumns = `app_id, status, updated_at, test, EXISTS (SELECT 1 FROM endpoints e WHERE e.app_id = notifications.app_id)`

func (f *finished) into() []any { return []any{&f.app, &f.status, &f.at, &f.test, &f.tells} }

// events returns the event of the notification's end; none when it has not ended.
func (f *finished) events(notification uuid.UUID) []store.Event {
	switch store.NotificationStatus(f.status) {
	case store.NotificationSuccess, store.NotificationFailed, store.NotificationCancelled:
		return []store.Event{{
			AppID: f.app, Type: store.EventNotificationFinished, At: time.UnixMicro(f.at), NotificationID: notification, Status: f.status, Test: f.test,
		}}
	default:
		return nil
	}
}

// finish runs an update of a notification that may end it, and tells of its end.
func (s *Store) finish(ctx context.Context, tx *sql.Tx, notification uuid.UUID, update string, args ...any) error {
	var now finished
	if err := tx.QueryRowContext(ctx, update+` RETURNING `+finishedColumns, bound(args)...).Scan(now.into()...); err != nil || !now.tells {
		return err
	}
	return s.writeEvents(ctx, tx, now.events(notification))
}

// writeEvents writes the events which an endpoint takes, and the jobs that tell them.
func (s *Store) writeEvents(ctx context.Context, tx *sql.Tx, events []store.Event) error {
	if len(events) == 0 {
		return nil
	}
	endpoints := map[string][]store.Endpoint{}
	var jobs []store.EventArgs
	for _, v := range events {
		of, known := endpoints[v.AppID]
		if !known {
			var err error
			if of, err = query(ctx, tx, sqlread.Endpoint, `SELECT `+sqlread.EndpointColumns+` FROM endpoints WHERE app_id = ?`, v.AppID); err != nil {
				return err
			}
			endpoints[v.AppID] = of
		}
		taken := false
		v.ID = uuid.Must(uuid.NewV7())
		for _, e := range of {
			if !e.Takes(v.Type) {
				continue
			}
			taken = true
			if e.Off == "" {
				jobs = append(jobs, store.EventArgs{EventID: v.ID, EndpointID: e.ID})
			}
		}
		if !taken {
			continue
		}
		if _, err := changed(ctx, tx, `INSERT INTO events (id, app_id, type, at, notification_id, delivery_id, channel, status, code, test)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, v.ID, v.AppID, v.Type, v.At, v.NotificationID,
			uuid.NullUUID{UUID: v.DeliveryID, Valid: v.DeliveryID != uuid.Nil}, v.Channel, v.Status, v.Code, v.Test); err != nil {
			return fmt.Errorf("write an event: %w", err)
		}
	}
	return s.insertEventJobs(ctx, tx, jobs)
}

// Replay implements store.Events.
func (s *Store) Replay(ctx context.Context, r store.Replay) (replayed store.Replayed, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		page, err := query(ctx, tx, func(row sqlread.Row) (id uuid.UUID, err error) { return id, row.Scan(&id) }, `
			SELECT v.id FROM endpoints e JOIN events v ON `+takes+`
			WHERE e.id = ? AND e.off = '' AND v.id > ? AND v.id < ? ORDER BY v.id LIMIT ?`, r.EndpointID, r.After, store.FirstID(r.Until), r.Limit)
		if err != nil {
			return err
		}
		jobs := make([]store.EventArgs, len(page))
		for i, id := range page {
			jobs[i] = store.EventArgs{EventID: id, EndpointID: r.EndpointID}
			replayed.Last = id
		}
		if replayed.Events = len(page); replayed.Events > 0 {
			if err := s.insertEventJobs(ctx, tx, jobs); err != nil {
				return err
			}
		}
		return insertAudit(ctx, tx, r.Audit...)
	})
	if err != nil {
		return store.Replayed{}, fmt.Errorf("replay events: %w", err)
	}
	return replayed, nil
}

// DeleteEvents implements store.Events.
func (s *Store) DeleteEvents(ctx context.Context, before time.Time, limit int) (int, error) {
	deleted, err := s.execute(ctx, `
		DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < ? ORDER BY id LIMIT ?)`, store.FirstID(before), limit)
	if err != nil {
		return 0, fmt.Errorf("delete events: %w", err)
	}
	return deleted, nil
}
