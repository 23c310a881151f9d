package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
)

// queueDeliveries queues the insert of new deliveries; jobs holds the River job of
// each, by position.
func queueDeliveries(tx *transaction, deliveries []store.Delivery, jobs []int64) {
	tx.Queue(`
		INSERT INTO deliveries (id, notification_id, message_id, job_id, channel, provider, template_name,
			recipient_type, recipient_value, max_retry, created_at, updated_at, template_version, send_at, expires_at)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[],
			$8::text[], $9::text[], $10::integer[], $11::timestamptz[], $12::timestamptz[], $13::integer[],
			$14::timestamptz[], $15::timestamptz[])`,
		column(deliveries, func(d *store.Delivery) [16]byte { return d.ID }),
		column(deliveries, func(d *store.Delivery) [16]byte { return d.NotificationID }),
		column(deliveries, func(d *store.Delivery) [16]byte { return d.MessageID }),
		jobs,
		column(deliveries, func(d *store.Delivery) string { return d.Channel }),
		column(deliveries, func(d *store.Delivery) string { return d.Provider }),
		column(deliveries, func(d *store.Delivery) string { return d.TemplateName }),
		column(deliveries, func(d *store.Delivery) string { return d.Recipient.Type }),
		column(deliveries, func(d *store.Delivery) string { return d.Recipient.Value }),
		column(deliveries, func(d *store.Delivery) int { return d.MaxRetry }),
		column(deliveries, func(d *store.Delivery) time.Time { return d.CreatedAt }),
		column(deliveries, func(d *store.Delivery) time.Time { return d.UpdatedAt }),
		column(deliveries, func(d *store.Delivery) int { return d.TemplateVersion }),
		column(deliveries, func(d *store.Delivery) *time.Time { return d.SendAt }),
		column(deliveries, func(d *store.Delivery) *time.Time { return d.ExpiresAt }))
}

// deliveryColumns are followed by the status, stored or derived.
const deliveryColumns = `d.id, d.notification_id, d.message_id, d.job_id, d.channel, d.provider,
	coalesce(d.provider_override, ''), d.template_name, d.recipient_type, d.recipient_value, d.attempts, d.max_retry, d.next_retry_at,
	d.last_code, d.last_error, d.details, d.created_at, d.updated_at, d.template_version, d.send_at, d.expires_at`

func scanDelivery(row pgx.CollectableRow) (store.Delivery, error) {
	var d store.Delivery
	err := row.Scan(&d.ID, &d.NotificationID, &d.MessageID, &d.JobID, &d.Channel, &d.Provider,
		&d.ProviderOverride, &d.TemplateName, &d.Recipient.Type, &d.Recipient.Value, &d.Attempts, &d.MaxRetry, &d.NextRetryAt,
		&d.LastCode, &d.LastError, &d.Details, &d.CreatedAt, &d.UpdatedAt,
		&d.TemplateVersion, &d.SendAt, &d.ExpiresAt, &d.Status)
	return d, err
}

// shown is the end of a SELECT of deliveries as people see them: the status of one
// whose job is running is derived.
const shown = `, CASE WHEN j.id IS NULL THEN d.status ELSE 'processing' END
	FROM deliveries d
	LEFT JOIN river_job j ON j.id = d.job_id AND j.state = 'running' AND d.status IN ('pending', 'failed')`

// Delivery implements store.Deliveries.
func (s *Store) Delivery(ctx context.Context, id uuid.UUID) (store.Delivery, error) {
	d, err := queryOne(ctx, s.pool, scanDelivery,
		`SELECT `+deliveryColumns+`, d.status FROM deliveries d WHERE d.id = $1`, id)
	if err != nil {
		return store.Delivery{}, fmt.Errorf("delivery %s: %w", id, err)
	}
	return d, nil
}

// FindDeliveries implements store.Deliveries.
func (s *Store) FindDeliveries(ctx context.Context, ids []uuid.UUID) ([]store.Delivery, error) {
	deliveries, err := query(ctx, s.pool, scanDelivery,
		`SELECT `+deliveryColumns+`, d.status
		FROM unnest($1::uuid[]) AS wanted (key), `+rowOf("deliveries", "key")+` d`, bytesOf(ids))
	if err != nil {
		return nil, fmt.Errorf("find deliveries: %w", err)
	}
	return deliveries, nil
}

// DeliveriesOf implements store.Deliveries.
func (s *Store) DeliveriesOf(ctx context.Context, notificationID, after uuid.UUID, limit int) ([]store.Delivery, error) {
	deliveries, err := query(ctx, s.pool, scanDelivery, `
		SELECT `+deliveryColumns+shown+`
		WHERE d.notification_id = $1 AND d.id > $2
		ORDER BY d.id LIMIT $3`, notificationID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("deliveries of notification %s: %w", notificationID, err)
	}
	return deliveries, nil
}

const messageColumns = `id, notification_id, channel, template_name, template_version, msg_type, subject, body,
	template_code, params`

// Message implements store.Deliveries.
func (s *Store) Message(ctx context.Context, id uuid.UUID) (store.Message, error) {
	m, err := queryOne(ctx, s.pool, pgx.RowToStructByPos[store.Message],
		`SELECT `+messageColumns+` FROM messages WHERE id = $1`, id)
	if err != nil {
		return store.Message{}, fmt.Errorf("message %s: %w", id, err)
	}
	return m, nil
}

// FindMessages implements store.Deliveries.
func (s *Store) FindMessages(ctx context.Context, ids []uuid.UUID) ([]store.Message, error) {
	messages, err := query(ctx, s.pool, pgx.RowToStructByPos[store.Message],
		`SELECT `+messageColumns+` FROM unnest($1::uuid[]) AS wanted (key), `+rowOf("messages", "key")+` m`, bytesOf(ids))
	if err != nil {
		return nil, fmt.Errorf("find messages: %w", err)
	}
	return messages, nil
}

// Attempts implements store.Deliveries.
func (s *Store) Attempts(ctx context.Context, deliveryID uuid.UUID) ([]store.Attempt, error) {
	attempts, err := query(ctx, s.pool, pgx.RowToStructByPos[store.Attempt], `
		SELECT id, delivery_id, job_id, attempt, provider, class, code, error, details, started_at, finished_at
		FROM attempts WHERE delivery_id = $1 ORDER BY started_at, id`, deliveryID)
	if err != nil {
		return nil, fmt.Errorf("attempts of delivery %s: %w", deliveryID, err)
	}
	return attempts, nil
}
