package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// insertDeliveries writes new deliveries; jobs holds the River job of each, by
// position.
func insertDeliveries(ctx context.Context, tx *sql.Tx, deliveries []store.Delivery, jobs []int64) error {
	insert, err := tx.PrepareContext(ctx, `
		INSERT INTO deliveries (id, notification_id, message_id, job_id, channel, provider, template_name,
			recipient_type, recipient_value, max_retry, created_at, updated_at, template_version, send_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	for i, d := range deliveries {
		_, err := insert.ExecContext(ctx, d.ID, d.NotificationID, d.MessageID, jobs[i], d.Channel, d.Provider,
			d.TemplateName, d.Recipient.Type, d.Recipient.Value, d.MaxRetry,
			d.CreatedAt.UnixMicro(), d.UpdatedAt.UnixMicro(),
			d.TemplateVersion, toMicrosOrNull(d.SendAt), toMicrosOrNull(d.ExpiresAt))
		if err != nil {
			return err
		}
	}
	return nil
}

// deliveryColumns are followed by the status, stored or derived.
const deliveryColumns = `d.id, d.notification_id, d.message_id, d.job_id, d.channel, d.provider,
	coalesce(d.provider_override, ''), d.template_name, d.recipient_type, d.recipient_value, d.attempts, d.max_retry, d.next_retry_at,
	d.last_code, d.last_error, d.details, d.created_at, d.updated_at, d.template_version, d.send_at, d.expires_at`

func scanDelivery(row row) (store.Delivery, error) {
	var (
		d                 store.Delivery
		next, send, until sql.NullInt64
		created, updated  int64
	)
	err := row.Scan(&d.ID, &d.NotificationID, &d.MessageID, &d.JobID, &d.Channel, &d.Provider,
		&d.ProviderOverride, &d.TemplateName, &d.Recipient.Type, &d.Recipient.Value, &d.Attempts, &d.MaxRetry, &next,
		&d.LastCode, &d.LastError, &d.Details, &created, &updated,
		&d.TemplateVersion, &send, &until, &d.Status)
	d.NextRetryAt, d.SendAt, d.ExpiresAt = fromMicrosOrNull(next), fromMicrosOrNull(send), fromMicrosOrNull(until)
	d.CreatedAt, d.UpdatedAt = fromMicros(created), fromMicros(updated)
	return d, err
}

// shown is the end of a SELECT of deliveries as people see them: the status of one
// whose job is running is derived.
const shown = `, CASE WHEN j.id IS NULL THEN d.status ELSE 'processing' END
	FROM deliveries d
	LEFT JOIN river_job j ON j.id = d.job_id AND j.state = 'running' AND d.status IN ('pending', 'failed')`

// Delivery implements store.Deliveries.
func (s *Store) Delivery(ctx context.Context, id uuid.UUID) (store.Delivery, error) {
	d, err := scanDelivery(s.read.QueryRowContext(ctx,
		`SELECT `+deliveryColumns+`, d.status FROM deliveries d WHERE d.id = ?`, id))
	if err != nil {
		return store.Delivery{}, fmt.Errorf("delivery %s: %w", id, found(err))
	}
	return d, nil
}

// FindDeliveries implements store.Deliveries.
func (s *Store) FindDeliveries(ctx context.Context, ids []uuid.UUID) ([]store.Delivery, error) {
	deliveries, err := query(ctx, s.read, scanDelivery,
		`SELECT `+deliveryColumns+`, d.status FROM deliveries d WHERE d.id IN `+among, array(ids))
	if err != nil {
		return nil, fmt.Errorf("find deliveries: %w", err)
	}
	return deliveries, nil
}

// DeliveriesOf implements store.Deliveries.
func (s *Store) DeliveriesOf(ctx context.Context, notificationID, after uuid.UUID, limit int) ([]store.Delivery, error) {
	deliveries, err := query(ctx, s.read, scanDelivery, `
		SELECT `+deliveryColumns+shown+`
		WHERE d.notification_id = ? AND d.id > ?
		ORDER BY d.id LIMIT ?`, notificationID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("deliveries of notification %s: %w", notificationID, err)
	}
	return deliveries, nil
}

const messageColumns = `id, notification_id, channel, template_name, template_version, msg_type, subject, body,
	template_code, params`

func scanMessage(row row) (store.Message, error) {
	var m store.Message
	err := row.Scan(&m.ID, &m.NotificationID, &m.Channel, &m.TemplateName, &m.TemplateVersion, &m.MsgType, &m.Subject, &m.Body,
		&m.TemplateCode, &m.Params)
	return m, err
}

// Message implements store.Deliveries.
func (s *Store) Message(ctx context.Context, id uuid.UUID) (store.Message, error) {
	m, err := scanMessage(s.read.QueryRowContext(ctx, `SELECT `+messageColumns+` FROM messages WHERE id = ?`, id))
	if err != nil {
		return store.Message{}, fmt.Errorf("message %s: %w", id, found(err))
	}
	return m, nil
}

// FindMessages implements store.Deliveries.
func (s *Store) FindMessages(ctx context.Context, ids []uuid.UUID) ([]store.Message, error) {
	messages, err := query(ctx, s.read, scanMessage,
		`SELECT `+messageColumns+` FROM messages WHERE id IN `+among, array(ids))
	if err != nil {
		return nil, fmt.Errorf("find messages: %w", err)
	}
	return messages, nil
}

func scanAttempt(row row) (store.Attempt, error) {
	var (
		a                 store.Attempt
		started, finished int64
	)
	err := row.Scan(&a.ID, &a.DeliveryID, &a.JobID, &a.Attempt, &a.Provider, &a.Class, &a.Code, &a.Error,
		&a.Details, &started, &finished)
	a.StartedAt, a.FinishedAt = fromMicros(started), fromMicros(finished)
	return a, err
}

// Attempts implements store.Deliveries.
func (s *Store) Attempts(ctx context.Context, deliveryID uuid.UUID) ([]store.Attempt, error) {
	attempts, err := query(ctx, s.read, scanAttempt, `
		SELECT id, delivery_id, job_id, attempt, provider, class, code, error, details, started_at, finished_at
		FROM attempts WHERE delivery_id = ? ORDER BY started_at, id`, deliveryID)
	if err != nil {
		return nil, fmt.Errorf("attempts of delivery %s: %w", deliveryID, err)
	}
	return attempts, nil
}
