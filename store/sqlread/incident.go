package sqlread

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// IncidentColumns are those that Incident scans.
const IncidentColumns = `id, app_id, thread, opened_at, steps, acknowledged_at, acknowledged_by, over, note, closed_at, closed_by`

// Incident scans IncidentColumns.
func Incident(row Row) (store.Incident, error) {
	var i store.Incident
	err := row.Scan(&i.ID, &i.AppID, &i.Thread, &i.OpenedAt, &i.Steps, &i.AcknowledgedAt, &i.AcknowledgedBy, &i.Over, &i.Note, &i.ClosedAt, &i.ClosedBy)
	return i, err
}

// Incident implements store.Incidents.
func (r Reader) Incident(ctx context.Context, id uuid.UUID) (store.Incident, error) {
	i, err := one(ctx, r.DB, Incident, `SELECT `+IncidentColumns+` FROM incidents WHERE id = $1`, id)
	return wrapped(i, err, "incident %s", id)
}

// IncidentFacts scans them.
func IncidentFacts(row Row) (f store.IncidentFacts, err error) {
	err = row.Scan(&f.AllDead, &f.Seen)
	return f, err
}

// IncidentCard implements store.Incidents.
func (r Reader) IncidentCard(ctx context.Context, incident uuid.UUID, provider string, to store.Recipient) (string, error) {
	card, err := one(ctx, r.DB, func(row Row) (card string, err error) {
		err = row.Scan(&card)
		return card, err
	}, `SELECT card FROM deliveries WHERE incident_id = $1 AND recipient_value = $2 AND recipient_type = $3 AND provider = $4 AND card <> ''
		ORDER BY id DESC LIMIT 1`, incident, to.Value, to.Type, provider)
	return wrapped(card, err, "card of incident %s", incident)
}

// IncidentCards implements store.Incidents.
func (r Reader) IncidentCards(ctx context.Context, incident uuid.UUID, after store.Card, limit int) ([]store.Card, error) {
	cards, err := all(ctx, r.DB, func(row Row) (c store.Card, err error) {
		err = row.Scan(&c.DeliveryID, &c.RecipientValue, &c.Reference)
		return c, err
	}, `SELECT id, recipient_value, card FROM deliveries WHERE incident_id = $1 AND (recipient_value, id) > ($2, $3) AND card <> ''
		ORDER BY recipient_value, id LIMIT $4`, incident, after.RecipientValue, after.DeliveryID, limit)
	return wrapped(cards, err, "cards of incident %s", incident)
}

// IncidentSending implements store.Incidents.
func (r Reader) IncidentSending(ctx context.Context, incident uuid.UUID) (bool, error) {
	sending, err := one(ctx, r.DB, func(row Row) (sending bool, err error) {
		err = row.Scan(&sending)
		return sending, err
	}, `SELECT EXISTS (SELECT 1 FROM deliveries d JOIN `+r.RunningJob+` WHERE d.incident_id = $1 AND d.status IN ('pending', 'failed'))`, incident)
	return wrapped(sending, err, "what is sent of incident %s", incident)
}

// ListIncidents implements store.Incidents.
func (r Reader) ListIncidents(ctx context.Context, f store.IncidentFilter, after uuid.UUID, limit int) ([]store.Incident, error) {
	var c conditions
	c.equal(`app_id`, f.AppID)
	c.equal(`thread`, f.Thread)
	if term := map[store.IncidentStatus]string{
		store.IncidentOpen:         `acknowledged_at IS NULL AND closed_at IS NULL`,
		store.IncidentAcknowledged: `acknowledged_at IS NOT NULL AND closed_at IS NULL`,
		store.IncidentClosed:       `closed_at IS NOT NULL`,
	}[f.Status]; term != "" {
		c.terms = append(c.terms, term)
	}
	c.page(`id`, after, time.Time{}, time.Time{})
	incidents, err := listed(ctx, r.DB, Incident,
		`SELECT `+IncidentColumns+` FROM incidents`+c.where()+` ORDER BY id DESC LIMIT `+strconv.Itoa(limit), c.args)
	return wrapped(incidents, err, "list incidents")
}
