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

// insertExpansions inserts the expansions of acceptances that have one, and their jobs.
func (s *Store) insertExpansions(ctx context.Context, tx *sql.Tx, batch []store.Acceptance) error {
	for _, a := range batch {
		e := a.Notification.Expansion
		if e == nil {
			continue
		}
		var err error
		if e.JobID, err = s.insertExpandJob(ctx, tx, a.Notification.ID); err != nil {
			return err
		}
		if _, err := changed(ctx, tx, `INSERT INTO expansions (notification_id, `+sqlread.ExpansionColumns+`)
			VALUES (?, ?, ?, '', 0, 0, NULL, '', ?, ?)`,
			a.Notification.ID, e.Group.Owner, e.Group.Name, e.JobID, text(e.Plan.JSON())); err != nil {
			return err
		}
	}
	return nil
}

// Expand implements store.Expansions.
func (s *Store) Expand(ctx context.Context, b store.ExpansionBatch) (expanded store.Expanded, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) (err error) {
		expanded, err = s.expand(ctx, tx, b)
		return err
	})
	if err != nil {
		return store.Expanded{}, fmt.Errorf("expand %s: %w", b.Notification.ID, err)
	}
	return expanded, nil
}

func (s *Store) expand(ctx context.Context, tx *sql.Tx, b store.ExpansionBatch) (store.Expanded, error) {
	id := b.Notification.ID
	stored, err := query(ctx, tx, sqlread.Expansion, `SELECT `+sqlread.ExpansionColumns+` FROM expansions WHERE notification_id = ?`, id)
	switch {
	case err != nil:
		return store.Expanded{}, err
	case len(stored) == 0:
		return store.Expanded{}, store.ErrNotFound
	case stored[0].Done() || stored[0].After != b.After:
		return store.Expanded{Expansion: stored[0]}, nil
	}
	reached, err := query(ctx, tx, sqlread.Reached, reachedBefore, id, array(b.Values()), store.SinceFirst(id))
	if err != nil {
		return store.Expanded{}, err
	}
	b = b.Without(reached)
	used, err := lockUses(ctx, tx, []store.Acceptance{b.Acceptance})
	if err != nil {
		return store.Expanded{}, err
	}
	used, beyond := store.TakeQuotas(b.Acceptance, used)
	if beyond != nil {
		return store.Expanded{Expansion: stored[0], Beyond: beyond}, nil
	}
	known, err := readKnown(ctx, tx, []store.Acceptance{b.Acceptance})
	if err != nil {
		return store.Expanded{}, err
	}
	var before store.Amounts
	if err := tx.QueryRowContext(ctx, `SELECT withheld FROM notifications WHERE id = ?`, id).Scan(&before); err != nil {
		return store.Expanded{}, err
	}
	b, counted := b.WithKnown(known)
	now := b.Apply(stored[0])
	return store.Expanded{Expansion: now, Written: b.Acceptance}, s.writeExpansion(ctx, tx, b, now, before, used, counted)
}

// reachedBefore returns which of the addresses ?2, a JSON array, the notification ?1 has, and on which
// channels. Its deliveries have the id ?3 or a higher one.
const reachedBefore = `
	SELECT d.channel, d.recipient_type, d.recipient_value
	FROM json_each(?2) AS wanted CROSS JOIN deliveries d INDEXED BY deliveries_recipient
	WHERE d.recipient_value = wanted.value AND d.id >= ?3 AND d.notification_id = ?1`

// writeExpansion writes a batch that is decided, and the expansion as it is then. before is what was
// withheld of the batches before.
func (s *Store) writeExpansion(
	ctx context.Context, tx *sql.Tx, b store.ExpansionBatch, e store.Expansion, before store.Amounts, used []store.Use, counted []store.RecipientUse,
) error {
	if err := s.insertWithJobs(ctx, tx, b.Deliveries, b.Jobs); err != nil {
		return err
	}
	if _, err := changed(ctx, tx, `
		UPDATE expansions SET after_name = ?2, contacts = ?3, deliveries = ?4, done_at = ?5, stopped = ?6 WHERE notification_id = ?1`,
		b.Notification.ID, e.After, e.Contacts, e.Deliveries, e.DoneAt, e.Stopped); err != nil {
		return err
	}
	withheld := b.Notification.Withheld
	if err := s.finish(ctx, tx, b.Notification.ID, `
		UPDATE notifications SET total = total + ?2, expansion = ?3, updated_at = max(updated_at, ?4), cancelled = cancelled + ?5, withheld = ?6
		WHERE id = ?1`,
		b.Notification.ID, len(b.Deliveries), e.State(), b.Notification.UpdatedAt, withheld.Sum(), text(before.Plus(withheld).JSON())); err != nil {
		return err
	}
	if err := s.writeEvents(ctx, tx, b.EventsOf()); err != nil {
		return err
	}
	if err := writeRecipientUses(ctx, tx, counted); err != nil {
		return err
	}
	if err := writeUses(ctx, tx, used); err != nil {
		return err
	}
	return writeCounts(ctx, tx, store.CountAccepted([]store.Acceptance{b.Acceptance}))
}

// eraseExpansion ends the expansion of a notification whose erasure begins, and erases the messages that
// none of its deliveries has. It returns how many those were.
func (s *Store) eraseExpansion(ctx context.Context, tx *sql.Tx, e store.Erasure) (int, error) {
	if e.NotificationID == uuid.Nil || e.After != uuid.Nil {
		return 0, nil
	}
	if _, err := s.endExpansion(ctx, tx, e.NotificationID, store.StoppedCancelled, e.At); err != nil {
		return 0, err
	}
	return changed(ctx, tx, `
		UPDATE messages SET subject = '', body = ?2, params = NULL, mention = NULL
		WHERE id IN (SELECT value ->> 'messageId' FROM expansions, json_each(plan -> 'texts') WHERE notification_id = ?1) AND body <> ?2
			AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.notification_id = ?1 AND d.message_id = messages.id AND d.job_id <> 0)`,
		e.NotificationID, store.ErasedText)
}

// endExpansion ends the expansion of a notification, and reports whether it went on.
func (s *Store) endExpansion(ctx context.Context, tx *sql.Tx, notification uuid.UUID, why store.Stopped, at time.Time) (bool, error) {
	ended, err := changed(ctx, tx, `
		UPDATE expansions SET after_name = '', done_at = ?2, stopped = ?3 WHERE notification_id = ?1 AND done_at IS NULL`,
		notification, at, why)
	if err != nil || ended == 0 {
		return false, err
	}
	return true, s.finish(ctx, tx, notification, `
		UPDATE notifications SET expansion = 'stopped', updated_at = max(updated_at, ?2) WHERE id = ?1`, notification, at)
}

// EndLostExpansions implements store.Expansions.
func (s *Store) EndLostExpansions(ctx context.Context, at time.Time) (ended []uuid.UUID, err error) {
	lost, err := query(ctx, s.read, func(row sqlread.Row) (id uuid.UUID, err error) { return id, row.Scan(&id) }, lostExpansions)
	if err == nil && len(lost) > 0 {
		err = s.inTx(ctx, func(tx *sql.Tx) error {
			for _, id := range lost {
				is, err := s.endExpansion(ctx, tx, id, store.StoppedNoJob, at)
				if err != nil {
					return err
				}
				if is {
					ended = append(ended, id)
				}
			}
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("end lost expansions: %w", err)
	}
	return ended, nil
}
