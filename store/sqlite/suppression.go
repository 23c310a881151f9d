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

// suppress suppresses the address of an outcome that was refused for good, and ends the suppression
// of one that something has arrived at.
func suppress(ctx context.Context, tx *sql.Tx, of move, o store.Outcome) error {
	a, r := o.Attempt, of.recipient
	var err error
	switch {
	case o.Status == store.DeliverySuccess && !of.test:
		_, err = tx.ExecContext(ctx, `DELETE FROM suppressions WHERE recipient_value = ? AND recipient_type = ? AND channel = ?`,
			r.Value, r.Type, of.channel)
	case o.SuppressUntil != nil:
		_, err = tx.ExecContext(ctx, `
			INSERT INTO suppressions (id, channel, recipient_type, recipient_value, code, error, created_at, until)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (recipient_value, recipient_type, channel) DO UPDATE SET
				id = excluded.id, code = excluded.code, error = excluded.error, created_at = excluded.created_at, until = excluded.until`,
			a.ID, of.channel, r.Type, r.Value, a.Code, a.Error, a.FinishedAt.UnixMicro(), o.SuppressUntil.UnixMicro())
	}
	return err
}

// readSuppressed returns the suppressions in force of the addresses of acceptances. Where there are
// none at all, no address is looked up.
func readSuppressed(ctx context.Context, tx *sql.Tx, news []store.Acceptance) ([]store.Suppression, error) {
	values := store.SuppressibleOf(news)
	if len(values) == 0 {
		return nil, nil
	}
	var some bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM suppressions)`).Scan(&some)
	if err != nil || !some {
		return nil, err
	}
	found, err := query(ctx, tx, sqlread.Suppression,
		`SELECT `+sqlread.SuppressionColumns+` FROM suppressions WHERE recipient_value IN `+listed+` AND until > $2`, array(values), store.Now())
	if err != nil {
		return nil, fmt.Errorf("read suppressions: %w", err)
	}
	return found, nil
}

// DeleteSuppression implements store.Suppressions.
func (s *Store) DeleteSuppression(ctx context.Context, id uuid.UUID, audit store.AuditEntry) error {
	deleted, err := s.audited(ctx, audit, `DELETE FROM suppressions WHERE id = ?`, id)
	if err == nil && !deleted {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete suppression %s: %w", id, err)
	}
	return nil
}

// ForgetSuppressions implements store.Suppressions.
func (s *Store) ForgetSuppressions(ctx context.Context, endedBy time.Time, limit int) (int, error) {
	n, err := s.execute(ctx, `DELETE FROM suppressions WHERE id IN (SELECT id FROM suppressions WHERE until <= ? LIMIT ?)`, endedBy, limit)
	if err != nil {
		return 0, fmt.Errorf("forget suppressions: %w", err)
	}
	return n, nil
}
