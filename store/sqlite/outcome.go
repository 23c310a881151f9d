package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// Record implements store.Deliveries.
func (s *Store) Record(ctx context.Context, batch []store.Outcome) ([]bool, error) {
	recorded := make([]bool, len(batch))
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		for i, o := range batch {
			var err error
			if recorded[i], err = recordOne(ctx, tx, o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("record outcomes: %w", err)
	}
	return recorded, nil
}

func recordOne(ctx context.Context, tx *sql.Tx, o store.Outcome) (bool, error) {
	a := o.Attempt
	var before bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM attempts WHERE delivery_id = ? AND id = ?)`,
		a.DeliveryID, a.ID).Scan(&before)
	if err != nil || before {
		return before, err
	}
	notification, was, err := current(ctx, tx,
		`SELECT notification_id, status FROM deliveries WHERE id = ? AND job_id = ? AND attempts < ? AND status <> 'success'`,
		a.DeliveryID, a.JobID, a.Attempt)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE deliveries SET
			status = ?2,
			attempts = CASE WHEN ?3 THEN attempts ELSE ?4 END,
			provider = ?5,
			next_retry_at = CASE WHEN ?2 = 'failed' THEN ?6 END,
			last_code = CASE WHEN ?2 = 'success' THEN '' ELSE ?7 END,
			last_error = CASE WHEN ?2 = 'success' THEN '' ELSE ?8 END,
			details = ?9,
			updated_at = ?10
		WHERE id = ?1`,
		a.DeliveryID, o.Status, o.Throttled, a.Attempt, a.Provider, toMicrosOrNull(o.NextRetryAt),
		a.Code, a.Error, text(a.Details), a.FinishedAt.UnixMicro())
	if err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO attempts (id, delivery_id, job_id, attempt, provider, class, code, error, details,
			started_at, finished_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.ID, a.DeliveryID, a.JobID, a.Attempt, a.Provider, a.Class, a.Code, a.Error, text(a.Details),
		a.StartedAt.UnixMicro(), a.FinishedAt.UnixMicro())
	if err != nil {
		return false, err
	}
	return true, rollUp(ctx, tx, notification, was, o.Status, a.FinishedAt)
}

// current reads a delivery's notification and stored status.
func current(ctx context.Context, tx *sql.Tx, sql string, args ...any) (
	notification uuid.UUID, status store.DeliveryStatus, err error,
) {
	err = tx.QueryRowContext(ctx, sql, args...).Scan(&notification, &status)
	return notification, status, err
}

// rollUp moves a notification's counts by what became of one of its deliveries.
func rollUp(ctx context.Context, tx *sql.Tx, notification uuid.UUID, was, is store.DeliveryStatus, at time.Time) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE notifications SET
			failed = failed + (?3 = 'failed') - (?2 = 'failed'),
			success = success + (?3 = 'success') - (?2 = 'success'),
			dead = dead + (?3 = 'dead') - (?2 = 'dead'),
			cancelled = cancelled + (?3 = 'cancelled') - (?2 = 'cancelled'),
			updated_at = max(updated_at, ?4)
		WHERE id = ?1`, notification, was, is, at.UnixMicro())
	return err
}

// Strays implements store.Deliveries.
func (s *Store) Strays(ctx context.Context, after uuid.UUID, limit int) ([]store.Stray, error) {
	strays, err := query(ctx, s.read, scanStray, `
		SELECT d.id, d.job_id, coalesce(j.state, ''), coalesce(j.attempt, 0), d.attempts
		FROM deliveries d LEFT JOIN river_job j ON j.id = d.job_id
		WHERE d.status IN ('pending', 'failed') AND d.id > ?
			AND (j.id IS NULL OR j.state IN ('cancelled', 'discarded', 'completed'))
		ORDER BY d.id LIMIT ?`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("strays: %w", err)
	}
	return strays, nil
}

func scanStray(row row) (store.Stray, error) {
	var stray store.Stray
	err := row.Scan(&stray.DeliveryID, &stray.JobID, &stray.JobState, &stray.JobAttempt, &stray.Attempts)
	return stray, err
}

// Settle implements store.Deliveries.
func (s *Store) Settle(ctx context.Context, batch []store.Settlement) (int, error) {
	settled := 0
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		for _, settlement := range batch {
			closed, err := settleOne(ctx, tx, settlement)
			if err != nil {
				return err
			}
			if closed {
				settled++
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("settle strays: %w", err)
	}
	return settled, nil
}

func settleOne(ctx context.Context, tx *sql.Tx, t store.Settlement) (bool, error) {
	notification, was, err := current(ctx, tx, `
		SELECT notification_id, status FROM deliveries
		WHERE id = ? AND job_id = ? AND status IN ('pending', 'failed')`, t.DeliveryID, t.JobID)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE deliveries SET status = ?, next_retry_at = NULL, last_code = ?, last_error = ?, updated_at = ?
		WHERE id = ?`, t.Status, t.Code, t.Error, t.At.UnixMicro(), t.DeliveryID)
	if err != nil {
		return false, err
	}
	return true, rollUp(ctx, tx, notification, was, t.Status, t.At)
}

// Reopen implements store.Deliveries.
func (s *Store) Reopen(ctx context.Context, id uuid.UUID, jobID int64, attempts int) (bool, error) {
	reopened := false
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		notification, was, err := current(ctx, tx, `
			SELECT notification_id, status FROM deliveries
			WHERE id = ? AND job_id = ? AND status IN ('dead', 'cancelled')`, id, jobID)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		now := store.Now()
		_, err = tx.ExecContext(ctx, `UPDATE deliveries SET status = 'pending', attempts = ?, updated_at = ? WHERE id = ?`,
			attempts, now.UnixMicro(), id)
		if err != nil {
			return err
		}
		reopened = true
		return rollUp(ctx, tx, notification, was, store.DeliveryPending, now)
	})
	if err != nil {
		return false, fmt.Errorf("reopen delivery %s: %w", id, err)
	}
	return reopened, nil
}
