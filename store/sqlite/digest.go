package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// openDigests returns the open digests that the deliveries of acceptances go into, and opens those
// that are not.
func openDigests(ctx context.Context, tx *sql.Tx, news []store.Acceptance) ([]store.OpenDigest, error) {
	var open []store.OpenDigest
	for _, p := range store.DigestPlans(news) {
		found, err := query(ctx, tx, sqlread.OpenDigest, `
			INSERT INTO digests (`+sqlread.DigestColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (recipient_value, recipient_type, kind, channel, app_id, key) DO UPDATE SET send_at = send_at
			RETURNING `+sqlread.DigestColumns,
			p.Value, p.Type, p.Kind, p.Channel, p.AppID, p.Key, p.ID, p.SendAt)
		if err != nil {
			return nil, fmt.Errorf("open digests: %w", err)
		}
		open = append(open, found...)
	}
	return open, nil
}

// endItems closes a digest that has ended, and ends its items as it did. It does nothing for any
// other delivery. An item that had ended with its digest before ends again: the digest was sent again.
func (s *Store) endItems(ctx context.Context, tx *sql.Tx, id uuid.UUID) error {
	var (
		status                store.DeliveryStatus
		provider, code, cause string
		at                    int64
	)
	err := tx.QueryRowContext(ctx, `SELECT status, provider, last_code, last_error, updated_at FROM deliveries
		WHERE id = ? AND digest_id = id AND status IN ('success', 'dead', 'cancelled')`, id).
		Scan(&status, &provider, &code, &cause, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if status == store.DeliverySuccess {
		code = store.CodeDigested
	}
	if _, err := changed(ctx, tx, `DELETE FROM digests WHERE id = ?`, id); err != nil {
		return err
	}
	items, err := query(ctx, tx, func(row sqlread.Row) (m move, err error) {
		err = row.Scan(&m.id, &m.notification, &m.status, &m.channel, &m.test)
		return m, err
	}, `UPDATE deliveries SET provider = ?2, last_code = ?3, last_error = ?4, updated_at = ?5
		WHERE digest_id = ?1 AND id <> ?1 AND status <> 'success' AND job_id <> 0 RETURNING id, notification_id, status, channel, test`,
		id, provider, code, cause, at)
	if err != nil {
		return err
	}
	for _, item := range items { // their status is the old one
		if _, err := s.moveCounts(ctx, tx, item, status, code, time.UnixMicro(at)); err != nil {
			return err
		}
	}
	_, err = changed(ctx, tx, `UPDATE deliveries SET status = ?2 WHERE digest_id = ?1 AND id <> ?1 AND status <> 'success' AND job_id <> 0`, id, status)
	return err
}

// CloseDigest implements store.Digests.
func (s *Store) CloseDigest(ctx context.Context, c store.DigestClosing) (closed store.ClosedDigest, err error) {
	id := c.Digest.ID
	err = s.inTx(ctx, func(tx *sql.Tx) (err error) {
		var open bool
		err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM digests WHERE id = ?)`, id).Scan(&open)
		if err == nil && open {
			closed.Held, err = s.endWindow(ctx, tx, c)
		}
		if err != nil || !closed.Held.IsZero() {
			return err
		}
		closed.Items, err = query(ctx, tx, func(row sqlread.Row) (params []byte, err error) {
			err = row.Scan(&params, &closed.Count)
			return params, err
		}, sqlread.DigestItems, id, c.Most)
		return err
	})
	if err != nil {
		return store.ClosedDigest{}, fmt.Errorf("close digest %s: %w", id, err)
	}
	slices.Reverse(closed.Items)
	return closed, nil
}

// endWindow closes a digest that is open, unless a cap holds it: then it returns until when.
func (s *Store) endWindow(ctx context.Context, tx *sql.Tx, c store.DigestClosing) (held time.Time, err error) {
	id := c.Digest.ID
	items, err := query(ctx, tx, sqlread.DigestItem, sqlread.WaitingItems, id)
	if err != nil {
		return held, err
	}
	known, err := readKnown(ctx, tx, c.Asking(items))
	if err != nil {
		return held, err
	}
	end := c.End(items, known)
	if !end.Held.IsZero() {
		if _, err := changed(ctx, tx, `UPDATE digests SET send_at = ?2 WHERE id = ?1`, id, end.Held); err != nil {
			return held, err
		}
		_, err = changed(ctx, tx, `UPDATE deliveries SET send_at = ?2 WHERE digest_id = ?1 AND status = 'pending'`, id, end.Held)
		return end.Held, err
	}
	tally := store.Tally{}
	for _, left := range end.Left {
		if _, err := s.closeDelivery(ctx, tx, left, tally); err != nil {
			return held, err
		}
	}
	if err := writeCounts(ctx, tx, tally.Counts()); err != nil {
		return held, err
	}
	if err := writeRecipientUses(ctx, tx, end.Used); err != nil {
		return held, err
	}
	_, err = changed(ctx, tx, `DELETE FROM digests WHERE id = ?`, id)
	return held, err
}

// WriteDigest implements store.Digests.
func (s *Store) WriteDigest(ctx context.Context, m store.Message) (store.Message, error) {
	_, err := s.execute(ctx, `
		INSERT INTO messages (id, notification_id, channel, template_name, template_version, msg_type, subject, body,
			template_code, template_codes, params)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		m.ID, m.NotificationID, m.Channel, m.TemplateName, m.TemplateVersion, m.MsgType, m.Subject, m.Body,
		m.TemplateCode, text(m.TemplateCodes.JSON()), text(m.Params))
	if err != nil {
		return store.Message{}, fmt.Errorf("write digest %s: %w", m.NotificationID, err)
	}
	return s.Message(ctx, m.ID)
}
