package delivering

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

// checkIncident ends a delivery of an incident that somebody has acknowledged or closed, and a step whose
// condition does not hold. It is the last look before the call: an acknowledgement that was answered wins.
func (d *Deliverer) checkIncident(ctx context.Context, r *run) *Next {
	if r.delivery.IncidentID == uuid.Nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	incident, err := d.incidents.Do(ctx, r.delivery.IncidentID)
	if err != nil {
		return d.incidentNotRead(r, err)
	}
	if incident == nil {
		return nil
	}
	r.note = rendering.IncidentNote(*incident, r.delivery.Locale)
	if err := d.addButton(ctx, r, *incident); err != nil {
		return d.incidentNotRead(r, err)
	}
	r.open = incident.Status() == store.IncidentOpen
	if !incident.Stops(r.delivery.NotificationID) {
		return nil
	}
	if code, text := incident.Why(); code != "" {
		return d.end(ctx, r, store.DeliveryCancelled, code, text)
	}
	step := incident.Step(r.delivery.NotificationID)
	if step == nil {
		return nil
	}
	if step.If != "" {
		facts, err := d.store.IncidentFacts(ctx, *incident)
		if err != nil {
			return d.incidentNotRead(r, err)
		}
		if why := step.If.Fails(facts); why != "" {
			return d.end(ctx, r, store.DeliveryCancelled, store.CodeNotNeeded, why)
		}
	}
	if err := d.findCard(ctx, r, *step); err != nil {
		return d.incidentNotRead(r, err)
	}
	return nil
}

// findCard finds the message that an urgent step urges instead of sending another.
func (d *Deliverer) findCard(ctx context.Context, r *run, step store.IncidentStep) error {
	if r.urgent = step.Urgent; r.urgent == "" {
		return nil
	}
	if _, urges := r.provider.Sender.(channels.Urger); !urges {
		return nil
	}
	card, err := d.store.IncidentCard(ctx, r.delivery.IncidentID, r.provider.Name, r.delivery.Recipient)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	r.card = card
	return err
}

// urge makes the urgent call for the message that the recipient has. When that cannot be urged, the step
// sends its own, which is.
func (d *Deliverer) urge(ctx context.Context, r *run, m channels.Message) (channels.Receipt, error) {
	receipt, err := r.provider.Sender.(channels.Urger).Urge(ctx, r.card, m)
	refused := channels.AsError(err)
	if err == nil || refused.Class != channels.Permanent {
		return receipt, err
	}
	if receipt, err = r.send(ctx, m); err == nil {
		receipt = withDetail(receipt, "not_urged", refused.Code)
	}
	return receipt, err
}

// hasButton reports whether the message has a button while its incident is open: its type can have one, and the
// vendor tells who presses it.
func (r *run) hasButton() bool {
	_, tells := r.provider.Sender.(channels.Listener)
	t, _ := r.provider.Type.MsgType(r.message.MsgType)
	return tells && t.Buttons
}

// addButton adds the button of an open incident.
func (d *Deliverer) addButton(ctx context.Context, r *run, i store.Incident) error {
	if i.Status() != store.IncidentOpen || !r.hasButton() {
		return nil
	}
	value, err := d.sealer.Button(ctx, r.delivery.ID)
	if err != nil {
		return err
	}
	r.button = &channels.Button{Label: rendering.AcknowledgeLabel(r.delivery.Locale), Value: value}
	return nil
}

// incidentNotRead puts a delivery off whose incident could not be read. Nothing was sent, so no attempt is spent.
func (d *Deliverer) incidentNotRead(r *run, err error) *Next {
	d.log.Warn("incident could not be read", zap.Stringer("delivery", r.delivery.ID), zap.Error(err))
	return snooze(time.Second)
}

// findIncidents reads incidents for all waiting workers. What does not exist is nil.
func (d *Deliverer) findIncidents(ctx context.Context, ids []uuid.UUID) ([]*store.Incident, error) {
	incidents, err := d.store.FindIncidents(ctx, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[uuid.UUID]*store.Incident, len(incidents))
	for i := range incidents {
		byID[incidents[i].ID] = &incidents[i]
	}
	found := make([]*store.Incident, len(ids))
	for i, id := range ids {
		found[i] = byID[id]
	}
	return found, nil
}
