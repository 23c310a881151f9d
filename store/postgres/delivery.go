package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// insertDeliveries queues the insert of new deliveries.
func insertDeliveries(queries *pgx.Batch, deliveries []store.Delivery) {
	queries.Queue(`
		INSERT INTO deliveries (id, notification_id, message_id, job_id, channel, provider, template_name,
			recipient_type, recipient_value, max_retry, created_at, updated_at, template_version, send_at, expires_at,
			recipient_configured, test, contact, locale, kind, quiet, status, last_code, last_error, digest_id,
			thread_id, thread_seq, resolved, anew, incident_id)
		SELECT unnest($1::uuid[]), unnest($2::uuid[]), unnest($3::uuid[]), unnest($4::bigint[]), unnest($5::text[]),
			unnest($6::text[]), unnest($7::text[]), unnest($8::text[]), unnest($9::text[]), unnest($10::integer[]),
			unnest($11::timestamptz[]), unnest($12::timestamptz[]), unnest($13::integer[]), unnest($14::timestamptz[]),
			unnest($15::timestamptz[]), unnest($16::boolean[]), unnest($17::boolean[]), unnest($18::text[]),
			unnest($19::text[]), unnest($20::text[]), unnest($21::text[]), unnest($22::text[]), unnest($23::text[]),
			unnest($24::text[]), unnest($25::uuid[]), unnest($26::uuid[]), unnest($27::bigint[]), unnest($28::boolean[]),
			unnest($29::boolean[]), unnest($30::uuid[])`,
		column(deliveries, func(d *store.Delivery) [16]byte { return d.ID }),
		column(deliveries, func(d *store.Delivery) [16]byte { return d.NotificationID }),
		column(deliveries, func(d *store.Delivery) [16]byte { return d.MessageID }),
		column(deliveries, func(d *store.Delivery) int64 { return d.JobID }),
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
		column(deliveries, func(d *store.Delivery) *time.Time { return d.ExpiresAt }),
		column(deliveries, func(d *store.Delivery) bool { return d.Recipient.Configured }),
		column(deliveries, func(d *store.Delivery) bool { return d.Test }),
		column(deliveries, func(d *store.Delivery) string { return d.Contact }),
		column(deliveries, func(d *store.Delivery) string { return d.Locale }),
		column(deliveries, func(d *store.Delivery) string { return d.Kind }),
		column(deliveries, func(d *store.Delivery) string { return d.Quiet }),
		column(deliveries, func(d *store.Delivery) string { return string(d.Status) }),
		column(deliveries, func(d *store.Delivery) string { return d.LastCode }),
		column(deliveries, func(d *store.Delivery) string { return d.LastError }),
		column(deliveries, func(d *store.Delivery) pgtype.UUID { return optionalID(d.DigestID) }),
		column(deliveries, func(d *store.Delivery) pgtype.UUID { return optionalID(d.ThreadID) }),
		column(deliveries, func(d *store.Delivery) int64 { return d.ThreadSeq }),
		column(deliveries, func(d *store.Delivery) bool { return d.Resolved }),
		column(deliveries, func(d *store.Delivery) bool { return d.Anew }),
		column(deliveries, func(d *store.Delivery) pgtype.UUID { return optionalID(d.IncidentID) }))
}

// optionalID returns an id as it is stored; NULL for uuid.Nil.
func optionalID(id uuid.UUID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: id != uuid.Nil} }

// FindDeliveries implements store.Deliveries.
func (s *Store) FindDeliveries(ctx context.Context, ids []uuid.UUID) ([]store.Delivery, error) {
	deliveries, err := query(ctx, s.pool, sqlread.Delivery,
		`SELECT `+sqlread.DeliveryColumns+`, d.status
		FROM `+deliveriesOf("$1"), encodable(ids))
	if err != nil {
		return nil, fmt.Errorf("find deliveries: %w", err)
	}
	if inThreads := store.InThreadOf(deliveries); len(inThreads) > 0 {
		superseded, err := query(ctx, s.pool, scanID, // planned each time: a plan of an empty table would read all of it when it has grown
			`SELECT d.id FROM deliveries d WHERE d.id = ANY ($1::uuid[]) AND `+s.Superseded(), pgx.QueryExecModeExec,
			column(inThreads, func(id *uuid.UUID) string { return id.String() }))
		if err != nil {
			return nil, fmt.Errorf("find superseded deliveries: %w", err)
		}
		store.MarkSuperseded(deliveries, column(superseded, func(id *[16]byte) uuid.UUID { return *id }))
	}
	return deliveries, nil
}

// FindMessages implements store.Deliveries.
func (s *Store) FindMessages(ctx context.Context, ids []uuid.UUID) ([]store.Message, error) {
	messages, err := query(ctx, s.pool, sqlread.Message,
		`SELECT `+sqlread.MessageColumns+` FROM unnest($1::uuid[]) AS wanted (key), `+rowOf("messages", "key")+` m`, encodable(ids))
	if err != nil {
		return nil, fmt.Errorf("find messages: %w", err)
	}
	return messages, nil
}
