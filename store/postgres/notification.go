package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/labring/sealos-notify/store"
)

// key is what makes a notification unique.
type key struct{ app, idempotency string }

func keyOf(n store.Notification) key { return key{n.AppID, n.IdempotencyKey} }

// Accept implements store.Notifications.
func (s *Store) Accept(ctx context.Context, batch []store.Acceptance) ([]store.Accepted, error) {
	// The first of each key, in the order of keys: replicas that insert the same
	// keys wait for each other and can not deadlock.
	unique := slices.Clone(batch)
	slices.SortStableFunc(unique, func(a, b store.Acceptance) int {
		return cmp.Or(cmp.Compare(a.Notification.AppID, b.Notification.AppID),
			cmp.Compare(a.Notification.IdempotencyKey, b.Notification.IdempotencyKey))
	})
	unique = slices.CompactFunc(unique, func(a, b store.Acceptance) bool {
		return keyOf(a.Notification) == keyOf(b.Notification)
	})

	var written map[uuid.UUID]bool
	var byKey map[key]store.Notification // what has the keys of the batch now
	err := s.inTransaction(ctx, func(tx transaction) (err error) {
		if written, err = insertNotifications(ctx, tx, unique); err != nil {
			return err
		}
		var fresh, repeated []store.Acceptance
		for _, a := range unique {
			if written[a.Notification.ID] {
				fresh = append(fresh, a)
			} else {
				repeated = append(repeated, a)
			}
		}
		if byKey, err = notificationsByKey(ctx, tx, repeated); err != nil {
			return err
		}
		for _, a := range fresh {
			byKey[keyOf(a.Notification)] = a.Written()
		}
		return s.insertContents(ctx, tx, fresh)
	})
	if err != nil {
		return nil, fmt.Errorf("accept: %w", marked(err))
	}
	return column(batch, func(a *store.Acceptance) store.Accepted {
		return store.Accepted{Notification: byKey[keyOf(a.Notification)], Replayed: !written[a.Notification.ID]}
	}), nil
}

// insertNotifications begins the transaction, checks the templates, writes those whose
// key is free and returns their ids.
func insertNotifications(ctx context.Context, tx transaction, batch []store.Acceptance) (map[uuid.UUID]bool, error) {
	unmatched := make([][]byte, len(batch))
	for i, a := range batch {
		if len(a.Notification.Unmatched) == 0 {
			continue
		}
		var err error
		if unmatched[i], err = json.Marshal(a.Notification.Unmatched); err != nil {
			return nil, fmt.Errorf("unmatched recipients: %w", err)
		}
	}
	written := make(map[uuid.UUID]bool, len(batch))
	var inserts pgx.Batch
	queueBegin(&inserts)
	queueTemplates(&inserts, batch)
	inserts.Queue(`
		INSERT INTO notifications (id, app_id, idempotency_key, request_hash, unmatched, total, created_at, updated_at,
			send_at, expires_at, priority, test)
		SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::jsonb[], $6::integer[],
			$7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::text[], $12::boolean[])
		ON CONFLICT (app_id, idempotency_key) DO NOTHING
		RETURNING id`,
		column(batch, func(a *store.Acceptance) [16]byte { return a.Notification.ID }),
		column(batch, func(a *store.Acceptance) string { return a.Notification.AppID }),
		column(batch, func(a *store.Acceptance) string { return a.Notification.IdempotencyKey }),
		column(batch, func(a *store.Acceptance) []byte { return a.Notification.RequestHash }),
		unmatched,
		column(batch, func(a *store.Acceptance) int { return len(a.Deliveries) }),
		column(batch, func(a *store.Acceptance) time.Time { return a.Notification.CreatedAt }),
		column(batch, func(a *store.Acceptance) time.Time { return a.Notification.UpdatedAt }),
		column(batch, func(a *store.Acceptance) *time.Time { return a.Notification.SendAt }),
		column(batch, func(a *store.Acceptance) *time.Time { return a.Notification.ExpiresAt }),
		column(batch, func(a *store.Acceptance) string { return string(a.Notification.Priority) }),
		column(batch, func(a *store.Acceptance) bool { return a.Notification.Test })).
		Query(func(rows pgx.Rows) error {
			ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
			for _, id := range ids {
				written[id] = true
			}
			return err
		})
	if err := tx.SendBatch(ctx, &inserts).Close(); err != nil {
		return nil, fmt.Errorf("insert notifications: %w", err)
	}
	return written, nil
}

// insertContents writes what belongs to notifications that were just written, and
// commits.
func (s *Store) insertContents(ctx context.Context, tx transaction, fresh []store.Acceptance) error {
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
	if len(jobs) > 0 {
		ids, err := s.insertJobs(ctx, tx, jobs)
		if err != nil {
			return fmt.Errorf("insert jobs: %w", err)
		}
		queueMessages(tx.last, messages)
		queueDeliveries(tx.last, deliveries, ids)
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("insert messages and deliveries: %w", err)
	}
	return nil
}

// newClient makes a River client that works nothing. One announces a queue only once
// in its fetch cooldown, and jobs that are not announced wait for the next poll; a
// new one (some microseconds) announces always.
func (s *Store) newClient() (*river.Client[pgx.Tx], error) {
	return river.NewClient(s.river, &river.Config{Logger: slog.New(slog.DiscardHandler)})
}

// insertJobs inserts River jobs and returns their ids in the same order.
func (s *Store) insertJobs(ctx context.Context, tx pgx.Tx, jobs []river.InsertManyParams) ([]int64, error) {
	client, err := s.newClient()
	if err != nil {
		return nil, err
	}
	results, err := client.InsertManyTx(ctx, tx, jobs)
	if err != nil {
		return nil, err
	}
	// River inserts with one INSERT … SELECT unnest(…), which draws the ids from the
	// sequence in the order of the jobs; the order of RETURNING promises nothing.
	ids := column(results, func(r **rivertype.JobInsertResult) int64 { return (*r).Job.ID })
	slices.Sort(ids)
	return ids, nil
}

func queueMessages(batch *pgx.Batch, messages []store.Message) {
	batch.Queue(`
		INSERT INTO messages (id, notification_id, channel, template_name, template_version, msg_type, subject, body,
			template_code, params)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::integer[], $6::text[], $7::text[],
			$8::text[], $9::text[], $10::json[])`,
		column(messages, func(m *store.Message) [16]byte { return m.ID }),
		column(messages, func(m *store.Message) [16]byte { return m.NotificationID }),
		column(messages, func(m *store.Message) string { return m.Channel }),
		column(messages, func(m *store.Message) string { return m.TemplateName }),
		column(messages, func(m *store.Message) int { return m.TemplateVersion }),
		column(messages, func(m *store.Message) string { return m.MsgType }),
		column(messages, func(m *store.Message) string { return m.Subject }),
		column(messages, func(m *store.Message) string { return m.Body }),
		column(messages, func(m *store.Message) string { return m.TemplateCode }),
		column(messages, func(m *store.Message) []byte { return m.Params }))
}

const notificationColumns = `id, app_id, idempotency_key, request_hash, unmatched,
	total, total - failed - success - dead - cancelled, failed, success, dead, cancelled,
	status, created_at, updated_at, send_at, expires_at, priority, test`

func scanNotification(row pgx.CollectableRow) (store.Notification, error) {
	var n store.Notification
	err := row.Scan(&n.ID, &n.AppID, &n.IdempotencyKey, &n.RequestHash, &n.Unmatched,
		&n.Counts.Total, &n.Counts.Pending, &n.Counts.Failed, &n.Counts.Success, &n.Counts.Dead, &n.Counts.Cancelled,
		&n.Status, &n.CreatedAt, &n.UpdatedAt, &n.SendAt, &n.ExpiresAt, &n.Priority, &n.Test)
	return n, err
}

// Notification implements store.Notifications.
func (s *Store) Notification(ctx context.Context, id uuid.UUID) (store.Notification, error) {
	n, err := queryOne(ctx, s.pool, scanNotification,
		`SELECT `+notificationColumns+` FROM notifications WHERE id = $1`, id)
	if err != nil {
		return store.Notification{}, fmt.Errorf("notification %s: %w", id, err)
	}
	return n, nil
}

// NotificationByKey implements store.Notifications.
func (s *Store) NotificationByKey(ctx context.Context, appID, idempotencyKey string) (store.Notification, error) {
	n, err := queryOne(ctx, s.pool, scanNotification,
		`SELECT `+notificationColumns+` FROM notifications WHERE app_id = $1 AND idempotency_key = $2`,
		appID, idempotencyKey)
	if err != nil {
		return store.Notification{}, fmt.Errorf("notification by key: %w", err)
	}
	return n, nil
}

// notificationsByKey returns the notifications that have the keys of the batch.
func notificationsByKey(ctx context.Context, tx pgx.Tx, batch []store.Acceptance) (map[key]store.Notification, error) {
	if len(batch) == 0 {
		return map[key]store.Notification{}, nil
	}
	found, err := query(ctx, tx, scanNotification,
		`SELECT `+notificationColumns+` FROM notifications
		WHERE (app_id, idempotency_key) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
		column(batch, func(a *store.Acceptance) string { return a.Notification.AppID }),
		column(batch, func(a *store.Acceptance) string { return a.Notification.IdempotencyKey }))
	if err != nil {
		return nil, fmt.Errorf("read notifications: %w", err)
	}
	if len(found) != len(batch) {
		return nil, errors.New("a notification was removed while its key was repeated")
	}
	byKey := make(map[key]store.Notification, len(found))
	for _, n := range found {
		byKey[keyOf(n)] = n
	}
	return byKey, nil
}
