package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
)

// digestsWith are the digests that have sent deliveries of the notification $1.
const digestsWith = `SELECT digest_id FROM deliveries
	WHERE notification_id = $1 AND digest_id IS NOT NULL AND status NOT IN ('pending', 'failed')`

// erasable returns the condition on deliveries that an erasure chooses, and its arguments.
func erasable(e store.Erasure) (string, []any) {
	if e.Recipient != (store.Recipient{}) {
		return `recipient_value = $1 AND recipient_type = $2 AND job_id <> 0`, []any{e.Recipient.Value, e.Recipient.Type}
	}
	return `(notification_id = $1 OR id IN (` + digestsWith + `)) AND job_id <> 0`, []any{e.NotificationID}
}

// CountErasable implements store.Erasures.
func (s *Store) CountErasable(ctx context.Context, e store.Erasure) (n int, err error) {
	where, args := erasable(e)
	if err := s.pool.QueryRow(ctx, `SELECT count(*) FROM deliveries WHERE `+where, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count deliveries: %w", marked(err))
	}
	return n, nil
}

const (
	// eraseDeliveries erases those of the deliveries $1 that are closed, their attempts and what is
	// kept of the messages of their threads, and returns how many there were. All parts see the
	// addresses as they were.
	eraseDeliveries = `
		WITH forgotten_messages AS (
			DELETE FROM thread_messages WHERE (recipient_value, recipient_type, channel, thread_id) IN (
				SELECT recipient_value, recipient_type, channel, thread_id FROM thread_messages
				WHERE (recipient_value, recipient_type, channel, thread_id) IN (
					SELECT recipient_value, recipient_type, channel, thread_id FROM deliveries
					WHERE id = ANY ($1) AND status NOT IN ('pending', 'failed') AND thread_id IS NOT NULL)
				ORDER BY recipient_value, recipient_type, channel, thread_id FOR UPDATE)
		), erased_deliveries AS (
			UPDATE deliveries SET recipient_value = $2, contact = '', job_id = 0, last_error = '', details = NULL
			WHERE id = ANY ($1) AND status NOT IN ('pending', 'failed') RETURNING id
		), erased_attempts AS (
			UPDATE attempts SET error = '', details = NULL WHERE delivery_id IN (SELECT id FROM erased_deliveries)
		)
		SELECT count(*) FROM erased_deliveries`
	// eraseMessages erases the messages of the erased ones of the deliveries $1, unless another
	// delivery needs them. It returns how many it erased, and how many not. Of a shared message the
	// next delivery is found at once. Where each recipient has an own one, all deliveries of the
	// notification would be read for each, so those are read once.
	eraseMessages = `
		WITH wanted_messages AS (
			SELECT DISTINCT message_id, notification_id FROM deliveries WHERE id = ANY ($1) AND job_id = 0
		), with_many AS (
			SELECT notification_id FROM wanted_messages GROUP BY notification_id HAVING count(*) > 10
		), needed_of_many AS (
			SELECT d.message_id FROM deliveries d WHERE d.notification_id IN (SELECT notification_id FROM with_many) AND d.job_id <> 0
		), erased_messages AS (
			UPDATE messages m SET subject = '', body = $2, params = NULL, mention = NULL
			FROM wanted_messages w
			WHERE m.id = w.message_id AND CASE WHEN w.notification_id IN (SELECT notification_id FROM with_many)
				THEN m.id NOT IN (SELECT message_id FROM needed_of_many)
				ELSE NOT EXISTS (SELECT FROM deliveries d
					WHERE d.notification_id = w.notification_id AND d.message_id = w.message_id AND d.job_id <> 0) END
			RETURNING m.id
		)
		SELECT (SELECT count(*) FROM erased_messages), (SELECT count(*) FROM wanted_messages) - (SELECT count(*) FROM erased_messages)`
)

// Erase implements store.Erasures.
func (s *Store) Erase(ctx context.Context, e store.Erasure) (store.Erased, error) {
	var done store.Erased
	err := s.stopping(ctx, func(tx pgx.Tx) error {
		done = store.Erased{}
		unsent, err := eraseExpansion(ctx, tx, e)
		if err != nil {
			return err
		}
		done.Messages = unsent
		where, args := erasable(e)
		ids, err := query(ctx, tx, scanID, fmt.Sprintf(`SELECT id FROM deliveries WHERE %s AND id > $%d ORDER BY id LIMIT $%d`,
			where, len(args)+1, len(args)+2), append(args, e.After, e.Limit)...)
		if err != nil {
			return err
		}
		if err := insertAudit(ctx, tx, e.Audit...); err != nil || len(ids) == 0 {
			return err
		}
		done.Last = ids[len(ids)-1]
		if done.Cancelled, done.Running, err = s.cancelErased(ctx, tx, ids, e); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE notifications SET contacts = NULL WHERE id = $1 AND contacts IS NOT NULL`, e.NotificationID); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, eraseDeliveries, ids, store.ErasedText).Scan(&done.Deliveries); err != nil {
			return err
		}
		err = tx.QueryRow(ctx, eraseMessages, ids, store.ErasedText).Scan(&done.Messages, &done.Shared)
		done.Messages += unsent
		return err
	})
	if err != nil {
		return store.Erased{}, fmt.Errorf("erase deliveries: %w", marked(err))
	}
	return done, nil
}

// cancelErased locks the notifications of the deliveries, cancels those that wait, and returns how many
// there were, and how many are running.
func (s *Store) cancelErased(ctx context.Context, tx pgx.Tx, ids [][16]byte, e store.Erasure) (cancelled, running int, err error) {
	open, err := lockOpen(ctx, tx, ids)
	if err != nil || len(open) == 0 {
		return 0, 0, err
	}
	stopped, err := s.stopJobs(ctx, tx, open)
	if err != nil {
		return 0, 0, err
	}
	return len(stopped), len(open) - len(stopped), s.closeStopped(ctx, tx, ids, column(stopped, func(d *openDelivery) store.Closing {
		return store.Closing{DeliveryID: d.ID, JobID: d.JobID, Status: store.DeliveryCancelled, Code: e.Code, At: e.At}
	}))
}

// chosenAddress is the condition on an element r of a list that an erasure chooses: with the type
// $2 and the value $3, or any when $2 is empty. $1 is store.ErasedText.
const chosenAddress = `r ->> 'value' <> $1 AND ($2 = '' OR (r ->> 'type' = $2 AND r ->> 'value' = $3))`

// eraseIn erases the chosen addresses in a column that has lists.
func eraseIn(table, column string) string {
	return `UPDATE ` + table + ` SET ` + column + ` = (
			SELECT jsonb_agg(CASE WHEN ` + chosenAddress + ` THEN jsonb_set(r, '{value}', to_jsonb($1::text)) ELSE r END ORDER BY position)
			FROM jsonb_array_elements(` + column + `) WITH ORDINALITY AS u (r, position))
		WHERE `
}

const (
	// lockUnmatchedOf locks notifications in which the recipient is unmatched, in the order of
	// ids, see lockNotifications.
	lockUnmatchedOf = `
		SELECT locked.id FROM (
			SELECT notification_id FROM unmatched_recipients WHERE value = $3 AND type = $2 AND value <> $1
			ORDER BY notification_id LIMIT $4
		) u, LATERAL (SELECT id FROM notifications WHERE id = u.notification_id LIMIT 1 FOR NO KEY UPDATE) locked`
	lockUnmatchedIn = `
		SELECT id FROM notifications
		WHERE id = $4 AND EXISTS (SELECT FROM jsonb_array_elements(unmatched) AS u (r) WHERE ` + chosenAddress + `) FOR NO KEY UPDATE`
)

// EraseUnmatched implements store.Erasures.
func (s *Store) EraseUnmatched(ctx context.Context, e store.Erasure) (int, error) {
	var ids [][16]byte
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
		lock, of := lockUnmatchedOf, any(e.Limit)
		if e.Recipient == (store.Recipient{}) {
			lock, of = lockUnmatchedIn, e.NotificationID
		}
		ids, err = query(ctx, tx, scanID, lock, store.ErasedText, e.Recipient.Type, e.Recipient.Value, of)
		if err != nil || len(ids) == 0 {
			return err
		}
		_, err = tx.Exec(ctx, eraseIn("notifications", "unmatched")+`id = ANY ($4::uuid[])`, store.ErasedText, e.Recipient.Type, e.Recipient.Value, ids)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("erase unmatched recipients: %w", marked(err))
	}
	return len(ids), nil
}

// eraseMentions erases the recipient in messages that mention it. The array is read first, so that
// the messages are looked up.
var eraseMentions = eraseIn("messages", "mention") + `id = ANY (ARRAY(
	SELECT message_id FROM mentioned_recipients WHERE value = $3 AND type = $2 AND value <> $1 ORDER BY message_id LIMIT $4))`

// EraseMentions implements store.Erasures.
func (s *Store) EraseMentions(ctx context.Context, e store.Erasure) (int, error) {
	changed, err := s.pool.Exec(ctx, eraseMentions, store.ErasedText, e.Recipient.Type, e.Recipient.Value, e.Limit)
	if err != nil {
		return 0, fmt.Errorf("erase mentions: %w", marked(err))
	}
	return int(changed.RowsAffected()), nil
}
