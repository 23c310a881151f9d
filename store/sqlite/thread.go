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

// lockThreads counts up the threads of acceptances and returns them. The transaction is the only one
// that writes.
func lockThreads(ctx context.Context, tx *sql.Tx, news []store.Acceptance) ([]store.Thread, error) {
	var locked []store.Thread
	for _, t := range store.ThreadsOf(news) {
		found, err := query(ctx, tx, sqlread.Thread, `
			INSERT INTO threads (`+sqlread.ThreadColumns+`, updated_at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (app_id, name) DO UPDATE SET seq = seq + excluded.seq, updated_at = excluded.updated_at
			RETURNING `+sqlread.ThreadColumns+`, incident_id`, t.AppID, t.Name, t.ID, t.Seq, store.Now())
		if err != nil {
			return nil, fmt.Errorf("lock a thread: %w", err)
		}
		locked = append(locked, found...)
	}
	return locked, nil
}

// ofKey is the condition on the message of a thread that has the key ?1 to ?4.
const ofKey = ` WHERE recipient_value = ?1 AND recipient_type = ?2 AND channel = ?3 AND thread_id = ?4`

// TakeTurns implements store.Threads.
func (s *Store) TakeTurns(ctx context.Context, batch []store.Turn) (taken []store.Taken, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		var stored []store.ThreadMessage
		for _, k := range store.KeysOfTurns(batch) {
			found, err := query(ctx, tx, sqlread.ThreadMessage, `
				INSERT INTO thread_messages (recipient_value, recipient_type, channel, thread_id, mark, provider, reference, seq, delivery_id, updated_at)
				VALUES (?1, ?2, ?3, ?4, ?5, '', '', 0, ?5, ?6)
				ON CONFLICT (recipient_value, recipient_type, channel, thread_id) DO UPDATE SET seq = seq
				RETURNING `+sqlread.ThreadMessageColumns,
				k.RecipientValue, k.RecipientType, k.Channel, k.ThreadID, uuid.Nil, store.Now())
			if err != nil {
				return err
			}
			stored = append(stored, found...)
		}
		var messages []store.ThreadMessage
		messages, taken = store.TakeTurns(batch, stored, store.Now())
		for _, m := range messages {
			_, err := changed(ctx, tx, `
				UPDATE thread_messages SET mark = ?5, provider = ?6, reference = ?7, seq = ?8, delivery_id = ?9, busy_until = ?10, updated_at = ?11`+ofKey,
				m.RecipientValue, m.RecipientType, m.Channel, m.ThreadID, m.Mark, m.Provider, m.Reference, m.Seq, m.DeliveryID, m.BusyUntil, store.Now())
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("take turns: %w", err)
	}
	return taken, nil
}

// endTurn ends the turn of an outcome that is recorded, unless another delivery has it by now.
func endTurn(ctx context.Context, tx *sql.Tx, o store.Outcome) error {
	if o.Turn == nil {
		return nil
	}
	k := o.Turn.ThreadMessageKey
	_, err := changed(ctx, tx, `
		UPDATE thread_messages SET busy_until = NULL, updated_at = ?5, reference = CASE WHEN ?6 <> '' THEN ?6 ELSE reference END`+
		ofKey+` AND delivery_id = ?7`,
		k.RecipientValue, k.RecipientType, k.Channel, k.ThreadID, o.Attempt.FinishedAt, o.Turn.Reference, o.Attempt.DeliveryID)
	return err
}

// ForgetThreads implements store.Threads.
func (s *Store) ForgetThreads(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		for table, key := range map[string]string{"threads": "app_id, name", "thread_messages": "recipient_value, recipient_type, channel, thread_id"} {
			deleted, err := changed(ctx, tx, `
				DELETE FROM `+table+` WHERE (`+key+`) IN (SELECT `+key+` FROM `+table+` WHERE updated_at < ? LIMIT ?)`, before, limit)
			if err != nil {
				return err
			}
			n += deleted
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("forget threads: %w", err)
	}
	return n, nil
}
