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

	written := make(map[uuid.UUID]bool, len(unique))
	byKey := make(map[key]store.Notification, len(unique)) // what has the keys of the batch now
	err := s.inTransaction(ctx, func(tx *transaction) error {
		queueTemplates(tx, unique)
		if err := queueNotifications(tx, unique, written); err != nil {
			return err
		}
		asked, jobs := unique, jobsOf(unique)
		if len(jobs) > manyJobs {
			if err := tx.send(ctx); err != nil {
				return fmt.Errorf("insert notifications: %w", err)
			}
			asked = slices.DeleteFunc(slices.Clone(unique), func(a store.Acceptance) bool { return !written[a.Notification.ID] })
			jobs = jobsOf(asked)
		}
		ids, err := s.insertJobs(ctx, tx, jobs)
		if err != nil {
			return fmt.Errorf("insert notifications and jobs: %w", err)
		}
		if err := queueContents(tx, asked, written, ids); err != nil {
			return err
		}
		for _, a := range unique {
			if written[a.Notification.ID] {
				byKey[keyOf(a.Notification)] = a.Written()
			}
		}
		repeated := slices.DeleteFunc(unique, func(a store.Acceptance) bool { return written[a.Notification.ID] })
		if err := readByKey(ctx, tx, repeated, byKey); err != nil {
			return err
		}
		return tx.Commit(ctx)
	})
	if err != nil {
		return nil, fmt.Errorf("accept: %w", marked(err))
	}
	return column(batch, func(a *store.Acceptance) store.Accepted {
		return store.Accepted{Notification: byKey[keyOf(a.Notification)], Replayed: !written[a.Notification.ID]}
	}), nil
}

// manyJobs is from where on it is asked which keys are free before jobs are inserted.
// Fewer are inserted along, and those of taken keys are removed again.
const manyJobs = 1000

// jobsOf returns the jobs of all.
func jobsOf(batch []store.Acceptance) []river.InsertManyParams {
	var jobs []river.InsertManyParams
	for _, a := range batch {
		jobs = append(jobs, a.Jobs...)
	}
	return jobs
}

// queueNotifications queues the insert of those whose key is free, and marks in written
// which were.
func queueNotifications(tx *transaction, batch []store.Acceptance, written map[uuid.UUID]bool) error {
	unmatched := make([][]byte, len(batch))
	for i, a := range batch {
		if len(a.Notification.Unmatched) == 0 {
			continue
		}
		var err error
		if unmatched[i], err = json.Marshal(a.Notification.Unmatched); err != nil {
			return fmt.Errorf("unmatched recipients: %w", err)
		}
	}
	tx.Queue(`
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
	return nil
}

// queueContents queues the inserts of what belongs to notifications that were written.
// Jobs are those of all of the batch; the others' are removed.
func queueContents(tx *transaction, batch []store.Acceptance, written map[uuid.UUID]bool, jobs []int64) error {
	var (
		messages   []store.Message
		deliveries []store.Delivery
		theirs     []int64
		removed    []int64
	)
	for _, a := range batch {
		if len(a.Deliveries) != len(a.Jobs) {
			return fmt.Errorf("%d jobs for %d deliveries", len(a.Jobs), len(a.Deliveries))
		}
		own := jobs[:len(a.Jobs)]
		jobs = jobs[len(a.Jobs):]
		if !written[a.Notification.ID] {
			removed = append(removed, own...)
			continue
		}
		messages = append(messages, a.Messages...)
		deliveries = append(deliveries, a.Deliveries...)
		theirs = append(theirs, own...)
	}
	if len(removed) > 0 {
		tx.Queue(`DELETE FROM river_job WHERE id = ANY ($1)`, removed)
	}
	if len(deliveries) > 0 {
		queueMessages(tx, messages)
		queueDeliveries(tx, deliveries, theirs)
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
	if len(jobs) == 0 {
		return nil, nil
	}
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

func queueMessages(tx *transaction, messages []store.Message) {
	tx.Queue(`
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

// readByKey adds the notifications that have the keys of the batch.
func readByKey(ctx context.Context, tx *transaction, batch []store.Acceptance, byKey map[key]store.Notification) error {
	if len(batch) == 0 {
		return nil
	}
	found, err := query(ctx, tx, scanNotification,
		`SELECT `+notificationColumns+` FROM notifications
		WHERE (app_id, idempotency_key) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
		column(batch, func(a *store.Acceptance) string { return a.Notification.AppID }),
		column(batch, func(a *store.Acceptance) string { return a.Notification.IdempotencyKey }))
	if err != nil {
		return fmt.Errorf("read notifications: %w", err)
	}
	if len(found) != len(batch) {
		return errors.New("a notification was removed while its key was repeated")
	}
	for _, n := range found {
		byKey[keyOf(n)] = n
	}
	return nil
}
