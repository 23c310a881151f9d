package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// byReference returns the deliveries of references, with their positions in the batch.
const byReference = `
	SELECT r.position - 1, d.id
	FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS r (provider, reference, position),
		LATERAL (SELECT id FROM deliveries WHERE reference = r.reference AND reference <> '' AND provider = r.provider
			ORDER BY id DESC LIMIT 1) d`

// setReceipts sets the receipts that are stronger than those that are there, tells of them, and returns their
// deliveries. $5 is the order of receipts, and $6 the present time: a vendor's own may be older than what an endpoint
// was told last.
var setReceipts = `
	WITH stronger_receipts AS (
		SELECT r.*, d.notification_id, d.channel, d.test
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[]) AS r (delivery_id, receipt, code, at),
			` + rowOf("deliveries", "r.delivery_id") + ` d
		WHERE array_position($5::text[], r.receipt) > array_position($5::text[], d.receipt)
	), updated_deliveries AS (
		UPDATE deliveries d SET receipt = c.receipt, receipt_code = c.code, receipt_at = c.at
		FROM stronger_receipts c WHERE d.id = c.delivery_id
	), told_events AS (
		SELECT n.app_id, '` + store.ReceiptEvents + `' || c.receipt AS type, $6::timestamptz AS at, c.notification_id, c.delivery_id,
			c.channel, c.receipt AS status, c.code, c.test
		FROM stronger_receipts c, ` + rowOf("notifications", "c.notification_id") + ` n WHERE EXISTS (SELECT FROM endpoints)
	), ` + writeNewEvents + `
	SELECT delivery_id FROM stronger_receipts`

// SetReceipts implements store.Receipts.
func (s *Store) SetReceipts(ctx context.Context, batch []store.Received) ([]bool, error) {
	ids, err := s.receivers(ctx, batch)
	if err != nil {
		return nil, fmt.Errorf("find deliveries of receipts: %w", err)
	}
	changed, err := s.change(ctx, ids, setReceipts, ids,
		column(batch, func(r *store.Received) string { return string(r.Receipt) }),
		column(batch, func(r *store.Received) string { return r.Code }),
		column(batch, func(r *store.Received) time.Time { return r.At }),
		column(store.ReceiptOrder, func(r *store.Receipt) string { return string(*r) }), store.Now())
	if err != nil {
		return nil, fmt.Errorf("set receipts: %w", err)
	}
	return areIn(changed, ids), nil
}

// receivers returns the deliveries of receipts, in their order; uuid.Nil where none has the reference. Only
// references are looked up.
func (s *Store) receivers(ctx context.Context, batch []store.Received) ([][16]byte, error) {
	ids := column(batch, func(r *store.Received) [16]byte { return r.DeliveryID })
	var providers, references []string
	var positions []int
	for i, r := range batch {
		if r.DeliveryID == uuid.Nil {
			providers, references, positions = append(providers, r.Provider), append(references, r.Reference), append(positions, i)
		}
	}
	if len(positions) == 0 {
		return ids, nil
	}
	_, err := query(ctx, s.pool, func(row sqlread.Row) (struct{}, error) {
		var position int
		var id uuid.UUID
		err := row.Scan(&position, &id)
		if err == nil {
			ids[positions[position]] = id
		}
		return struct{}{}, err
	}, byReference, providers, references)
	return ids, err
}
