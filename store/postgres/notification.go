package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// key is what makes a notification unique.
type key struct{ app, idempotency string }

func keyOf(n store.Notification) key { return key{n.AppID, n.IdempotencyKey} }

// Accept implements store.Notifications.
func (s *Store) Accept(ctx context.Context, batch []store.Acceptance) ([]store.Accepted, error) {
	var (
		byKey    = make(map[key]store.Notification, len(batch)) // the notifications that have the batch's keys
		isNew    = make(map[uuid.UUID]bool, len(batch))
		told     map[uuid.UUID]uuid.UUID // by acceptances that are no news
		toldByID map[uuid.UUID]store.Notification
	)
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		last, err := lockGroups(ctx, tx, store.ToldOf(batch))
		if err != nil {
			return err
		}
		var news []store.Acceptance
		news, told = store.News(batch, last)
		created, repeated, err := insertNotifications(ctx, tx, firstOfEachKey(news))
		if err != nil {
			return err
		}
		for _, a := range created {
			byKey[keyOf(a.Notification)] = a.Written()
			isNew[a.Notification.ID] = true
		}
		if err := readByKey(ctx, tx, repeated, byKey); err != nil {
			return err
		}
		if err := writeTold(ctx, tx, store.ToldOf(news)); err != nil {
			return err
		}
		if toldByID, err = readByID(ctx, tx, slices.Collect(maps.Values(told))); err != nil {
			return err
		}
		return s.insertContents(ctx, tx, created)
	})
	if err != nil {
		return nil, fmt.Errorf("accept: %w", marked(err))
	}
	return column(batch, func(a *store.Acceptance) store.Accepted {
		if id, isTold := told[a.Notification.ID]; isTold {
			n := toldByID[id]
			n.ID = id // also of one that was deleted
			return store.Accepted{Notification: n, Replayed: true}
		}
		return store.Accepted{Notification: byKey[keyOf(a.Notification)], Replayed: !isNew[a.Notification.ID]}
	}), nil
}

// firstOfEachKey returns the first acceptance of each key, in the order of keys: replicas
// that insert the same keys wait for each other and cannot deadlock.
func firstOfEachKey(batch []store.Acceptance) []store.Acceptance {
	unique := slices.Clone(batch)
	slices.SortStableFunc(unique, func(a, b store.Acceptance) int {
		return cmp.Or(cmp.Compare(a.Notification.AppID, b.Notification.AppID),
			cmp.Compare(a.Notification.IdempotencyKey, b.Notification.IdempotencyKey))
	})
	return slices.CompactFunc(unique, func(a, b store.Acceptance) bool {
		return keyOf(a.Notification) == keyOf(b.Notification)
	})
}

// insertNotifications checks the templates, inserts the notifications whose key is free,
// and divides the batch into those and the others.
func insertNotifications(
	ctx context.Context, tx pgx.Tx, batch []store.Acceptance,
) (created, repeated []store.Acceptance, err error) {
	unmatched := make([][]byte, len(batch))
	for i, a := range batch {
		if len(a.Notification.Unmatched) == 0 {
			continue
		}
		if unmatched[i], err = json.Marshal(a.Notification.Unmatched); err != nil {
			return nil, nil, fmt.Errorf("unmatched recipients: %w", err)
		}
	}
	var queries pgx.Batch
	checkTemplates(&queries, batch)
	inserted := make(map[uuid.UUID]bool, len(batch))
	queries.Queue(`
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
				inserted[id] = true
			}
			return err
		})
	if err := tx.SendBatch(ctx, &queries).Close(); err != nil {
		return nil, nil, fmt.Errorf("insert notifications: %w", err)
	}
	for _, a := range batch {
		if inserted[a.Notification.ID] {
			created = append(created, a)
		} else {
			repeated = append(repeated, a)
		}
	}
	return created, repeated, nil
}

// readByKey adds the notifications that have the keys of the batch.
func readByKey(ctx context.Context, tx pgx.Tx, batch []store.Acceptance, byKey map[key]store.Notification) error {
	if len(batch) == 0 {
		return nil
	}
	found, err := query(ctx, tx, sqlread.Notification,
		`SELECT `+sqlread.NotificationColumns+` FROM notifications
		WHERE (app_id, idempotency_key) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
		column(batch, func(a *store.Acceptance) string { return a.Notification.AppID }),
		column(batch, func(a *store.Acceptance) string { return a.Notification.IdempotencyKey }))
	if err != nil {
		return fmt.Errorf("read notifications: %w", err)
	}
	if len(found) != len(batch) {
		return errors.New("a notification was deleted while its key was repeated")
	}
	for _, n := range found {
		byKey[keyOf(n)] = n
	}
	return nil
}

// insertContents inserts the jobs, messages and deliveries of notifications.
func (s *Store) insertContents(ctx context.Context, tx pgx.Tx, batch []store.Acceptance) error {
	var (
		jobs       []store.Job
		messages   []store.Message
		deliveries []store.Delivery
	)
	for _, a := range batch {
		jobs = append(jobs, a.Jobs...)
		messages = append(messages, a.Messages...)
		deliveries = append(deliveries, a.Deliveries...)
	}
	if len(deliveries) == 0 {
		return nil
	}
	ids, err := s.insertJobs(ctx, tx, jobs)
	if err != nil {
		return err
	}
	for i, d := range deliveries {
		var found bool
		if deliveries[i].JobID, found = ids[d.ID]; !found {
			return fmt.Errorf("delivery %s has no job", d.ID)
		}
	}
	var queries pgx.Batch
	insertMessages(&queries, messages)
	insertDeliveries(&queries, deliveries)
	queries.Queue(announce, queuesOf(jobs))
	if err := tx.SendBatch(ctx, &queries).Close(); err != nil {
		return fmt.Errorf("insert messages and deliveries: %w", err)
	}
	return nil
}

// insertMessages queues the insert of messages.
func insertMessages(queries *pgx.Batch, messages []store.Message) {
	queries.Queue(`
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
