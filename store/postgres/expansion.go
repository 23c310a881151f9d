package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// assignExpandJobs inserts the jobs of the acceptances that have expansions, which it returns, and
// writes their ids into them.
func (s *Store) assignExpandJobs(ctx context.Context, tx pgx.Tx, batch []store.Acceptance) ([]store.Notification, error) {
	var expanding []store.Notification
	for _, a := range batch {
		if a.Notification.Expansion != nil {
			expanding = append(expanding, a.Notification)
		}
	}
	if len(expanding) == 0 {
		return nil, nil
	}
	ids, err := s.insertExpandJobs(ctx, tx, column(expanding, func(n *store.Notification) uuid.UUID { return n.ID }))
	for i, id := range ids {
		expanding[i].Expansion.JobID = id
	}
	return expanding, err
}

// insertExpansions queues the inserts of new expansions, which are few.
func insertExpansions(queries *pgx.Batch, expanding []store.Notification) {
	for _, n := range expanding {
		e := n.Expansion
		queries.Queue(`INSERT INTO expansions (notification_id, `+sqlread.ExpansionColumns+`) VALUES ($1, $2, $3, '', 0, 0, NULL, '', $4, $5)`,
			n.ID, e.Group.Owner, e.Group.Name, e.JobID, e.Plan.JSON())
	}
}

// Expand implements store.Expansions.
func (s *Store) Expand(ctx context.Context, b store.ExpansionBatch) (expanded store.Expanded, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
		expanded, err = s.expand(ctx, tx, b)
		return err
	})
	if err != nil {
		return store.Expanded{}, fmt.Errorf("expand %s: %w", b.Notification.ID, marked(err))
	}
	return expanded, nil
}

func (s *Store) expand(ctx context.Context, tx pgx.Tx, b store.ExpansionBatch) (store.Expanded, error) {
	id := b.Notification.ID
	stored, err := query(ctx, tx, sqlread.Expansion, `SELECT `+sqlread.ExpansionColumns+` FROM expansions WHERE notification_id = $1 FOR UPDATE`, id)
	switch {
	case err != nil:
		return store.Expanded{}, err
	case len(stored) == 0:
		return store.Expanded{}, store.ErrNotFound
	case stored[0].Done() || stored[0].After != b.After:
		return store.Expanded{Expansion: stored[0]}, nil
	}
	reached, err := query(ctx, tx, sqlread.Reached, reachedBefore, pgx.QueryExecModeExec, id, b.Values(), store.SinceFirst(id))
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
	known, err := lockKnown(ctx, tx, []store.Acceptance{b.Acceptance}, true)
	if err != nil {
		return store.Expanded{}, err
	}
	var before store.Amounts
	if err := tx.QueryRow(ctx, `SELECT withheld FROM notifications WHERE id = $1`, id).Scan(&before); err != nil {
		return store.Expanded{}, err
	}
	b, counted := b.WithKnown(known)
	now := b.Apply(stored[0])
	return store.Expanded{Expansion: now, Written: b.Acceptance}, s.writeExpansion(ctx, tx, b, now, before, used, counted)
}

// reachedBefore returns which of the addresses $2 the notification $1 has, and on which channels. Its
// deliveries have the id $3 or a higher one. The inner query keeps the planner from reading all
// deliveries of the notification for each address; and it is planned each time, because a plan of an empty
// table would read all of it when it has grown.
const reachedBefore = `
	SELECT d.channel, d.recipient_type, d.recipient_value
	FROM unnest($2::text[]) AS wanted (value), LATERAL (
		SELECT channel, recipient_type, recipient_value, notification_id FROM deliveries
		WHERE recipient_value = wanted.value AND id >= $3 OFFSET 0
	) d
	WHERE d.notification_id = $1`

// writeExpansion writes a batch that is decided, and the expansion as it is then. before is what was
// withheld of the batches before.
func (s *Store) writeExpansion(
	ctx context.Context, tx pgx.Tx, b store.ExpansionBatch, e store.Expansion, before store.Amounts, used []store.Use, counted []store.RecipientUse,
) error {
	if err := s.assignJobs(ctx, tx, b.Deliveries, b.Jobs); err != nil {
		return err
	}
	var queries pgx.Batch
	if len(b.Deliveries) > 0 {
		insertDeliveries(&queries, b.Deliveries)
	}
	queries.Queue(`UPDATE expansions SET after_name = $2, contacts = $3, deliveries = $4, done_at = $5, stopped = $6 WHERE notification_id = $1`,
		b.Notification.ID, e.After, e.Contacts, e.Deliveries, e.DoneAt, string(e.Stopped))
	withheld := b.Notification.Withheld
	queries.Queue(`
		WITH moved_counts AS (
			UPDATE notifications SET total = total + $2, expansion = $3, updated_at = greatest(updated_at, $4), cancelled = cancelled + $5, withheld = $6
			WHERE id = $1 RETURNING id, app_id, status, updated_at AS at, test
		), `+tellFinished+`
		SELECT FROM moved_counts`,
		b.Notification.ID, len(b.Deliveries), e.State(), b.Notification.UpdatedAt, withheld.Sum(), before.Plus(withheld).JSON())
	writeEvents(&queries, b.EventsOf())
	writeUses(&queries, used)
	writeRecipientUses(&queries, counted)
	s.writeCounts(&queries, store.CountAccepted([]store.Acceptance{b.Acceptance}))
	queries.Queue(announce, queuesOf(b.Jobs))
	return tx.SendBatch(ctx, &queries).Close()
}

// eraseExpansion ends the expansion of a notification whose erasure begins, and erases the messages that
// none of its deliveries has. It returns how many those were.
func eraseExpansion(ctx context.Context, tx pgx.Tx, e store.Erasure) (int, error) {
	if e.NotificationID == uuid.Nil || e.After != uuid.Nil {
		return 0, nil
	}
	if _, err := endExpansion(ctx, tx, e.NotificationID, store.StoppedCancelled, e.At); err != nil {
		return 0, err
	}
	unsent, err := tx.Exec(ctx, `
		UPDATE messages m SET subject = '', body = $2, params = NULL, mention = NULL
		FROM expansions e, jsonb_array_elements(e.plan -> 'texts') AS text
		WHERE e.notification_id = $1 AND m.id = (text ->> 'messageId')::uuid AND m.body <> $2
			AND NOT EXISTS (SELECT FROM deliveries d WHERE d.notification_id = $1 AND d.message_id = m.id AND d.job_id <> 0)`,
		e.NotificationID, store.ErasedText)
	return int(unsent.RowsAffected()), err
}

// endExpansion ends the expansion of a notification, and reports whether it went on. It comes before
// what locks the notification: a batch locks that last, because outcomes wait for it.
func endExpansion(ctx context.Context, tx pgx.Tx, notification uuid.UUID, why store.Stopped, at time.Time) (bool, error) {
	ended, err := tx.Exec(ctx, `
		WITH ended AS (
			UPDATE expansions SET after_name = '', done_at = $2, stopped = $3 WHERE notification_id = $1 AND done_at IS NULL
			RETURNING notification_id
		), moved_counts AS (
			UPDATE notifications SET expansion = 'stopped', updated_at = greatest(updated_at, $2) WHERE id IN (SELECT notification_id FROM ended)
			RETURNING id, app_id, status, updated_at AS at, test
		), `+tellFinished+`
		SELECT FROM moved_counts`,
		notification, at, string(why))
	return ended.RowsAffected() > 0, err
}

// EndLostExpansions implements store.Expansions.
func (s *Store) EndLostExpansions(ctx context.Context, at time.Time) ([]uuid.UUID, error) {
	lost, err := query(ctx, s.pool, func(row sqlread.Row) (id uuid.UUID, err error) { return id, row.Scan(&id) }, lostExpansions)
	var ended []uuid.UUID
	for _, id := range lost {
		txErr := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			is, err := endExpansion(ctx, tx, id, store.StoppedNoJob, at)
			if is {
				ended = append(ended, id)
			}
			return err
		})
		err = errors.Join(err, txErr)
	}
	if err != nil {
		return ended, fmt.Errorf("end lost expansions: %w", marked(err))
	}
	return ended, nil
}
