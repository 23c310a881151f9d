package accepting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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
	simulated  bool
	alerts     *Alerts // nil: not from a source of alerts
	owner      string  // of the private templates that may be sent
	anyPrivate bool    // those of other apps, too
	fallbacks  []fallback
}

// prepare returns all rows of a notification. It writes nothing.
func (a *Accepter) prepare(ctx context.Context, req Request, hash []byte, find findTemplate) (*preparation, error) {
	p, err := a.begin(ctx, req, hash)
	if err != nil {
		return nil, err
	}
	for _, channel := range slices.Sorted(maps.Keys(req.Channels)) {
		message, provider, err := a.message(ctx, p, channel, req.Channels[channel], find)
		if errors.Is(err, errLeftOut) {
			continue
		}
		if err != nil {
			return nil, in(channel, err)
		}
		if p.simulated { // the provider has checked the message as if it were real
			provider.Name = channels.SimulatedProvider
		}
		if err := p.addDeliveries(message, provider); err != nil {
			return nil, err
		}
	}
	p.noteUnmatched()
	if len(p.Deliveries) == 0 {
		if len(p.fallbacks) > 0 {
			a.noteFallbacks(req.Alerts, p.fallbacks)
			return nil, in(p.fallbacks[0].channel, p.fallbacks[0].why)
		}
		return nil, refusal.New(refusal.NoRecipients, "recipients", "no recipient fits any of the channels: %s",
			a.renderer.RecipientTypes(slices.Sorted(maps.Keys(req.Channels))))
	}
	return p, p.addQuotas(req.Limits)
}

// begin checks the recipients and times of a request and makes its notification.
func (a *Accepter) begin(ctx context.Context, req Request, hash []byte) (*preparation, error) {
	current := a.settings.Load()
	recipients, err := a.checkRecipients(req.Recipients, current.Defaults.MaxRecipients)
	if err != nil {
		return nil, err
	}
	if req.Limits.NoHigh && req.Priority == store.PriorityHigh {
		return nil, refusal.New(refusal.PriorityForbidden, "priority", "this app may not send with high priority (limits.highPriority)")
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
	p := &preparation{
		settings: current, recipients: recipients, matched: make([]bool, len(recipients)),
		simulated: req.Simulated, alerts: req.Alerts, owner: strings.TrimSuffix(req.AppID, TestSuffix),
		anyPrivate: req.Admin || req.Alerts != nil, // the configuration has chosen the templates of alerts
	}
	p.Notification = store.Notification{
		ID: id, AppID: req.AppID, IdempotencyKey: req.IdempotencyKey, RequestHash: hash,
		SendAt: sendAt, ExpiresAt: req.ExpiresAt, Priority: cmp.Or(req.Priority, store.PriorityNormal), Test: req.Test || req.Simulated,
		CreatedAt: now, UpdatedAt: now,
	}
	p.job = store.Job{
		MaxAttempts: current.Defaults.MaxRetry + 1, Priority: p.Notification.Priority.InQueue(), Metadata: tracing.Metadata(ctx),
	}
	if sendAt != nil {
		p.job.Due = *sendAt
	}
	if req.Alerts != nil {
		p.Telling = &req.Alerts.Telling
	}
	return p, nil
}

// message renders the message of one channel and returns its provider.
func (a *Accepter) message(
	ctx context.Context, p *preparation, channel string, req ChannelRequest, find findTemplate,
) (message store.Message, provider channels.Provider, err error) {
	provider, t, err := a.template(ctx, p, channel, req.Template, find)
	switch {
	case p.alerts != nil:
		message, err = a.alertMessage(ctx, p, channel, t, provider, err)
	case err == nil:
		message, err = a.renderer.Message(ctx, p.Notification.AppID, t, provider, req.Params)
	}
	message.NotificationID = p.Notification.ID
	return message, provider, err
}

// template returns the provider of a channel and the template for it. It returns what there
// is of them with a *refusal.Error, too.
func (a *Accepter) template(
	ctx context.Context, p *preparation, channel, name string, find findTemplate,
) (channels.Provider, store.Template, error) {
	if err := a.renderer.CheckChannel(channel, ""); err != nil {
		return channels.Provider{}, store.Template{}, err
	}
	provider, on := p.settings.Registry.Provider(channel)
	if !on {
		return provider, store.Template{}, refusal.New(refusal.ChannelOff, "", "this channel is not enabled here")
	}
	t, cached, err := find(ctx, name)
	if err == nil && t.Private && !p.anyPrivate && t.Owner != p.owner {
		err = store.ErrNotFound
	}
	if errors.Is(err, store.ErrNotFound) {
		return provider, store.Template{Name: name, Channel: channel}, refusal.New(refusal.UnknownTemplate, ".template", "there is no template %q", name)
	}
	if err != nil {
		return provider, t, fmt.Errorf("read template: %w", err)
	}
	if cached {
		p.Templates = append(p.Templates, t) // the commit checks it
	}
	if t.Channel != channel {
		return provider, store.Template{Name: name, Channel: channel}, refusal.New(refusal.TemplateChannel, ".template", "template %q belongs to channel %s", t.Name, t.Channel)
	}
	return provider, t, nil
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
		if !provider.Type.Accepts(r.Type) {
			continue
		}
		if checks {
			if err := checker.CheckRecipient(channels.Recipient{Type: r.Type, Value: r.Value}); err != nil {
				if p.alerts != nil {
					continue
				}
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
		SendAt: n.SendAt, ExpiresAt: n.ExpiresAt, Test: p.simulated, CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt,
	})
	job := p.job
	job.DeliveryID, job.Queue, job.AppID = id, message.Channel, n.AppID
	if p.simulated {
		job.Provider = provider.Name
	}
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
