package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// suppress is the part of a statement that suppresses the addresses which vendors refused, and ends
// the suppression of those that something has arrived at. It reads the rows of changed_deliveries,
// which have the recipient, test, attempt_id, code, error, at and suppress_until as well. Two
// batches that refuse and reach the same addresses at once may deadlock: then each outcome is
// recorded alone.
const suppress = `reached_addresses AS (
		SELECT recipient_value, recipient_type, channel FROM changed_deliveries WHERE status = 'success' AND NOT test
	), ended_suppressions AS (
		DELETE FROM suppressions WHERE id = ANY (ARRAY(
			SELECT s.id FROM reached_addresses r, LATERAL (SELECT id FROM suppressions
				WHERE recipient_value = r.recipient_value AND recipient_type = r.recipient_type AND channel = r.channel LIMIT 1) s))
	), new_suppressions AS (
		INSERT INTO suppressions AS s (id, channel, recipient_type, recipient_value, code, error, created_at, until)
		SELECT DISTINCT ON (recipient_value, recipient_type, channel)
			attempt_id, channel, recipient_type, recipient_value, code, error, at, suppress_until
		FROM changed_deliveries WHERE suppress_until IS NOT NULL
			AND (recipient_value, recipient_type, channel) NOT IN (SELECT * FROM reached_addresses)
		ORDER BY recipient_value, recipient_type, channel, at DESC
		ON CONFLICT (recipient_value, recipient_type, channel) DO UPDATE SET
			id = excluded.id, code = excluded.code, error = excluded.error, created_at = excluded.created_at, until = excluded.until
	)`

// errNotAsked is the error of an insert that found suppressions where the replica knew of none.
// Nothing is written then.
var errNotAsked = errors.New("there are suppressions")

// readSuppressed queues the look-up of the suppressed ones among the addresses of acceptances.
func readSuppressed(queries *pgx.Batch, news []store.Acceptance, to *[]store.Suppression) {
	if values := store.SuppressibleOf(news); len(values) > 0 {
		into(queries, to, sqlread.Suppression,
			`SELECT `+sqlread.SuppressionColumns+` FROM suppressions WHERE recipient_value = ANY ($1) AND until > clock_timestamp()`, values)
	}
}

// checkSuppressions queues a statement that notes whether there are suppressions at all. It fails
// with errNotAsked when there are some and they were not looked up. So an installation without
// suppressions looks none up, and no replica misses one that another has written.
func (s *Store) checkSuppressions(queries *pgx.Batch, batch []store.Acceptance, asked bool) {
	if !slices.ContainsFunc(batch, func(a store.Acceptance) bool { return a.Suppressible }) {
		return
	}
	queries.Queue(`SELECT EXISTS (SELECT FROM suppressions)`).QueryRow(func(row pgx.Row) error {
		var some bool
		if err := row.Scan(&some); err != nil {
			return err
		}
		s.suppressing.Store(some)
		if some && !asked {
			return errNotAsked
		}
		return nil
	})
}

// DeleteSuppression implements store.Suppressions.
func (s *Store) DeleteSuppression(ctx context.Context, id uuid.UUID, audit store.AuditEntry) error {
	deleted, err := s.audited(ctx, audit, `DELETE FROM suppressions WHERE id = $1`, id)
	if err == nil && !deleted {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete suppression %s: %w", id, marked(err))
	}
	return nil
}

// ForgetSuppressions implements store.Suppressions. It skips those that another transaction has locked:
// they are being renewed.
func (s *Store) ForgetSuppressions(ctx context.Context, endedBy time.Time, limit int) (int, error) {
	tag, err := s.pool.Exec(ctx, `
		DELETE FROM suppressions WHERE id IN (SELECT id FROM suppressions WHERE until <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`, endedBy, limit)
	if err != nil {
		return 0, fmt.Errorf("forget suppressions: %w", marked(err))
	}
	return int(tag.RowsAffected()), nil
}
