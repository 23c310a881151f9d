package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
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

const (
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
				CASE WHEN e.status = 'success' THEN '` + store.CodeDigested + `' ELSE e.last_code END AS code, e.last_error AS error
			FROM ended_digests e JOIN deliveries i ON i.digest_id = e.id AND i.id <> e.id
			WHERE i.status <> 'success' AND i.job_id <> 0
		), updated_deliveries AS (
			UPDATE deliveries d SET status = c.status, provider = c.provider, last_code = c.code, last_error = c.error, updated_at = c.at
			FROM changed_deliveries c WHERE d.id = c.delivery_id
		), ` + moveCounts + `
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

// CloseDigest implements store.Digests. The second statement sees every item: Accept holds the
// digest's row until its items are committed.
func (s *Store) CloseDigest(ctx context.Context, id uuid.UUID, most int) (items [][]byte, count int, err error) {
	var queries pgx.Batch
	queries.Queue(`DELETE FROM digests WHERE id = $1`, id)
	queries.Queue(sqlread.DigestItems, id, most).Query(func(rows pgx.Rows) (err error) {
		items, err = collect(rows, func(row sqlread.Row) (params []byte, err error) {
			err = row.Scan(&params, &count)
			return params, err
		})
		return err
	})
	if err := s.pool.SendBatch(ctx, &queries).Close(); err != nil {
		return nil, 0, fmt.Errorf("close digest %s: %w", id, marked(err))
	}
	slices.Reverse(items)
	return items, count, nil
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
