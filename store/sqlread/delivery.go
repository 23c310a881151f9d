package sqlread

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// DeliveryColumns are those that Delivery scans, of a table or alias d. The status,
// stored or derived, comes last.
const DeliveryColumns = `d.id, d.notification_id, d.incident_id, d.message_id, d.job_id, d.channel, d.provider,
	coalesce(d.next_provider, ''), d.pinned, d.template_name, d.template_version, d.recipient_type, d.recipient_value,
	d.recipient_configured, d.contact, d.attempts, d.max_retry, d.next_retry_at, d.last_code, d.last_error, d.details,
	d.created_at, d.updated_at, d.send_at, d.expires_at, d.test, d.locale, d.kind, d.quiet, d.digest_id,
	d.receipt, d.receipt_at, d.receipt_code, d.sent_again, d.thread_id, d.thread_seq, d.resolved, d.anew`

// Delivery scans DeliveryColumns and a status.
func Delivery(row Row) (store.Delivery, error) {
	var d store.Delivery
	var digest, thread, incident *uuid.UUID
	err := row.Scan(&d.ID, &d.NotificationID, &incident, &d.MessageID, &d.JobID, &d.Channel, &d.Provider,
		&d.NextProvider, &d.Pinned, &d.TemplateName, &d.TemplateVersion, &d.Recipient.Type, &d.Recipient.Value,
		&d.Recipient.Configured, &d.Contact, &d.Attempts, &d.MaxRetry, &d.NextRetryAt, &d.LastCode, &d.LastError, &d.Details,
		&d.CreatedAt, &d.UpdatedAt, &d.SendAt, &d.ExpiresAt, &d.Test, &d.Locale, &d.Kind, &d.Quiet, &digest,
		&d.Receipt, &d.ReceiptAt, &d.ReceiptCode, &d.SentAgain, &thread, &d.ThreadSeq, &d.Resolved, &d.Anew, &d.Status)
	if digest != nil {
		d.DigestID = *digest
	}
	if thread != nil {
		d.ThreadID = *thread
	}
	if incident != nil {
		d.IncidentID = *incident
	}
	return d, err
}

// Delivery implements store.Deliveries.
func (r Reader) Delivery(ctx context.Context, id uuid.UUID) (store.Delivery, error) {
	d, err := one(ctx, r.DB, Delivery, `SELECT `+DeliveryColumns+`, d.status FROM deliveries d WHERE d.id = $1`, id)
	return wrapped(d, err, "delivery %s", id)
}

// withStatus selects deliveries with the status that is shown: "processing" while the
// job is running.
func (r Reader) withStatus() string {
	return `SELECT ` + DeliveryColumns + `, CASE WHEN j.id IS NULL THEN d.status ELSE 'processing' END
		FROM deliveries d LEFT JOIN ` + r.RunningJob + ` AND d.status IN ('pending', 'failed')`
}

// DeliveriesOf implements store.Deliveries.
func (r Reader) DeliveriesOf(ctx context.Context, notificationID, after uuid.UUID, limit int) ([]store.Delivery, error) {
	deliveries, err := all(ctx, r.DB, Delivery,
		r.withStatus()+` WHERE d.notification_id = $1 AND d.id > $2 ORDER BY d.id LIMIT $3`, notificationID, after, limit)
	return wrapped(deliveries, err, "deliveries of notification %s", notificationID)
}

// ListDeliveries implements store.Deliveries.
func (r Reader) ListDeliveries(
	ctx context.Context, f store.DeliveryFilter, after uuid.UUID, limit int,
) ([]store.Delivery, error) {
	var c conditions
	from := r.withStatus()
	if f.AppID != "" {
		from += ` JOIN notifications n ON n.id = d.notification_id`
		c.equal(r.AppID, f.AppID)
	}
	if f.ID != uuid.Nil {
		c.and(`d.id = $`, f.ID)
	}
	if f.NotificationID != uuid.Nil {
		c.and(`d.notification_id = $`, f.NotificationID)
	}
	if f.DigestID != uuid.Nil {
		c.and(`d.digest_id = $`, f.DigestID)
	}
	c.page(`d.id`, after, f.Since, f.Until)
	if !f.Unexpired.IsZero() {
		c.and(`coalesce(d.expires_at > $, true)`, f.Unexpired)
	}
	if f.NotErased {
		c.terms = append(c.terms, notErased)
	}
	c.status(f.Status, r.Ended)
	if f.Code != "" {
		c.and(`d.last_code <> '' AND d.last_code = $`, f.Code) // the index holds no others
	}
	if f.Receipt != "" {
		c.and(`d.receipt <> '' AND d.receipt = $`, f.Receipt) // as with the code
	}
	c.content(f.Channel, f.Recipient, f.Template)
	c.given(f.NotConfigured)
	c.equal(`d.provider`, f.Provider)
	c.flag(`d.test`, f.Test)
	deliveries, err := listed(ctx, r.DB, Delivery, from+c.where()+` ORDER BY d.id DESC LIMIT `+strconv.Itoa(limit), c.args)
	return wrapped(deliveries, err, "list deliveries")
}

// notErased chooses the deliveries that can be sent again, see store.Delivery.IsErased. An item goes
// again with its digest.
const notErased = `d.job_id <> 0 AND (d.digest_id IS NULL OR d.digest_id = d.id)`

// DeadGroups implements store.Deliveries.
func (r Reader) DeadGroups(ctx context.Context, appID string, most int) ([]store.DeadGroup, bool, error) {
	looked := 0
	groups, err := listed(ctx, r.DB, func(row Row) (g store.DeadGroup, err error) {
		all, last := 0, new(time.Time)
		err = row.Scan(&g.Channel, &g.Provider, &g.Code, &all, &g.Count, &last)
		looked += all
		if last != nil {
			g.Last = *last
		}
		return g, err
	}, `SELECT channel, provider, last_code, count(*), sum(counts), max(CASE counts WHEN 1 THEN updated_at END)
		FROM (
			SELECT d.channel, d.provider, d.last_code, d.updated_at, CASE WHEN $1 IN ('', n.app_id) THEN 1 ELSE 0 END AS counts
			FROM deliveries d JOIN notifications n ON n.id = d.notification_id
			WHERE `+r.Ended+`d.status = 'dead' AND `+notErased+` ORDER BY d.id DESC LIMIT `+strconv.Itoa(most)+`
		) newest
		GROUP BY channel, provider, last_code ORDER BY sum(counts) DESC, channel, provider, last_code`, []any{appID})
	groups = slices.DeleteFunc(groups, func(g store.DeadGroup) bool { return g.Count == 0 })
	groups, err = wrapped(groups, err, "count dead deliveries")
	return groups, looked == most, err
}

// status adds the status that is shown.
func (c *conditions) status(status store.DeliveryStatus, ended string) {
	switch status {
	case "":
	case store.DeliveryProcessing:
		c.terms = append(c.terms, `d.status IN ('pending', 'failed') AND j.id IS NOT NULL`)
	case store.DeliveryPending, store.DeliveryFailed:
		c.and(`d.status IN ('pending', 'failed') AND j.id IS NULL AND d.status = $`, status)
	case store.DeliveryDead, store.DeliveryCancelled:
		c.and(ended+`d.status = $`, status)
	default:
		c.and(`d.status = $`, status)
	}
}

// MessageColumns are those that Message scans.
const MessageColumns = `id, notification_id, channel, template_name, template_version, msg_type, subject, body,
	template_code, template_codes, params, mention`

// Message scans MessageColumns.
func Message(row Row) (store.Message, error) {
	var m store.Message
	err := row.Scan(&m.ID, &m.NotificationID, &m.Channel, &m.TemplateName, &m.TemplateVersion, &m.MsgType, &m.Subject,
		&m.Body, &m.TemplateCode, &m.TemplateCodes, &m.Params, &m.Mention)
	return m, err
}

// Message implements store.Deliveries.
func (r Reader) Message(ctx context.Context, id uuid.UUID) (store.Message, error) {
	m, err := one(ctx, r.DB, Message, `SELECT `+MessageColumns+` FROM messages WHERE id = $1`, id)
	return wrapped(m, err, "message %s", id)
}

// Attempts implements store.Deliveries.
func (r Reader) Attempts(ctx context.Context, deliveryID uuid.UUID) ([]store.Attempt, error) {
	attempts, err := all(ctx, r.DB, attempt, `
		SELECT * FROM (
			SELECT id, delivery_id, job_id, attempt, provider, class, code, error, details, started_at, finished_at
			FROM attempts WHERE delivery_id = $1 ORDER BY started_at DESC, id DESC LIMIT $2
		) newest ORDER BY started_at, id`, deliveryID, store.MaxAttempts)
	return wrapped(attempts, err, "attempts of delivery %s", deliveryID)
}

func attempt(row Row) (store.Attempt, error) {
	var a store.Attempt
	err := row.Scan(&a.ID, &a.DeliveryID, &a.JobID, &a.Attempt, &a.Provider, &a.Class, &a.Code, &a.Error, &a.Details,
		&a.StartedAt, &a.FinishedAt)
	return a, err
}

// Orphans implements store.Deliveries.
func (r Reader) Orphans(ctx context.Context, after uuid.UUID, limit int) ([]store.Orphan, error) {
	orphans, err := all(ctx, r.DB, func(row Row) (o store.Orphan, err error) {
		var incident *uuid.UUID
		err = row.Scan(&o.DeliveryID, &o.JobID, &o.JobState, &o.JobAttempt, &o.Attempts, &incident)
		if incident != nil {
			o.IncidentID = *incident
		}
		return o, err
	}, r.OrphanedJobs, after, limit)
	return wrapped(orphans, err, "orphans")
}

// BusyLine scans a line's queue, priority and time.
func BusyLine(row Row) (l store.BusyLine, err error) {
	err = row.Scan(&l.Queue, &l.Priority, &l.Due)
	return l, err
}

// RunningJob scans a job's id and attempt.
func RunningJob(row Row) (j store.RunningJob, err error) {
	err = row.Scan(&j.ID, &j.Attempt)
	return j, err
}
