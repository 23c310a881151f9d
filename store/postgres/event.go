package postgres

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
)

// These are parts of the statements that end deliveries and notifications. Where no app has endpoints
// they cost one look at an empty table.
var (
	// tellChanges tells of the rows of changed_deliveries and of moved_counts. The former have
	// notification_id, delivery_id, channel, status, code, test and at.
	tellChanges = `told_events AS (
		SELECT n.app_id, 'delivery.' || c.status AS type, c.at, c.notification_id, c.delivery_id, c.channel, c.status, c.code, c.test
		FROM changed_deliveries c JOIN moved_counts n ON n.id = c.notification_id
		WHERE c.status IN ('success', 'dead', 'cancelled') AND EXISTS (SELECT FROM endpoints)
		UNION ALL ` + finished + `
	), ` + writeNewEvents
	// tellFinished tells of the rows of moved_counts only.
	tellFinished = `told_events AS (` + finished + `), ` + writeNewEvents
)

const (
	finished = `
		SELECT n.app_id, '` + string(store.EventNotificationFinished) + `' AS type, n.at, n.id AS notification_id, NULL::uuid AS delivery_id,
			'' AS channel, n.status, '' AS code, n.test
		FROM moved_counts n WHERE n.status IN ('success', 'failed', 'cancelled') AND EXISTS (SELECT FROM endpoints)`
	// takes is the condition on endpoints e that are told of the events v.
	takes = `e.app_id = v.app_id AND (e.events = '[]' OR e.events ? v.type)`
)

// writeNewEvents writes the rows of told_events which an endpoint takes, and the jobs that tell them.
var writeNewEvents = `new_events AS (
		INSERT INTO events (id, app_id, type, at, notification_id, delivery_id, channel, status, code, test)
		SELECT event_id(v.at), v.* FROM told_events v WHERE EXISTS (SELECT FROM endpoints e WHERE ` + takes + `)
		RETURNING id, app_id, type
	), event_jobs AS (` + eventJobs("new_events") + `)`

// eventJobs returns the statement that inserts the jobs which tell the events of a table to the endpoints
// that are on.
func eventJobs(events string) string {
	return insertEventJobs + `
		SELECT jsonb_build_object('eventId', v.id, 'endpointId', e.id), e.line, '` + store.EventArgs{}.Kind() + `', ` + strconv.Itoa(store.EventAttempts) + `
		FROM ` + events + ` v JOIN endpoints e ON e.off = '' AND ` + takes + announceEventJobs
}

// writeEvents queues the writing of events that the program knows.
func writeEvents(queries *pgx.Batch, events []store.Event) {
	if len(events) == 0 {
		return
	}
	queries.Queue(`
		WITH told_events AS (
			SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::boolean[])
				AS v (app_id, type, at, notification_id, delivery_id, channel, status, code, test)
		), `+writeNewEvents+`
		SELECT FROM new_events`,
		column(events, func(v *store.Event) string { return v.AppID }),
		column(events, func(v *store.Event) string { return string(v.Type) }),
		column(events, func(v *store.Event) time.Time { return v.At }),
		column(events, func(v *store.Event) [16]byte { return v.NotificationID }),
		column(events, func(v *store.Event) uuid.NullUUID {
			return uuid.NullUUID{UUID: v.DeliveryID, Valid: v.DeliveryID != uuid.Nil}
		}),
		column(events, func(v *store.Event) string { return v.Channel }),
		column(events, func(v *store.Event) string { return v.Status }),
		column(events, func(v *store.Event) string { return v.Code }),
		column(events, func(v *store.Event) bool { return v.Test }))
}

// replay inserts the jobs of a page of events, and returns how many they are and the last event.
var replay = `
	WITH page AS (
		SELECT v.id, v.app_id, v.type FROM endpoints e JOIN events v ON ` + takes + `
		WHERE e.id = $1 AND e.off = '' AND v.id > $2 AND v.id < $3 ORDER BY v.id LIMIT $4
	), event_jobs AS (
		` + insertEventJobs + `
		SELECT jsonb_build_object('eventId', v.id, 'endpointId', e.id), e.line, '` + store.EventArgs{}.Kind() + `', ` + strconv.Itoa(store.EventAttempts) + `
		FROM page v, endpoints e WHERE e.id = $1` + announceEventJobs + `
	)
	SELECT count(*), coalesce((SELECT id FROM page ORDER BY id DESC LIMIT 1), $5) FROM page`

// Replay implements store.Events.
func (s *Store) Replay(ctx context.Context, r store.Replay) (replayed store.Replayed, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, replay, r.EndpointID, r.After, store.FirstID(r.Until), r.Limit, uuid.Nil).Scan(&replayed.Events, &replayed.Last)
		if err != nil {
			return err
		}
		return insertAudit(ctx, tx, r.Audit...)
	})
	if err != nil {
		return store.Replayed{}, fmt.Errorf("replay events: %w", marked(err))
	}
	return replayed, nil
}

// DeleteEvents implements store.Events.
func (s *Store) DeleteEvents(ctx context.Context, before time.Time, limit int) (int, error) {
	tag, err := s.pool.Exec(ctx, `
		DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < $1 ORDER BY id LIMIT $2)`, store.FirstID(before), limit)
	if err != nil {
		return 0, fmt.Errorf("delete events: %w", marked(err))
	}
	return int(tag.RowsAffected()), nil
}
