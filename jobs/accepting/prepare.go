package accepting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/jobs/tracing"
	"github.com/labring/sealos-notify/store"
)

// maxDeliveries bounds recipients × channels of one request: what one transaction commits
// well within itemTime, on either engine and on a slow machine.
const maxDeliveries = 30_000

// preparation builds the acceptance of one request, channel by channel.
type preparation struct {
	store.Acceptance
	settings   *settings.Settings
	recipients []recipient
	matched    []bool    // by recipient
	job        store.Job // what all jobs have in common
}

// prepare returns all rows of a notification. It writes nothing.
func (a *Accepter) prepare(ctx context.Context, req Request, hash []byte, find findTemplate) (store.Acceptance, error) {
	p, err := a.begin(ctx, req, hash)
	if err != nil {
		return store.Acceptance{}, err
	}
	for _, channel := range slices.Sorted(maps.Keys(req.Channels)) {
		message, provider, err := a.message(ctx, p, channel, req.Channels[channel], find)
		if err != nil {
			return store.Acceptance{}, in(channel, err)
		}
		if err := p.addDeliveries(message, provider); err != nil {
			return store.Acceptance{}, err
		}
	}
	p.noteUnmatched()
	if len(p.Deliveries) == 0 {
		return store.Acceptance{}, refusal.New(refusal.NoRecipients, "recipients", "no recipient fits any of the channels: %s",
			a.renderer.RecipientTypes(slices.Sorted(maps.Keys(req.Channels))))
	}
	return p.Acceptance, nil
}

// begin checks the recipients and times of a request and makes its notification.
func (a *Accepter) begin(ctx context.Context, req Request, hash []byte) (*preparation, error) {
	current := a.settings.Load()
	recipients, err := checkRecipients(req.Recipients, current.Defaults.MaxRecipients)
	if err != nil {
		return nil, err
	}
	now := store.Now()
	sendAt, err := req.due(now)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	p := &preparation{settings: current, recipients: recipients, matched: make([]bool, len(recipients))}
	p.Notification = store.Notification{
		ID: id, AppID: req.AppID, IdempotencyKey: req.IdempotencyKey, RequestHash: hash,
		SendAt: sendAt, ExpiresAt: req.ExpiresAt, Priority: cmp.Or(req.Priority, store.PriorityNormal), Test: req.Test,
		CreatedAt: now, UpdatedAt: now,
	}
	p.job = store.Job{
		MaxAttempts: current.Defaults.MaxRetry + 1, Priority: p.Notification.Priority.InQueue(), Metadata: tracing.Metadata(ctx),
	}
	if sendAt != nil {
		p.job.Due = *sendAt
	}
	return p, nil
}

// message renders the message of one channel and returns its provider.
func (a *Accepter) message(
	ctx context.Context, p *preparation, channel string, req ChannelRequest, find findTemplate,
) (store.Message, channels.Provider, error) {
	refuse := func(code, field, format string, args ...any) (store.Message, channels.Provider, error) {
		return store.Message{}, channels.Provider{}, refusal.New(code, field, format, args...)
	}
	if err := a.renderer.CheckChannel(channel, ""); err != nil {
		return store.Message{}, channels.Provider{}, err
	}
	provider, on := p.settings.Registry.Provider(channel)
	if !on {
		return refuse(refusal.ChannelOff, "", "this channel is not enabled here")
	}
	t, cached, err := find(ctx, req.Template)
	if errors.Is(err, store.ErrNotFound) {
		return refuse(refusal.UnknownTemplate, ".template", "there is no template %q", req.Template)
	}
	if err != nil {
		return store.Message{}, channels.Provider{}, fmt.Errorf("read template: %w", err)
	}
	if cached {
		p.Templates = append(p.Templates, t) // the commit checks it
	}
	if t.Channel != channel {
		return refuse(refusal.TemplateChannel, ".template", "template %q belongs to channel %s", t.Name, t.Channel)
	}
	message, err := a.renderer.Message(t, provider, req.Params)
	message.NotificationID = p.Notification.ID
	return message, provider, err
}

// in places the field of a refusal in the channel of the request.
func in(channel string, err error) error {
	var refused *refusal.Error
	if !errors.As(err, &refused) {
		return err
	}
	return &refusal.Error{Code: refused.Code, Field: "channels." + channel + refused.Field, Message: refused.Message}
}

// addDeliveries adds a channel's message with a delivery and a job for each recipient that
// the provider takes.
func (p *preparation) addDeliveries(message store.Message, provider channels.Provider) error {
	before := len(p.Deliveries)
	checker, checks := provider.Sender.(channels.RecipientChecker)
	for i, r := range p.recipients {
		if !slices.Contains(provider.Type.RecipientTypes, r.Type) {
			continue
		}
		if checks {
			if err := checker.CheckRecipient(channels.Recipient(r.Recipient)); err != nil {
				return r.refuse(message.Channel + ": " + err.Error())
			}
		}
		p.matched[i] = true
		if len(p.Deliveries) == maxDeliveries {
			return refusal.New(refusal.TooManyDeliveries, "recipients",
				"these recipients on these channels are more than %d deliveries; send several requests", maxDeliveries)
		}
		if err := p.addDelivery(message, provider, r); err != nil {
			return err
		}
	}
	if len(p.Deliveries) > before {
		p.Messages = append(p.Messages, message)
	}
	return nil
}

func (p *preparation) addDelivery(message store.Message, provider channels.Provider, r recipient) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	n := p.Notification
	p.Deliveries = append(p.Deliveries, store.Delivery{
		ID: id, NotificationID: n.ID, MessageID: message.ID, Channel: message.Channel, Provider: provider.Name,
		TemplateName: message.TemplateName, TemplateVersion: message.TemplateVersion,
		Recipient: r.Recipient, Status: store.DeliveryPending, MaxRetry: p.settings.Defaults.MaxRetry,
		SendAt: n.SendAt, ExpiresAt: n.ExpiresAt, CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt,
	})
	job := p.job
	job.DeliveryID, job.Queue = id, message.Channel
	p.Jobs = append(p.Jobs, job)
	return nil
}

// noteUnmatched lists the recipients that fit none of the channels.
func (p *preparation) noteUnmatched() {
	p.Notification.Unmatched = []store.Recipient{}
	for i, r := range p.recipients {
		if !p.matched[i] {
			p.Notification.Unmatched = append(p.Notification.Unmatched, r.Recipient)
		}
	}
}
