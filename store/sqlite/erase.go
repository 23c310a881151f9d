package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// digestsWith are the digests that have sent deliveries of the notification ?1.
const digestsWith = `SELECT digest_id FROM deliveries
	WHERE notification_id = ?1 AND digest_id IS NOT NULL AND status NOT IN ('pending', 'failed')`

// erasable returns the condition on deliveries that an erasure chooses, and its arguments.
func erasable(e store.Erasure) (string, []any) {
	if e.Recipient != (store.Recipient{}) {
		return `recipient_value = ? AND recipient_type = ? AND job_id <> 0`, []any{e.Recipient.Value, e.Recipient.Type}
	}
	return `(notification_id = ?1 OR id IN (` + digestsWith + `)) AND job_id <> 0`, []any{e.NotificationID}
}

// CountErasable implements store.Erasures.
func (s *Store) CountErasable(ctx context.Context, e store.Erasure) (n int, err error) {
	where, args := erasable(e)
	if err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM deliveries WHERE `+where, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count deliveries: %w", marked(err))
	}
	return n, nil
}

// eraseMessages erases the messages of the erased ones of the deliveries $1, unless another
// delivery needs them. Of a shared message the next delivery is found at once. Where each
// recipient has an own one, all deliveries of the notification would be read for each, so those
// are read once.
const eraseMessages = `
	WITH with_many AS MATERIALIZED (
		SELECT notification_id FROM deliveries WHERE id IN ` + erased + `
		GROUP BY notification_id HAVING count(DISTINCT message_id) > 10
	), needed_of_many AS MATERIALIZED (
		SELECT message_id FROM deliveries WHERE notification_id IN (SELECT notification_id FROM with_many) AND job_id <> 0
	)
	UPDATE messages SET subject = '', body = $2, params = NULL, mention = NULL
	WHERE id IN (SELECT message_id FROM deliveries WHERE id IN ` + erased + `)
		AND CASE WHEN notification_id IN (SELECT notification_id FROM with_many)
			THEN id NOT IN (SELECT message_id FROM needed_of_many)
			ELSE NOT EXISTS (SELECT 1 FROM deliveries d
				WHERE d.notification_id = messages.notification_id AND d.message_id = messages.id AND d.job_id <> 0) END`

// erased are the erased ones of the deliveries $1.
const erased = `(SELECT id FROM deliveries WHERE job_id = 0 AND id IN ` + listed + `)`

// Erase implements store.Erasures.
func (s *Store) Erase(ctx context.Context, e store.Erasure) (store.Erased, error) {
	var done store.Erased
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		where, args := erasable(e)
		ids, err := query(ctx, tx, func(row sqlread.Row) (id uuid.UUID, err error) {
			err = row.Scan(&id)
			return id, err
		}, `SELECT id FROM deliveries WHERE `+where+` AND id > ? ORDER BY id LIMIT ?`, append(args, e.After, e.Limit)...)
		if err != nil {
			return err
		}
		unsent, err := s.eraseExpansion(ctx, tx, e)
		if err != nil {
			return err
		}
		done.Messages = unsent
		if err := insertAudit(ctx, tx, e.Audit...); err != nil || len(ids) == 0 {
			return err
		}
		done.Last = ids[len(ids)-1]
		page := array(ids)
		if done.Cancelled, done.Running, err = s.cancelErased(ctx, tx, page, e); err != nil {
			return err
		}
		if _, err := changed(ctx, tx, `UPDATE notifications SET contacts = NULL WHERE id = ? AND contacts IS NOT NULL`, e.NotificationID); err != nil {
			return err
		}
		if _, err := changed(ctx, tx, `
			DELETE FROM thread_messages WHERE (recipient_value, recipient_type, channel, thread_id) IN (
				SELECT recipient_value, recipient_type, channel, thread_id FROM deliveries
				WHERE status NOT IN ('pending', 'failed') AND thread_id IS NOT NULL AND id IN `+listed+`)`, page); err != nil {
			return err
		}
		if done.Deliveries, err = changed(ctx, tx, `
			UPDATE deliveries SET recipient_value = $2, contact = '', job_id = 0, last_error = '', details = NULL
			WHERE status NOT IN ('pending', 'failed') AND id IN `+listed, page, store.ErasedText); err != nil {
			return err
		}
		if _, err := changed(ctx, tx, `UPDATE attempts SET error = '', details = NULL WHERE delivery_id IN `+erased, page); err != nil {
			return err
		}
		var messages int
		if err := tx.QueryRowContext(ctx, `SELECT count(DISTINCT message_id) FROM deliveries WHERE id IN `+erased, page).Scan(&messages); err != nil {
			return err
		}
		done.Messages, err = changed(ctx, tx, eraseMessages, page, store.ErasedText)
		done.Shared = messages - done.Messages
		done.Messages += unsent
		return err
	})
	if err != nil {
		return store.Erased{}, fmt.Errorf("erase deliveries: %w", err)
	}
	return done, nil
}

// cancelErased cancels those of the deliveries, a JSON array of ids, that wait, and returns how
// many there were, and how many are running.
func (s *Store) cancelErased(ctx context.Context, tx *sql.Tx, ids string, e store.Erasure) (cancelled, running int, err error) {
	open, err := query(ctx, tx, scanOpen, openDeliveries+`d.id IN `+listed, ids)
	if err != nil || len(open) == 0 {
		return 0, 0, err
	}
	stopped, err := s.stopJobs(ctx, tx, open)
	if err != nil {
		return 0, 0, err
	}
	for _, d := range stopped {
		_, err := s.closeDelivery(ctx, tx, store.Closing{
			DeliveryID: d.ID, JobID: d.JobID, Status: store.DeliveryCancelled, Code: e.Code, At: e.At,
		}, nil)
		if err != nil {
			return 0, 0, err
		}
	}
	return len(stopped), len(open) - len(stopped), nil
}

// chosenAddress is the condition on an element of a list that an erasure chooses: with the type $2
// and the value $3, or any when $2 is empty. $1 is store.ErasedText.
const chosenAddress = `value ->> 'value' <> $1 AND ($2 = '' OR (value ->> 'type' = $2 AND value ->> 'value' = $3))`

// eraseIn erases the chosen addresses in a column that has lists, where it has some.
func eraseIn(table, column string) string {
	return `UPDATE ` + table + ` SET ` + column + ` = (
			SELECT json_group_array(json(CASE WHEN ` + chosenAddress + ` THEN json_set(value, '$.value', $1) ELSE value END))
			FROM json_each(` + column + `))
		WHERE ` + column + ` IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(` + column + `) WHERE ` + chosenAddress + `)`
}

// EraseUnmatched implements store.Erasures.
func (s *Store) EraseUnmatched(ctx context.Context, e store.Erasure) (int, error) {
	scope, of := ` AND id IN (SELECT notification_id FROM unmatched_recipients
		WHERE value = $3 AND type = $2 ORDER BY notification_id LIMIT $4)`, any(e.Limit)
	if e.Recipient == (store.Recipient{}) {
		scope, of = ` AND id = $4`, e.NotificationID
	}
	n, err := s.execute(ctx, eraseIn("notifications", "unmatched")+scope, store.ErasedText, e.Recipient.Type, e.Recipient.Value, of)
	if err != nil {
		return 0, fmt.Errorf("erase unmatched recipients: %w", err)
	}
	return n, nil
}

// eraseMentions erases the recipient in messages that mention it.
var eraseMentions = eraseIn("messages", "mention") + ` AND id IN (
	SELECT message_id FROM mentioned_recipients WHERE value = $3 AND type = $2 ORDER BY message_id LIMIT $4)`

// EraseMentions implements store.Erasures.
func (s *Store) EraseMentions(ctx context.Context, e store.Erasure) (int, error) {
	n, err := s.execute(ctx, eraseMentions, store.ErasedText, e.Recipient.Type, e.Recipient.Value, e.Limit)
	if err != nil {
		return 0, fmt.Errorf("erase mentions: %w", err)
	}
	return n, nil
}
