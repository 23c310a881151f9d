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

var (
	// lockNotifications is the first statement of every transaction that changes the
	// deliveries $1. It locks their notifications in the order of ids, so that replicas whose
	// batches touch the same notifications wait for each other and cannot deadlock. The next
	// statement of the transaction sees everything that was recorded before.
	lockNotifications = lockThose(`SELECT DISTINCT d.notification_id FROM ` + deliveriesOf("$1"))
	// lockWithItems is lockNotifications, and locks the notifications of the items of the digests $2, too.
	lockWithItems = lockThose(`
		SELECT d.notification_id FROM ` + deliveriesOf("$1") + `
		UNION
		SELECT i.notification_id FROM deliveries i WHERE i.digest_id = ANY ($2::uuid[])`)
)

func deliveriesOf(ids string) string {
	return `unnest(` + ids + `::uuid[]) AS wanted (key), ` + rowOf("deliveries", "key") + ` d`
}

// lockThose locks the notifications that a query returns, in their order.
func lockThose(ids string) string {
	return `
		SELECT FROM (` + ids + ` ORDER BY notification_id) notification, LATERAL (
			SELECT FROM notifications WHERE id = notification.notification_id LIMIT 1 FOR NO KEY UPDATE
		) locked`
}

// moveCounts is the part of a statement that moves the counts of notifications. It reads
// the rows of changed_deliveries: notification_id, old_status, status, at.
const moveCounts = `moved_counts AS (
		UPDATE notifications n SET
			failed = n.failed + moved.failed, success = n.success + moved.success,
			dead = n.dead + moved.dead, cancelled = n.cancelled + moved.cancelled,
			updated_at = greatest(n.updated_at, moved.at)
		FROM (
			SELECT notification_id, max(at) AS at,
				sum((status = 'failed')::int - (old_status = 'failed')::int) AS failed,
				sum((status = 'success')::int - (old_status = 'success')::int) AS success,
				sum((status = 'dead')::int - (old_status = 'dead')::int) AS dead,
				sum((status = 'cancelled')::int - (old_status = 'cancelled')::int) AS cancelled
			FROM changed_deliveries GROUP BY notification_id
		) moved
		WHERE n.id = moved.notification_id
		RETURNING n.id, n.app_id, n.status, n.updated_at AS at, n.test
	)`

// record writes the outcomes that are not fenced and returns their deliveries.
var record = `
	WITH outcomes AS (
		SELECT unnest($1::uuid[]) AS delivery_id, unnest($2::bigint[]) AS job_id, unnest($3::integer[]) AS attempt,
			unnest($4::boolean[]) AS throttled, unnest($5::text[]) AS status,
			unnest($6::timestamptz[]) AS next_retry_at, unnest($7::uuid[]) AS attempt_id,
			unnest($8::text[]) AS provider, unnest($9::text[]) AS class, unnest($10::text[]) AS code,
			unnest($11::text[]) AS error, unnest($12::json[]) AS details, unnest($13::timestamptz[]) AS started_at,
			unnest($14::timestamptz[]) AS at, unnest($15::text[]) AS counted_as, unnest($16::smallint[]) AS took,
			unnest($18::text[]) AS next_provider, unnest($19::boolean[]) AS pinned, unnest($20::text[]) AS line,
			unnest($21::timestamptz[]) AS suppress_until, unnest($22::text[]) AS reference,
			unnest($23::text[]) AS card
	), changed_deliveries AS (
		SELECT d.notification_id, d.status AS old_status, d.channel, d.template_name, d.test, d.recipient_type, d.recipient_value, o.*
		FROM outcomes o, ` + rowOf("deliveries", "o.delivery_id") + ` d
		WHERE d.job_id = o.job_id AND d.attempts < o.attempt AND d.status <> 'success'
			-- A throttled outcome is not counted, so the attempts do not fence its repetition.
			AND NOT (o.throttled AND EXISTS (SELECT FROM attempts a WHERE a.delivery_id = o.delivery_id AND a.id = o.attempt_id))
	), updated_deliveries AS (
		UPDATE deliveries d SET
			status = c.status,
			attempts = CASE WHEN c.throttled THEN d.attempts ELSE c.attempt END,
			provider = c.provider,
			next_provider = coalesce(nullif(c.next_provider, ''), d.next_provider),
			pinned = d.pinned OR c.pinned,
			next_retry_at = CASE WHEN c.status = 'failed' THEN c.next_retry_at END,
			last_code = CASE WHEN c.status = 'success' THEN '' ELSE c.code END,
			last_error = CASE WHEN c.status = 'success' THEN '' ELSE c.error END,
			details = c.details,
			reference = coalesce(nullif(c.reference, ''), d.reference),
			card = coalesce(nullif(c.card, ''), d.card),
			updated_at = c.at
		FROM changed_deliveries c WHERE d.id = c.delivery_id
	), inserted_attempts AS (
		INSERT INTO attempts (id, delivery_id, job_id, attempt, provider, class, code, error, details,
			started_at, finished_at)
		SELECT attempt_id, delivery_id, job_id, attempt, provider, class, code, error, details, started_at, at
		FROM changed_deliveries
	), ` + suppress + `, ` + moveJobs + `, ` + moveCounts + `, ` + countOutcomes("$17::smallint") + `, ` + tellChanges + `
	SELECT delivery_id FROM changed_deliveries`

// Record implements store.Deliveries.
func (s *Store) Record(ctx context.Context, batch []store.Outcome) ([]bool, error) {
	ids := column(batch, func(o *store.Outcome) [16]byte { return o.Attempt.DeliveryID })
	changed, err := s.changeAndAsk(ctx, store.QuestionsOf(batch), ids, digestsOf(batch), store.TurnsEnded(batch), record,
		ids,
		column(batch, func(o *store.Outcome) int64 { return o.Attempt.JobID }),
		column(batch, func(o *store.Outcome) int { return o.Attempt.Attempt }),
		column(batch, func(o *store.Outcome) bool { return o.Unspent }),
		column(batch, func(o *store.Outcome) string { return string(o.Status) }),
		column(batch, func(o *store.Outcome) *time.Time { return o.NextRetryAt }),
		column(batch, func(o *store.Outcome) [16]byte { return o.Attempt.ID }),
		column(batch, func(o *store.Outcome) string { return o.Attempt.Provider }),
		column(batch, func(o *store.Outcome) string { return o.Attempt.Class }),
		column(batch, func(o *store.Outcome) string { return o.Attempt.Code }),
		column(batch, func(o *store.Outcome) string { return o.Attempt.Error }),
		column(batch, func(o *store.Outcome) []byte { return o.Attempt.Details }),
		column(batch, func(o *store.Outcome) time.Time { return o.Attempt.StartedAt }),
		column(batch, func(o *store.Outcome) time.Time { return o.Attempt.FinishedAt }),
		column(batch, func(o *store.Outcome) string { return o.CountedCode() }),
		column(batch, func(o *store.Outcome) int { return o.TookBucket() }), s.writer,
		column(batch, func(o *store.Outcome) string { return o.NextProvider }),
		column(batch, func(o *store.Outcome) bool { return o.Pinned }),
		column(batch, func(o *store.Outcome) string { return o.Line }),
		column(batch, func(o *store.Outcome) *time.Time { return o.SuppressUntil }),
		column(batch, func(o *store.Outcome) string { return o.Reference }),
		column(batch, func(o *store.Outcome) string { return o.Card }))
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
	return areIn(changed, ids), nil
}

// moveDeliveries moves the deliveries that are still open and have the same job, and returns them.
var moveDeliveries = `
	WITH changed_deliveries AS (
		SELECT m.* FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) AS m (delivery_id, job_id, next_provider, line),
			` + rowOf("deliveries", "m.delivery_id") + ` d
		WHERE d.job_id = m.job_id AND d.status IN ('pending', 'failed')
	), updated_deliveries AS (
		UPDATE deliveries d SET next_provider = c.next_provider FROM changed_deliveries c WHERE d.id = c.delivery_id
	), ` + moveJobs + `
	SELECT delivery_id FROM changed_deliveries`

// MoveDeliveries implements store.Deliveries.
func (s *Store) MoveDeliveries(ctx context.Context, batch []store.Move) ([]bool, error) {
	ids := column(batch, func(m *store.Move) [16]byte { return m.DeliveryID })
	moved, err := s.change(ctx, ids, moveDeliveries, ids,
		column(batch, func(m *store.Move) int64 { return m.JobID }),
		column(batch, func(m *store.Move) string { return m.NextProvider }),
		column(batch, func(m *store.Move) string { return m.Line }))
	if err != nil {
		return nil, fmt.Errorf("move deliveries: %w", err)
	}
	return areIn(moved, ids), nil
}

// areIn reports for each id whether it is among the changed ones.
func areIn(changed, ids [][16]byte) []bool {
	isChanged := make(map[[16]byte]bool, len(changed))
	for _, id := range changed {
		isChanged[id] = true
	}
	return column(ids, func(id *[16]byte) bool { return isChanged[*id] })
}

// recordedBefore returns the deliveries of the outcomes that are stored already.
func (s *Store) recordedBefore(ctx context.Context, batch []store.Outcome) ([][16]byte, error) {
	return query(ctx, s.pool, scanID, `
		SELECT delivery_id FROM attempts
		WHERE (delivery_id, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))`,
		column(batch, func(o *store.Outcome) [16]byte { return o.Attempt.DeliveryID }),
		column(batch, func(o *store.Outcome) [16]byte { return o.Attempt.ID }))
}

// reopen makes one delivery pending again and returns it.
const reopen = `
	WITH changed_deliveries AS (
		SELECT id AS delivery_id, notification_id, status AS old_status, 'pending' AS status, $4::timestamptz AS at
		FROM deliveries WHERE id = ANY ($1::uuid[]) AND job_id = $2 AND status IN ('dead', 'cancelled')
	), updated_deliveries AS (
		UPDATE deliveries d SET status = c.status, attempts = $3, updated_at = c.at
		FROM changed_deliveries c WHERE d.id = c.delivery_id
	), ` + moveCounts + `
	SELECT delivery_id FROM changed_deliveries`

// Reopen implements store.Deliveries.
func (s *Store) Reopen(ctx context.Context, id uuid.UUID, jobID int64, attempts int) (bool, error) {
	ids := [][16]byte{id}
	changed, err := s.change(ctx, ids, reopen, ids, jobID, attempts, store.Now())
	if err != nil {
		return false, fmt.Errorf("reopen delivery %s: %w", id, err)
	}
	return len(changed) > 0, nil
}

// closeDeliveries closes the deliveries that are still open and have the same job, and
// returns them. Items leave their digest.
var closeDeliveries = `
	WITH closings AS (
		SELECT unnest($1::uuid[]) AS delivery_id, unnest($2::bigint[]) AS job_id, unnest($3::text[]) AS status,
			unnest($4::text[]) AS code, unnest($5::text[]) AS error, unnest($6::timestamptz[]) AS at
	), changed_deliveries AS (
		SELECT d.notification_id, d.status AS old_status, d.channel, d.template_name, d.test, d.provider,
			s.code AS counted_as, 0::smallint AS took, s.*
		FROM closings s, ` + rowOf("deliveries", "s.delivery_id") + ` d
		WHERE d.job_id = s.job_id AND d.status IN ('pending', 'failed')
	), updated_deliveries AS (
		UPDATE deliveries d SET status = c.status, next_retry_at = NULL,
			last_code = c.code, last_error = c.error, updated_at = c.at,
			digest_id = CASE WHEN d.digest_id = d.id THEN d.id END
		FROM changed_deliveries c WHERE d.id = c.delivery_id
	), ` + moveCounts + `, ` + countOutcomes("$7::smallint") + `, ` + tellChanges + `
	SELECT delivery_id FROM changed_deliveries`

// closeArgs are the arguments of closeDeliveries.
func (s *Store) closeArgs(batch []store.Closing) []any {
	return []any{
		column(batch, func(c *store.Closing) [16]byte { return c.DeliveryID }),
		column(batch, func(c *store.Closing) int64 { return c.JobID }),
		column(batch, func(c *store.Closing) string { return string(c.Status) }),
		column(batch, func(c *store.Closing) string { return c.Code }),
		column(batch, func(c *store.Closing) string { return c.Error }),
		column(batch, func(c *store.Closing) time.Time { return c.At }),
		s.writer,
	}
}

// CloseOrphans implements store.Deliveries.
func (s *Store) CloseOrphans(ctx context.Context, batch []store.Closing) ([]bool, error) {
	ids := column(batch, func(c *store.Closing) [16]byte { return c.DeliveryID })
	changed, err := s.changeAndAsk(ctx, store.QuestionsOfClosings(batch), ids, ids, nil, closeDeliveries, s.closeArgs(batch)...)
	if err != nil {
		return nil, fmt.Errorf("close orphans: %w", err)
	}
	return areIn(changed, ids), nil
}

// change locks the notifications of the deliveries and runs a statement that returns the
// ids of those that it changed. Both are sent at once, as one implicit transaction.
func (s *Store) change(ctx context.Context, deliveries [][16]byte, sql string, args ...any) ([][16]byte, error) {
	return changeIn(ctx, s.pool, deliveries, nil, nil, sql, args...)
}

// changeAndAsk is change, ends the turns of outcomes, and inserts the jobs of the questions about deliveries that it changed.
// The items of those of the digests that have ended then end with them. Without questions it is one round trip, as change is.
func (s *Store) changeAndAsk(
	ctx context.Context, questions []store.Question, deliveries, digests [][16]byte, ended []store.Outcome, sql string, args ...any,
) (changed [][16]byte, err error) {
	if len(questions) == 0 {
		return changeIn(ctx, s.pool, deliveries, digests, ended, sql, args...)
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if changed, err = changeIn(ctx, tx, deliveries, digests, ended, sql, args...); err != nil {
			return err
		}
		isChanged := areIn(changed, column(questions, func(q *store.Question) [16]byte { return q.DeliveryID }))
		var due []store.Question
		for i, q := range questions {
			if isChanged[i] {
				due = append(due, q)
			}
		}
		return s.insertAskJobs(ctx, tx, due)
	})
	if err != nil {
		return nil, marked(err)
	}
	return changed, nil
}

// changeIn is changeAndAsk without questions, on the pool or in a transaction.
func changeIn(
	ctx context.Context, db interface {
		SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	}, deliveries, digests [][16]byte, ended []store.Outcome, sql string, args ...any,
) ([][16]byte, error) {
	var changed [][16]byte
	var queries pgx.Batch
	queries.Queue(planOnce)
	if len(digests) > 0 {
		queries.Queue(lockOpenDigests, digests)
		queries.Queue(lockWithItems, deliveries, digests)
	} else {
		queries.Queue(lockNotifications, deliveries)
	}
	queries.Queue(sql, args...).Query(func(rows pgx.Rows) (err error) {
		changed, err = collect(rows, scanID)
		return err
	})
	if len(digests) > 0 {
		queries.Queue(endItems, digests)
	}
	endTurnsOf(&queries, ended)
	// Close reads all answers, that of the commit included.
	if err := db.SendBatch(ctx, &queries).Close(); err != nil {
		return nil, marked(err)
	}
	return changed, nil
}

func scanID(row sqlread.Row) (id [16]byte, err error) {
	err = row.Scan(&id)
	return id, err
}
