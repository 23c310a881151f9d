package steering

import (
	"cmp"
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

// Buttons acknowledges by the buttons of cards.
type Buttons struct{ Control *Control }

// Acknowledge acknowledges the incident of a delivery, as the person who pressed its card's button. It returns
// what that person sees: the card, with who has acknowledged it.
func (b Buttons) Acknowledge(ctx context.Context, delivery uuid.UUID, by channels.Person) (channels.Response, error) {
	d, err := b.Control.store.Delivery(ctx, delivery)
	var i store.Incident
	var changed bool
	if err == nil {
		i, changed, err = b.Control.Acknowledge(ctx, Acknowledgement{
			IncidentID: d.IncidentID, By: cmp.Or(by.Name, by.ID), Over: store.OverCard,
		}, store.Actor{Person: by.Name})
	}
	if errors.Is(err, store.ErrNotFound) {
		return channels.Response{Refused: true, Text: rendering.IncidentGone(d.Locale)}, nil
	}
	if err != nil {
		return channels.Response{}, err
	}
	m, err := b.Control.store.Message(ctx, d.MessageID)
	if err != nil {
		return channels.Response{}, err
	}
	note := rendering.IncidentNote(i, d.Locale)
	return channels.Response{
		Text: cmp.Or(note, rendering.IncidentGone(d.Locale)), Refused: !changed && note == "",
		Message: &channels.Message{
			DeliveryID: d.ID, Recipient: channels.Recipient{Type: d.Recipient.Type, Value: d.Recipient.Value},
			MsgType: m.MsgType, Subject: m.Subject, Body: m.Body, Note: cmp.Or(note, rendering.IncidentGone(d.Locale)),
		},
	}, nil
}
