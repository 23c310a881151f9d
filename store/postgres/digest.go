package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// lockDigests returns the open digests that the deliveries of acceptances go into, and opens those
// that are not. It locks them until the transaction ends. Acceptances without digests cost nothing.
func lockDigests(ctx context.Context, tx pgx.Tx, news []store.Acceptance) ([]store.OpenDigest, error) {
	plans := store.DigestPlans(news)
	if len(plans) == 0 {
		return nil, nil
	}
	open, err := query(ctx, tx, sqlread.OpenDigest, `
		INSERT INTO digests AS o (`+sqlread.DigestColumns+`)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::timestamptz[])
		ON CONFLICT (recipient_value, recipient_type, kind, channel, app_id, key) DO UPDATE SET send_at = o.send_at
		RETURNING `+sqlread.DigestColumns,
		column(plans, func(p *store.DigestPlan) string { return p.Value }),
		column(plans, func(p *store.DigestPlan) string { return p.Type }),
		column(plans, func(p *store.DigestPlan) string { return p.Kind }),
		column(plans, func(p *store.DigestPlan) string { return p.Channel }),
		column(plans, func(p *store.DigestPlan) string { return p.AppID }),
		column(plans, func(p *store.DigestPlan) string { return p.Key }),
		column(plans, func(p *store.DigestPlan) [16]byte { return p.ID }),
		column(plans, func(p *store.DigestPlan) time.Time { return p.SendAt }))
	if err != nil {
		return nil, fmt.Errorf("lock digests: %w", err)
	}
	return open, nil
}

var (
	// lockOpenDigests locks the open digests among the deliveries $1, and those that these are items
	// of. It is the first statement of a transaction that may end them, and locks in the order in
	// which Accept does.
	lockOpenDigests = `
		SELECT FROM digests WHERE id IN (SELECT digest_id FROM deliveries WHERE id = ANY ($1::uuid[]) AND digest_id IS NOT NULL)
		ORDER BY recipient_value, recipient_type, kind, channel, app_id, key FOR UPDATE`
	// endItems closes the digests among the deliveries $1 that have ended, and ends their items as
	// they did. An item that had ended with its digest before ends again: the digest was sent again.
	endItems = `
		WITH ended_digests AS (
			SELECT id, status, provider, last_code, last_error, updated_at FROM deliveries
			WHERE id = ANY ($1::uuid[]) AND digest_id = id AND status IN ('success', 'dead', 'cancelled')
		), closed_digests AS (
			DELETE FROM digests WHERE id IN (SELECT id FROM ended_digests)
		), changed_deliveries AS (
			SELECT i.id AS delivery_id, i.notification_id, i.status AS old_status, e.status, e.provider, e.updated_at AS at,
				CASE WHEN e.status = 'success' THEN '` + store.CodeDigested + `' ELSE e.last_code END AS code, e.last_error AS error,
				i.channel, i.test
			FROM ended_digests e JOIN deliveries i ON i.digest_id = e.id AND i.id <> e.id
			WHERE i.status <> 'success' AND i.job_id <> 0
		), updated_deliveries AS (
			UPDATE deliveries d SET status = c.status, provider = c.provider, last_code = c.code, last_error = c.error, updated_at = c.at
			FROM changed_deliveries c WHERE d.id = c.delivery_id
		), ` + moveCounts + `, ` + tellChanges + `
		SELECT FROM changed_deliveries`
)

// digestsOf returns the digests whose outcomes a batch has.
func digestsOf(batch []store.Outcome) [][16]byte {
	var digests [][16]byte
	for _, o := range batch {
		if o.Digest {
			digests = append(digests, o.Attempt.DeliveryID)
		}
	}
	return digests
}

// CloseDigest implements store.Digests. It locks in the order of Accept: the counter, and the digest,
// which Accept holds until its items are committed, so all are seen.
func (s *Store) CloseDigest(ctx context.Context, c store.DigestClosing) (closed store.ClosedDigest, err error) {
	id := c.Digest.ID
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		closed = store.ClosedDigest{}
		if _, err := lockKnown(ctx, tx, c.Asking(nil), false); err != nil {
			return err
		}
		open, err := tx.Exec(ctx, `SELECT FROM digests WHERE id = $1 FOR UPDATE`, id)
		if err == nil && open.RowsAffected() > 0 {
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
		return store.ClosedDigest{}, fmt.Errorf("close digest %s: %w", id, marked(err))
	}
	slices.Reverse(closed.Items)
	return closed, nil
}

// endWindow closes a digest that is locked, unless a cap holds it: then it returns until when.
func (s *Store) endWindow(ctx context.Context, tx pgx.Tx, c store.DigestClosing) (held time.Time, err error) {
	id := c.Digest.ID
	items, err := query(ctx, tx, sqlread.DigestItem, sqlread.WaitingItems, id)
	if err != nil {
		return held, err
	}
	known, err := lockKnown(ctx, tx, c.Asking(items), true)
	if err != nil {
		return held, err
	}
	var queries pgx.Batch
	end := c.End(items, known)
	if !end.Held.IsZero() {
		queries.Queue(`UPDATE digests SET send_at = $2 WHERE id = $1`, id, end.Held)
		queries.Queue(`UPDATE deliveries SET send_at = $2 WHERE digest_id = $1 AND status = 'pending'`, id, end.Held)
		return end.Held, tx.SendBatch(ctx, &queries).Close()
	}
	if len(end.Left) > 0 {
		queries.Queue(lockNotifications, column(end.Left, func(l *store.Closing) [16]byte { return l.DeliveryID }))
		queries.Queue(closeDeliveries, s.closeArgs(end.Left)...)
	}
	writeRecipientUses(&queries, end.Used)
	queries.Queue(`DELETE FROM digests WHERE id = $1`, id)
	return held, tx.SendBatch(ctx, &queries).Close()
}

// WriteDigest implements store.Digests.
func (s *Store) WriteDigest(ctx context.Context, m store.Message) (store.Message, error) {
	_, err := s.pool.Exec(ctx, `
		INSERT INTO messages (id, notification_id, channel, template_name, template_version, msg_type, subject, body,
			template_code, template_codes, params)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING`,
		m.ID, m.NotificationID, m.Channel, m.TemplateName, m.TemplateVersion, m.MsgType, m.Subject, m.Body,
		m.TemplateCode, m.TemplateCodes.JSON(), m.Params)
	if err != nil {
		return store.Message{}, fmt.Errorf("write digest %s: %w", m.NotificationID, marked(err))
	}
	return s.Message(ctx, m.ID)
}
