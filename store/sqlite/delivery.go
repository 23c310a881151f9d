package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

func insertDeliveries(ctx context.Context, tx *sql.Tx, deliveries []store.Delivery) error {
	insert, err := tx.PrepareContext(ctx, `
		INSERT INTO deliveries (id, notification_id, message_id, job_id, channel, provider, template_name,
			recipient_type, recipient_value, max_retry, created_at, updated_at, template_version, send_at, expires_at,
			recipient_configured, test, contact, locale, kind, quiet, status, last_code, last_error, digest_id,
			thread_id, thread_seq, resolved, anew, incident_id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	for _, d := range deliveries {
		_, err := insert.ExecContext(ctx, d.ID, d.NotificationID, d.MessageID, d.JobID, d.Channel, d.Provider,
			d.TemplateName, d.Recipient.Type, d.Recipient.Value, d.MaxRetry,
			d.CreatedAt.UnixMicro(), d.UpdatedAt.UnixMicro(),
			d.TemplateVersion, micros(d.SendAt), micros(d.ExpiresAt), d.Recipient.Configured, d.Test,
			d.Contact, d.Locale, d.Kind, d.Quiet, d.Status, d.LastCode, d.LastError,
			optionalID(d.DigestID), optionalID(d.ThreadID), d.ThreadSeq, d.Resolved, d.Anew,
			optionalID(d.IncidentID))
		if err != nil {
			return err
		}
	}
	return nil
}

// optionalID returns an id as it is stored; NULL for uuid.Nil.
func optionalID(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }

// FindDeliveries implements store.Deliveries.
func (s *Store) FindDeliveries(ctx context.Context, ids []uuid.UUID) ([]store.Delivery, error) {
	deliveries, err := query(ctx, s.read, sqlread.Delivery,
		`SELECT `+sqlread.DeliveryColumns+`, d.status FROM deliveries d WHERE d.id IN `+listed, array(ids))
	if err != nil {
		return nil, fmt.Errorf("find deliveries: %w", err)
	}
	if inThreads := store.InThreadOf(deliveries); len(inThreads) > 0 {
		superseded, err := query(ctx, s.read, func(row sqlread.Row) (id uuid.UUID, err error) {
			err = row.Scan(&id)
			return id, err
		}, `SELECT d.id FROM deliveries d WHERE d.id IN `+listed+` AND `+s.Superseded(), array(inThreads))
		if err != nil {
			return nil, fmt.Errorf("find superseded deliveries: %w", err)
		}
		store.MarkSuperseded(deliveries, superseded)
	}
	return deliveries, nil
}

// FindMessages implements store.Deliveries.
func (s *Store) FindMessages(ctx context.Context, ids []uuid.UUID) ([]store.Message, error) {
	messages, err := query(ctx, s.read, sqlread.Message,
		`SELECT `+sqlread.MessageColumns+` FROM messages WHERE id IN `+listed, array(ids))
	if err != nil {
		return nil, fmt.Errorf("find messages: %w", err)
	}
	return messages, nil
}
