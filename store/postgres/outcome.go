package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
)

// lockNotifications is the first statement of every transaction that changes
// deliveries ($1). All lock in the order of ids, so replicas whose batches touch
// the same notifications wait for each other and can not deadlock; and whoever
// holds the lock sees, in its next statement, all that was recorded before.
var lockNotifications = `
	SELECT FROM (
		SELECT DISTINCT d.notification_id
		FROM unnest($1::uuid[]) AS wanted (key), ` + rowOf("deliveries", "key") + ` d
		ORDER BY d.notification_id
	) theirs, LATERAL (
		SELECT FROM notifications WHERE id = theirs.notification_id LIMIT 1 FOR NO KEY UPDATE
	) locked`

// rollUp moves the counts of notifications by what became of their deliveries. It
// reads the rows of "changed": notification_id, was, status, at.
const rollUp = `rolled AS (
		UPDATE notifications n SET
			failed = n.failed + moved.failed, success = n.success + moved.success,
			dead = n.dead + moved.dead, cancelled = n.cancelled + moved.cancelled,
			updated_at = greatest(n.updated_at, moved.at)
		FROM (
			SELECT notification_id, max(at) AS at,
				sum((status = 'failed')::int - (was = 'failed')::int) AS failed,
				sum((status = 'success')::int - (was = 'success')::int) AS success,
				sum((status = 'dead')::int - (was = 'dead')::int) AS dead,
				sum((status = 'cancelled')::int - (was = 'cancelled')::int) AS cancelled
			FROM changed GROUP BY notification_id
		) moved
		WHERE n.id = moved.notification_id
	)`

var record = `
	WITH outcome AS (
		SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::integer[], $4::boolean[], $5::text[], $6::timestamptz[],
			$7::uuid[], $8::text[], $9::text[], $10::text[], $11::text[], $12::json[],
			$13::timestamptz[], $14::timestamptz[])
		AS o (delivery_id, job_id, attempt, throttled, status, next_retry_at,
			attempt_id, provider, class, code, error, details, started_at, at)
	), changed AS (
		SELECT d.notification_id, d.status AS was, o.*
		FROM outcome o, ` + rowOf("deliveries", "o.delivery_id") + ` d
		WHERE d.job_id = o.job_id AND d.attempts < o.attempt AND d.status <> 'success'
			-- This fence lets a throttled outcome through a second time: it is not counted.
			AND NOT (o.throttled AND EXISTS (SELECT FROM attempts a WHERE a.delivery_id = o.delivery_id AND a.id = o.attempt_id))
	), updated AS (
		UPDATE deliveries d SET
			status = c.status,
			attempts = CASE WHEN c.throttled THEN d.attempts ELSE c.attempt END,
			provider = c.provider,
			next_retry_at = CASE WHEN c.status = 'failed' THEN c.next_retry_at END,
			last_code = CASE WHEN c.status = 'success' THEN '' ELSE c.code END,
			last_error = CASE WHEN c.status = 'success' THEN '' ELSE c.error END,
			details = c.details,
			updated_at = c.at
		FROM changed c WHERE d.id = c.delivery_id
	), kept AS (
		INSERT INTO attempts (id, delivery_id, job_id, attempt, provider, class, code, error, details,
			started_at, finished_at)
		SELECT attempt_id, delivery_id, job_id, attempt, provider, class, code, error, details, started_at, at
		FROM changed
	), ` + rollUp + `
	SELECT delivery_id FROM changed`

// Record implements store.Deliveries.
func (s *Store) Record(ctx context.Context, batch []store.Outcome) ([]bool, error) {
	ids := column(batch, func(o *store.Outcome) [16]byte { return o.Attempt.DeliveryID })
	changed, err := s.change(ctx, ids, record,
		ids,
		column(batch, func(o *store.Outcome) int64 { return o.Attempt.JobID }),
		column(batch, func(o *store.Outcome) int { return o.Attempt.Attempt }),
		column(batch, func(o *store.Outcome) bool { return o.Throttled }),
		column(batch, func(o *store.Outcome) string { return string(o.Status) }),
		column(batch, func(o *store.Outcome) *time.Time { return o.NextRetryAt }),
		column(batch, func(o *store.Outcome) [16]byte { return o.Attempt.ID }),
		column(batch, func(o *store.Outcome) string { return o.Attempt.Provider }),
		column(batch, func(o *store.Outcome) string { return o.Attempt.Class }),
		column(batch, func(o *store.Outcome) string { return o.Attempt.Code }),
		column(batch, func(o *store.Outcome) string { return o.Attempt.Error }),
		column(batch, func(o *store.Outcome) []byte { return o.Attempt.Details }),
		column(batch, func(o *store.Outcome) time.Time { return o.Attempt.StartedAt }),
		column(batch, func(o *store.Outcome) time.Time { return o.Attempt.FinishedAt }))
	if err != nil {
		return nil, fmt.Errorf("record outcomes: %w", err)
	}
	if len(changed) < len(batch) {
		before, err := s.recordedBefore(ctx, batch)
		if err != nil {
			return nil, fmt.Errorf("record outcomes: %w", err)
		}
		changed = append(changed, before...)
	}
	isRecorded := make(map[[16]byte]bool, len(changed))
	for _, id := range changed {
		isRecorded[id] = true
	}
	return column(ids, func(id *[16]byte) bool { return isRecorded[*id] }), nil
}

// recordedBefore returns the deliveries of outcomes that are in the database.
func (s *Store) recordedBefore(ctx context.Context, batch []store.Outcome) ([][16]byte, error) {
	return query(ctx, s.pool, pgx.RowTo[[16]byte], `
		SELECT delivery_id FROM attempts
		WHERE (delivery_id, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))`,
		column(batch, func(o *store.Outcome) [16]byte { return o.Attempt.DeliveryID }),
		column(batch, func(o *store.Outcome) [16]byte { return o.Attempt.ID }))
}

const reopen = `
	WITH changed AS (
		SELECT id AS delivery_id, notification_id, status AS was, 'pending' AS status, $4::timestamptz AS at
		FROM deliveries WHERE id = ANY ($1::uuid[]) AND job_id = $2 AND status IN ('dead', 'cancelled')
	), updated AS (
		UPDATE deliveries d SET status = c.status, attempts = $3, updated_at = c.at
		FROM changed c WHERE d.id = c.delivery_id
	), ` + rollUp + `
	SELECT delivery_id FROM changed`

// Reopen implements store.Deliveries.
func (s *Store) Reopen(ctx context.Context, id uuid.UUID, jobID int64, attempts int) (bool, error) {
	ids := [][16]byte{id}
	changed, err := s.change(ctx, ids, reopen, ids, jobID, attempts, store.Now())
	if err != nil {
		return false, fmt.Errorf("reopen delivery %s: %w", id, err)
	}
	return len(changed) > 0, nil
}

// Strays implements store.Deliveries.
func (s *Store) Strays(ctx context.Context, after uuid.UUID, limit int) ([]store.Stray, error) {
	strays, err := query(ctx, s.pool, pgx.RowToStructByPos[store.Stray], `
		SELECT d.id, d.job_id, coalesce(j.state::text, ''), coalesce(j.attempt, 0), d.attempts
		FROM deliveries d LEFT JOIN river_job j ON j.id = d.job_id
		WHERE d.status IN ('pending', 'failed') AND d.id > $1
			AND (j.id IS NULL OR j.state IN ('cancelled', 'discarded', 'completed'))
		ORDER BY d.id LIMIT $2`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("strays: %w", err)
	}
	return strays, nil
}

var settle = `
	WITH settlement AS (
		SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
		AS s (delivery_id, job_id, status, code, error, at)
	), changed AS (
		SELECT d.notification_id, d.status AS was, s.*
		FROM settlement s, ` + rowOf("deliveries", "s.delivery_id") + ` d
		WHERE d.job_id = s.job_id AND d.status IN ('pending', 'failed')
	), updated AS (
		UPDATE deliveries d SET status = c.status, next_retry_at = NULL,
			last_code = c.code, last_error = c.error, updated_at = c.at
		FROM changed c WHERE d.id = c.delivery_id
	), ` + rollUp + `
	SELECT delivery_id FROM changed`

// Settle implements store.Deliveries.
func (s *Store) Settle(ctx context.Context, batch []store.Settlement) (int, error) {
	ids := column(batch, func(t *store.Settlement) [16]byte { return t.DeliveryID })
	changed, err := s.change(ctx, ids, settle,
		ids,
		column(batch, func(t *store.Settlement) int64 { return t.JobID }),
		column(batch, func(t *store.Settlement) string { return string(t.Status) }),
		column(batch, func(t *store.Settlement) string { return t.Code }),
		column(batch, func(t *store.Settlement) string { return t.Error }),
		column(batch, func(t *store.Settlement) time.Time { return t.At }))
	if err != nil {
		return 0, fmt.Errorf("settle strays: %w", err)
	}
	return len(changed), nil
}

// change locks the notifications of deliveries and runs a statement that returns
// the ids of those it changed. Both go out at once, as one implicit transaction.
func (s *Store) change(ctx context.Context, deliveries [][16]byte, sql string, args ...any) ([][16]byte, error) {
	var changed [][16]byte
	var batch pgx.Batch
	batch.Queue(lockNotifications, deliveries)
	batch.Queue(sql, args...).Query(func(rows pgx.Rows) (err error) {
		changed, err = pgx.CollectRows(rows, pgx.RowTo[[16]byte])
		return err
	})
	// Close reads all answers, the commit's among them.
	if err := s.pool.SendBatch(ctx, &batch).Close(); err != nil {
		return nil, marked(err)
	}
	return changed, nil
}
