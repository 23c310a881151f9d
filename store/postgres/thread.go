package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// lockThreads counts up the threads of acceptances and returns them. It locks them until the
// transaction ends. Acceptances without a thread cost nothing.
func lockThreads(ctx context.Context, tx pgx.Tx, news []store.Acceptance) ([]store.Thread, error) {
	threads := store.ThreadsOf(news)
	if len(threads) == 0 {
		return nil, nil
	}
	locked, err := query(ctx, tx, sqlread.Thread, `
		INSERT INTO threads AS t (`+sqlread.ThreadColumns+`, updated_at)
		SELECT *, now() FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[])
		ON CONFLICT (app_id, name) DO UPDATE SET seq = t.seq + excluded.seq, updated_at = excluded.updated_at
		RETURNING `+sqlread.ThreadColumns+`, incident_id`,
		column(threads, func(t *store.Thread) string { return t.AppID }),
		column(threads, func(t *store.Thread) string { return t.Name }),
		column(threads, func(t *store.Thread) [16]byte { return t.ID }),
		column(threads, func(t *store.Thread) int64 { return t.Seq }))
	if err != nil {
		return nil, fmt.Errorf("lock threads: %w", err)
	}
	return locked, nil
}

const (
	// lockThreadMessages locks the messages of threads, makes those that there are not, and returns
	// all with the time.
	lockThreadMessages = `
		INSERT INTO thread_messages AS m (recipient_value, recipient_type, channel, thread_id, mark, provider, reference,
			seq, delivery_id, updated_at)
		SELECT recipient_value, recipient_type, channel, thread_id, uuid_nil, '', '', 0, uuid_nil, now()
		FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[]) AS k (recipient_value, recipient_type, channel, thread_id),
			(SELECT '00000000-0000-0000-0000-000000000000'::uuid AS uuid_nil) none
		ON CONFLICT (recipient_value, recipient_type, channel, thread_id) DO UPDATE SET seq = m.seq
		RETURNING ` + sqlread.ThreadMessageColumns + `, clock_timestamp()`
	writeTurns = `
		UPDATE thread_messages m SET mark = t.mark, provider = t.provider, reference = t.reference, seq = t.seq,
			delivery_id = t.delivery_id, busy_until = t.busy_until, updated_at = now()
		FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::bigint[], $9::uuid[],
			$10::timestamptz[])
			AS t (recipient_value, recipient_type, channel, thread_id, mark, provider, reference, seq, delivery_id, busy_until)
		WHERE m.recipient_value = t.recipient_value AND m.recipient_type = t.recipient_type AND m.channel = t.channel
			AND m.thread_id = t.thread_id`
	// lockTurns locks the messages of outcomes, in the order of TakeTurns.
	lockTurns = `
		SELECT FROM thread_messages
		WHERE (recipient_value, recipient_type, channel, thread_id) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[]))
		ORDER BY recipient_value, recipient_type, channel, thread_id FOR UPDATE`
	// endTurns ends the turns of the outcomes that are recorded, unless another delivery has it by now.
	endTurns = `
		UPDATE thread_messages m SET busy_until = NULL, updated_at = t.at,
			reference = CASE WHEN t.reference <> '' THEN t.reference ELSE m.reference END
		FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::timestamptz[])
			AS t (recipient_value, recipient_type, channel, thread_id, delivery_id, attempt_id, reference, at)
		WHERE m.recipient_value = t.recipient_value AND m.recipient_type = t.recipient_type AND m.channel = t.channel
			AND m.thread_id = t.thread_id AND m.delivery_id = t.delivery_id
			AND EXISTS (SELECT FROM attempts a WHERE a.delivery_id = t.delivery_id AND a.id = t.attempt_id)`
)

// TakeTurns implements store.Threads.
func (s *Store) TakeTurns(ctx context.Context, batch []store.Turn) (taken []store.Taken, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var now time.Time
		locked, err := query(ctx, tx, func(row sqlread.Row) (store.ThreadMessage, error) {
			return sqlread.ThreadMessage(withTime{row, &now})
		}, lockThreadMessages, keyArgs(store.KeysOfTurns(batch))...)
		if err != nil {
			return err
		}
		var changed []store.ThreadMessage
		if changed, taken = store.TakeTurns(batch, locked, now); len(changed) == 0 {
			return nil
		}
		_, err = tx.Exec(ctx, writeTurns, append(keyArgs(column(changed, func(m *store.ThreadMessage) store.ThreadMessageKey { return m.ThreadMessageKey })),
			column(changed, func(m *store.ThreadMessage) [16]byte { return m.Mark }),
			column(changed, func(m *store.ThreadMessage) string { return m.Provider }),
			column(changed, func(m *store.ThreadMessage) string { return m.Reference }),
			column(changed, func(m *store.ThreadMessage) int64 { return m.Seq }),
			column(changed, func(m *store.ThreadMessage) [16]byte { return m.DeliveryID }),
			column(changed, func(m *store.ThreadMessage) *time.Time { return m.BusyUntil }))...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take turns: %w", marked(err))
	}
	return taken, nil
}

// withTime is a row with the time at its end.
type withTime struct {
	sqlread.Row
	now *time.Time
}

// Scan implements sqlread.Row.
func (r withTime) Scan(dest ...any) error { return r.Row.Scan(append(dest, r.now)...) }

// keyArgs returns keys as four arguments.
func keyArgs(keys []store.ThreadMessageKey) []any {
	return []any{
		column(keys, func(k *store.ThreadMessageKey) string { return k.RecipientValue }),
		column(keys, func(k *store.ThreadMessageKey) string { return k.RecipientType }),
		column(keys, func(k *store.ThreadMessageKey) string { return k.Channel }),
		column(keys, func(k *store.ThreadMessageKey) [16]byte { return k.ThreadID }),
	}
}

// endTurnsOf queues the end of the turns of outcomes.
func endTurnsOf(queries *pgx.Batch, ended []store.Outcome) {
	if len(ended) == 0 {
		return
	}
	keys := keyArgs(column(ended, func(o *store.Outcome) store.ThreadMessageKey { return o.Turn.ThreadMessageKey }))
	queries.Queue(lockTurns, keys...)
	queries.Queue(endTurns, append(keys,
		column(ended, func(o *store.Outcome) [16]byte { return o.Attempt.DeliveryID }),
		column(ended, func(o *store.Outcome) [16]byte { return o.Attempt.ID }),
		column(ended, func(o *store.Outcome) string { return o.Turn.Reference }),
		column(ended, func(o *store.Outcome) time.Time { return o.Attempt.FinishedAt }))...)
}

// ForgetThreads implements store.Threads. It skips the rows that another transaction has locked:
// they are in use.
func (s *Store) ForgetThreads(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = s.pool.QueryRow(ctx, `
		WITH forgotten_threads AS (
			DELETE FROM threads WHERE (app_id, name) IN
				(SELECT app_id, name FROM threads WHERE updated_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING 1
		), forgotten_messages AS (
			DELETE FROM thread_messages WHERE (recipient_value, recipient_type, channel, thread_id) IN
				(SELECT recipient_value, recipient_type, channel, thread_id FROM thread_messages
				WHERE updated_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
			RETURNING 1
		)
		SELECT (SELECT count(*) FROM forgotten_threads) + (SELECT count(*) FROM forgotten_messages)`, before, limit).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("forget threads: %w", marked(err))
	}
	return n, nil
}
