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
		tally := store.Tally{}
		for i, o := range batch {
			var err error
			if recorded[i], err = s.recordOne(ctx, tx, o, tally); err != nil {
				return err
			}
		}
		return writeCounts(ctx, tx, tally.Counts())
	})
	if err != nil {
		return nil, fmt.Errorf("record outcomes: %w", err)
	}
	return recorded, nil
}

// recordOne records an outcome and adds it to the tally.
func (s *Store) recordOne(ctx context.Context, tx *sql.Tx, o store.Outcome, tally store.Tally) (bool, error) {
	a := o.Attempt
	var isRecorded bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM attempts WHERE delivery_id = ? AND id = ?)`,
		a.DeliveryID, a.ID).Scan(&isRecorded)
	if err != nil || isRecorded {
		return isRecorded, err
	}
	before, err := moveOf(ctx, tx, `id = ? AND job_id = ? AND attempts < ? AND status <> 'success'`, a.DeliveryID, a.JobID, a.Attempt)
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
			updated_at = ?10,
			next_provider = coalesce(nullif(?11, ''), next_provider),
			pinned = pinned OR ?12,
			reference = coalesce(nullif(?13, ''), reference),
			card = coalesce(nullif(?14, ''), card)
		WHERE id = ?1`,
		a.DeliveryID, o.Status, o.Unspent, a.Attempt, a.Provider, micros(o.NextRetryAt),
		a.Code, a.Error, text(a.Details), a.FinishedAt.UnixMicro(), o.NextProvider, o.Pinned, o.Reference, o.Card)
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
	if err := moveJob(ctx, tx, a.JobID, o.Line); err != nil {
		return false, err
	}
	if err := suppress(ctx, tx, before, o); err != nil {
		return false, err
	}
	if err := s.insertAskJob(ctx, tx, a.DeliveryID, o.AskAt); err != nil {
		return false, err
	}
	if err := endTurn(ctx, tx, o); err != nil {
		return false, err
	}
	if o.Digest {
		if err := s.endItems(ctx, tx, a.DeliveryID); err != nil {
			return false, err
		}
	}
	before.provider = a.Provider
	return true, s.count(ctx, tx, tally, before, o.Status, o.CountedCode(), o.TookBucket(), a.FinishedAt)
}

// MoveDeliveries implements store.Deliveries.
func (s *Store) MoveDeliveries(ctx context.Context, batch []store.Move) ([]bool, error) {
	moved := make([]bool, len(batch))
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		for i, m := range batch {
			n, err := changed(ctx, tx, `UPDATE deliveries SET next_provider = ?
				WHERE id = ? AND job_id = ? AND status IN ('pending', 'failed')`, m.NextProvider, m.DeliveryID, m.JobID)
			if err != nil {
				return err
			}
			if moved[i] = n > 0; moved[i] {
				if err := moveJob(ctx, tx, m.JobID, m.Line); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("move deliveries: %w", err)
	}
	return moved, nil
}

// move is a delivery whose status is about to change.
type move struct {
	id, notification            uuid.UUID
	status                      store.DeliveryStatus // as it is stored
	channel, template, provider string
	recipient                   store.Recipient
	test                        bool
}

// moveOf reads the delivery that the condition chooses, or returns sql.ErrNoRows.
func moveOf(ctx context.Context, tx *sql.Tx, condition string, args ...any) (m move, err error) {
	err = tx.QueryRowContext(ctx, `SELECT id, notification_id, status, channel, template_name, provider, recipient_type, recipient_value, test
		FROM deliveries WHERE `+condition, args...).
		Scan(&m.id, &m.notification, &m.status, &m.channel, &m.template, &m.provider, &m.recipient.Type, &m.recipient.Value, &m.test)
	return m, err
}

// count moves the notification's counts, tells of the new status and adds it to the tally.
func (s *Store) count(
	ctx context.Context, tx *sql.Tx, tally store.Tally, m move, status store.DeliveryStatus, code string, took int, at time.Time,
) error {
	app, err := s.moveCounts(ctx, tx, m, status, code, at)
	if err != nil || m.test || status == store.DeliveryCancelled {
		return err
	}
	if status == store.DeliverySuccess {
		code = ""
	}
	tally.Add(at, store.Count{
		AppID: app, Channel: m.channel, Template: m.template, Provider: m.provider,
		Counted: store.Counted(status), Code: code, Took: took,
	})
	return nil
}

// moveCounts moves the notification's counts by the change of the delivery's status, tells of what has
// ended, and returns the notification's app.
func (s *Store) moveCounts(
	ctx context.Context, tx *sql.Tx, m move, status store.DeliveryStatus, code string, at time.Time,
) (app string, err error) {
	var now finished
	err = tx.QueryRowContext(ctx, `
		UPDATE notifications SET
			failed = failed + (?3 = 'failed') - (?2 = 'failed'),
			success = success + (?3 = 'success') - (?2 = 'success'),
			dead = dead + (?3 = 'dead') - (?2 = 'dead'),
			cancelled = cancelled + (?3 = 'cancelled') - (?2 = 'cancelled'),
			updated_at = max(updated_at, ?4)
		WHERE id = ?1 RETURNING `+finishedColumns, m.notification, m.status, status, at.UnixMicro()).Scan(now.into()...)
	if err != nil || !now.tells {
		return now.app, err
	}
	var events []store.Event
	if !status.Open() {
		events = append(events, store.Event{
			AppID: now.app, Type: store.EventType("delivery." + status), At: at, NotificationID: m.notification, DeliveryID: m.id,
			Channel: m.channel, Status: string(status), Code: code, Test: m.test,
		})
	}
	return now.app, s.writeEvents(ctx, tx, append(events, now.events(m.notification)...))
}

// CloseOrphans implements store.Deliveries.
func (s *Store) CloseOrphans(ctx context.Context, batch []store.Closing) ([]bool, error) {
	closed := make([]bool, len(batch))
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		tally := store.Tally{}
		for i, c := range batch {
			var err error
			if closed[i], err = s.closeDelivery(ctx, tx, c, tally); err != nil {
				return err
			}
			if closed[i] {
				if err := s.insertAskJob(ctx, tx, c.DeliveryID, c.AskAt); err != nil {
					return err
				}
			}
		}
		return writeCounts(ctx, tx, tally.Counts())
	})
	if err != nil {
		return nil, fmt.Errorf("close orphans: %w", err)
	}
	return closed, nil
}

// closeDelivery closes a delivery that is still open and has the same job, and adds it to the
// tally; a cancelled one is not counted. An item leaves its digest, and a digest ends its items.
func (s *Store) closeDelivery(ctx context.Context, tx *sql.Tx, c store.Closing, tally store.Tally) (bool, error) {
	before, err := moveOf(ctx, tx, `id = ? AND job_id = ? AND status IN ('pending', 'failed')`, c.DeliveryID, c.JobID)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE deliveries SET status = ?, next_retry_at = NULL, last_code = ?, last_error = ?, updated_at = ?,
			digest_id = CASE WHEN digest_id = id THEN id END
		WHERE id = ?`, c.Status, c.Code, c.Error, c.At.UnixMicro(), c.DeliveryID)
	if err != nil {
		return false, err
	}
	if err := s.endItems(ctx, tx, c.DeliveryID); err != nil {
		return false, err
	}
	return true, s.count(ctx, tx, tally, before, c.Status, c.Code, 0, c.At)
}

// Reopen implements store.Deliveries.
func (s *Store) Reopen(ctx context.Context, id uuid.UUID, jobID int64, attempts int) (bool, error) {
	reopened := false
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		before, err := moveOf(ctx, tx, `id = ? AND job_id = ? AND status IN ('dead', 'cancelled')`, id, jobID)
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
		_, err = s.moveCounts(ctx, tx, before, store.DeliveryPending, "", now)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("reopen delivery %s: %w", id, err)
	}
	return reopened, nil
}
