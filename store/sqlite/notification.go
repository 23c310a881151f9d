package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"github.com/labring/sealos-notify/store"
)

// Accept implements store.Notifications.
func (s *Store) Accept(ctx context.Context, batch []store.Acceptance) ([]store.Accepted, error) {
	accepted := make([]store.Accepted, len(batch))
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		if err := checkTemplates(ctx, tx, batch); err != nil {
			return err
		}
		var fresh []store.Acceptance
		for i, a := range batch {
			var err error
			if accepted[i], err = insertNotification(ctx, tx, a); err != nil {
				return err
			}
			if !accepted[i].Replayed {
				fresh = append(fresh, a)
			}
		}
		return s.insertContents(ctx, tx, fresh)
	})
	if err != nil {
		return nil, fmt.Errorf("accept: %w", err)
	}
	return accepted, nil
}

// insertNotification writes the notification when its key is free; otherwise it
// answers with the one that has it.
func insertNotification(ctx context.Context, tx *sql.Tx, a store.Acceptance) (store.Accepted, error) {
	n := a.Notification
	var unmatched []byte
	if len(n.Unmatched) > 0 {
		var err error
		if unmatched, err = json.Marshal(n.Unmatched); err != nil {
			return store.Accepted{}, fmt.Errorf("unmatched recipients: %w", err)
		}
	}
	written, err := scanNotification(tx.QueryRowContext(ctx, `
		INSERT INTO notifications (id, app_id, idempotency_key, request_hash, unmatched, total, created_at, updated_at,
			send_at, expires_at, priority, test)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (app_id, idempotency_key) DO NOTHING
		RETURNING `+notificationColumns,
		n.ID, n.AppID, n.IdempotencyKey, n.RequestHash, text(unmatched), len(a.Deliveries),
		n.CreatedAt.UnixMicro(), n.UpdatedAt.UnixMicro(),
		toMicrosOrNull(n.SendAt), toMicrosOrNull(n.ExpiresAt), n.Priority, n.Test))
	if err == nil {
		return store.Accepted{Notification: written}, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return store.Accepted{}, fmt.Errorf("insert notification: %w", err)
	}
	existing, err := scanNotification(tx.QueryRowContext(ctx, notificationByKey, n.AppID, n.IdempotencyKey))
	if err != nil {
		return store.Accepted{}, fmt.Errorf("read notification: %w", err)
	}
	return store.Accepted{Notification: existing, Replayed: true}, nil
}

// insertContents writes what belongs to notifications that were just written.
func (s *Store) insertContents(ctx context.Context, tx *sql.Tx, fresh []store.Acceptance) error {
	var (
		messages   []store.Message
		deliveries []store.Delivery
		jobs       []river.InsertManyParams
	)
	for _, a := range fresh {
		messages = append(messages, a.Messages...)
		deliveries = append(deliveries, a.Deliveries...)
		jobs = append(jobs, a.Jobs...)
	}
	if len(deliveries) != len(jobs) {
		return fmt.Errorf("%d jobs for %d deliveries", len(jobs), len(deliveries))
	}
	if len(jobs) == 0 {
		return nil
	}
	ids, err := s.insertJobs(ctx, tx, jobs)
	if err != nil {
		return fmt.Errorf("insert jobs: %w", err)
	}
	if err := insertMessages(ctx, tx, messages); err != nil {
		return fmt.Errorf("insert messages: %w", err)
	}
	if err := insertDeliveries(ctx, tx, deliveries, ids); err != nil {
		return fmt.Errorf("insert deliveries: %w", err)
	}
	return nil
}

// newClient makes a River client that works nothing. One announces a queue only once
// in its fetch cooldown, and jobs that are not announced wait for the next poll; a
// new one (some microseconds) announces always.
func (s *Store) newClient() (*river.Client[*sql.Tx], error) {
	return river.NewClient(s.river, &river.Config{Logger: slog.New(slog.DiscardHandler)})
}

// insertJobs inserts River jobs and returns their ids in the same order.
func (s *Store) insertJobs(ctx context.Context, tx *sql.Tx, jobs []river.InsertManyParams) ([]int64, error) {
	client, err := s.newClient()
	if err != nil {
		return nil, err
	}
	results, err := client.InsertManyTx(ctx, tx, jobs)
	if err != nil {
		return nil, err
	}
	// River inserts with one statement that takes the jobs in order, so their ids
	// rise; the order of RETURNING promises nothing.
	ids := make([]int64, len(results))
	for i, r := range results {
		ids[i] = r.Job.ID
	}
	slices.Sort(ids)
	return ids, nil
}

func insertMessages(ctx context.Context, tx *sql.Tx, messages []store.Message) error {
	insert, err := tx.PrepareContext(ctx, `
		INSERT INTO messages (id, notification_id, channel, template_name, template_version, msg_type, subject, body,
			template_code, params)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	for _, m := range messages {
		_, err := insert.ExecContext(ctx, m.ID, m.NotificationID, m.Channel, m.TemplateName, m.TemplateVersion, m.MsgType,
			m.Subject, m.Body, m.TemplateCode, text(m.Params))
		if err != nil {
			return err
		}
	}
	return nil
}

const notificationColumns = `id, app_id, idempotency_key, request_hash, unmatched,
	total, total - failed - success - dead - cancelled, failed, success, dead, cancelled,
	status, created_at, updated_at, send_at, expires_at, priority, test`

const notificationByKey = `SELECT ` + notificationColumns + ` FROM notifications
	WHERE app_id = ? AND idempotency_key = ?`

func scanNotification(row row) (store.Notification, error) {
	var (
		n                store.Notification
		unmatched        []byte
		created, updated int64
		send, until      sql.NullInt64
	)
	err := row.Scan(&n.ID, &n.AppID, &n.IdempotencyKey, &n.RequestHash, &unmatched,
		&n.Counts.Total, &n.Counts.Pending, &n.Counts.Failed, &n.Counts.Success, &n.Counts.Dead, &n.Counts.Cancelled,
		&n.Status, &created, &updated, &send, &until, &n.Priority, &n.Test)
	if err != nil {
		return store.Notification{}, err
	}
	if unmatched != nil {
		if err := json.Unmarshal(unmatched, &n.Unmatched); err != nil {
			return store.Notification{}, fmt.Errorf("unmatched recipients: %w", err)
		}
	}
	n.CreatedAt, n.UpdatedAt = fromMicros(created), fromMicros(updated)
	n.SendAt, n.ExpiresAt = fromMicrosOrNull(send), fromMicrosOrNull(until)
	return n, nil
}

// Notification implements store.Notifications.
func (s *Store) Notification(ctx context.Context, id uuid.UUID) (store.Notification, error) {
	n, err := scanNotification(s.read.QueryRowContext(ctx,
		`SELECT `+notificationColumns+` FROM notifications WHERE id = ?`, id))
	if err != nil {
		return store.Notification{}, fmt.Errorf("notification %s: %w", id, found(err))
	}
	return n, nil
}

// NotificationByKey implements store.Notifications.
func (s *Store) NotificationByKey(ctx context.Context, appID, idempotencyKey string) (store.Notification, error) {
	n, err := scanNotification(s.read.QueryRowContext(ctx, notificationByKey, appID, idempotencyKey))
	if err != nil {
		return store.Notification{}, fmt.Errorf("notification by key: %w", found(err))
	}
	return n, nil
}
