package accepting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/jobs/routing"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/jobs/tracing"
	"github.com/labring/sealos-notify/store"
)

// maxDeliveries bounds recipients × channels of one request: what one transaction commits
// well within itemTime, on either engine and on a slow machine.
const maxDeliveries = 30_000

// maxTexts bounds the texts of all messages of one request, in bytes.
const maxTexts = 16 << 20

// preparation builds the acceptance of one request, channel by channel.
type preparation struct {
	store.Acceptance
	settings   *settings.Settings
	lists      lists
	reach      *reach // nil: the request names no contact and no group
	large      func() // gives back what takeLarge has taken; nil: nothing
	reached    map[store.Recipient]struct{}
	texts      int       // bytes of the messages
	job        store.Job // what all jobs have in common
	simulated  bool
	locale     string  // of recipients that have none
	alerts     *Alerts // nil: not from a source of alerts
	owner      string  // of the private templates that may be sent; the app that sends into groups
	anyPrivate bool    // also private templates of other apps, and any group
	fallbacks  []fallback
	digest     *digest // nil: none
	before     int     // deliveries of the notification that this is a step of, and of its steps before
}

// prepare returns all rows of a notification, which is to be given back. It writes nothing.
func (a *Accepter) prepare(ctx context.Context, req Request, hash []byte, from sources) (*preparation, error) {
	p, err := a.begin(ctx, req, hash)
	if err != nil {
		return nil, err
	}
	if err := a.fill(ctx, p, req, from); err != nil {
		p.giveBack()
		return nil, err
	}
	return p, nil
}

// fill adds all messages and deliveries to what begin has made.
func (a *Accepter) fill(ctx context.Context, p *preparation, req Request, from sources) error {
	if err := p.addKind(ctx, req.Kind, from.kind); err != nil {
		return err
	}
	if g, is, err := a.largeGroup(ctx, p); err != nil {
		return err
	} else if is && req.opensIncident() {
		return refusal.New(refusal.TooManyDeliveries, "recipients", "this group is too large for a notification that is to be acknowledged")
	} else if is {
		return a.fillExpansion(ctx, p, req, g, from.template)
	}
	if err := p.resolve(ctx, a); err != nil {
		return err
	}
	if !req.opensIncident() {
		if err := p.addDigest(ctx, from.template); err != nil {
			return err
		}
	}
	turn := a.renderer.Begin(ctx, req.AppID)
	defer turn.End()
	if err := a.addChannels(ctx, p, turn, req, from); err != nil {
		a.noteFallbacks(req.Alerts, p.fallbacks)
		return err
	}
	if err := a.addSteps(ctx, p, turn, req, from); err != nil {
		return err
	}
	return p.addQuotas(req.Limits)
}

// addChannels adds the messages and deliveries of all channels. It returns a *refusal.Error when there
// are no deliveries.
func (a *Accepter) addChannels(ctx context.Context, p *preparation, turn *rendering.Turn, req Request, from sources) error {
	for _, channel := range p.lists.channels {
		if err := a.addChannel(ctx, p, turn, channel, req.Channels[channel], from.template); err != nil {
			return in(channel, err)
		}
	}
	p.Notification.Unmatched, p.Notification.Reach = p.lists.unmatched(p.reached), p.reach.stored()
	if len(p.Deliveries) == 0 {
		if len(p.fallbacks) > 0 {
			return in(p.fallbacks[0].channel, p.fallbacks[0].why)
		}
		return refusal.New(refusal.NoRecipients, "recipients", "no recipient fits any of the channels: %s",
			a.renderer.RecipientTypes(p.lists.channels))
	}
	return nil
}

// begin checks the recipients and times of a request and makes its notification.
func (a *Accepter) begin(ctx context.Context, req Request, hash []byte) (*preparation, error) {
	if err := req.CheckEscalation(a.types); err != nil {
		return nil, err
	}
	current := a.settings.Load()
	recipients, err := a.checkLists(req, current.Defaults.MaxRecipients)
	if err != nil {
		return nil, err
	}
	if req.Limits.NoHigh && req.Priority == store.PriorityHigh {
		return nil, refusal.New(refusal.PriorityForbidden, "priority", "this app may not send with high priority (limits.highPriority)")
	}
	if req.Locale != "" {
		if _, err := rendering.ParseLocale(req.Locale); err != nil {
			return nil, refusal.New(refusal.InvalidLocale, "locale", "%s", err)
		}
	}
	if req.Resolved && req.Thread == "" {
		return nil, refusal.New(refusal.InvalidThread, "resolved", "is for a notification of a thread: set thread, too")
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
		settings: current, lists: recipients, reached: map[store.Recipient]struct{}{},
		simulated: req.Simulated, locale: req.Locale, alerts: req.Alerts, owner: strings.TrimSuffix(req.AppID, TestSuffix),
		anyPrivate: req.Admin || req.Alerts != nil, // the configuration has chosen the templates and groups of alerts
	}
	p.Notification = store.Notification{
		ID: id, AppID: req.AppID, IdempotencyKey: req.IdempotencyKey, RequestHash: hash,
		SendAt: sendAt, ExpiresAt: req.ExpiresAt, Priority: cmp.Or(req.Priority, store.PriorityNormal), Test: req.Test || req.Simulated,
		Thread: req.Thread, Resolved: req.Resolved, CreatedAt: now, UpdatedAt: now,
	}
	p.Suppressible = current.Defaults.SuppressDays > 0 && req.Alerts == nil // who gets alerts is for an operator to decide
	p.job = store.Job{
		Priority: p.Notification.Priority.InQueue(), Metadata: tracing.Metadata(ctx),
	}
	if req.Alerts != nil {
		p.Telling, p.Anew = &req.Alerts.Telling, req.Alerts.Anew
	}
	return p, nil
}

// addChannel adds the messages and deliveries of one channel.
func (a *Accepter) addChannel(
	ctx context.Context, p *preparation, turn *rendering.Turn, channel string, req ChannelRequest, find lookUp[store.Template],
) error {
	if err := p.checkKind(channel); err != nil {
		if errors.Is(err, errLeftOut) {
			return nil
		}
		return err
	}
	provider, t, err := a.template(ctx, p, channel, req.Template, find)
	var to, mention []recipient
	if provider.Type.Name != "" { // the channel is on
		var refused error
		if to, refused = p.taken(provider.Type); refused == nil {
			mention, refused = p.mention(provider, to)
		}
		if err == nil {
			err = refused
		}
	}
	d := draft{mention: stored(mention), to: to, provider: provider}
	d.provider.Type = provider.Type.WithMentions(d.addresses())
	if p.alerts != nil {
		t, fellBack := *rendering.Choose(t).For(p.locale), len(p.fallbacks)
		message, err := a.alertMessage(ctx, p, channel, t, d, err)
		if errors.Is(err, errLeftOut) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(p.fallbacks) > fellBack {
			t.Locale = "" // it is plain text, and not the template's
		}
		before := len(p.Deliveries)
		if err := p.addDeliveries(message, t.Locale, provider.Type, to); err != nil {
			return err
		}
		if len(p.Deliveries) > before {
			p.addMessage(message, d)
		}
		return nil
	}
	if err != nil {
		return err
	}
	return p.addMessages(turn, t, d, req.Params)
}

// addMessages renders the template for each group of recipients with the same params and text, and
// adds the messages, each once, and their deliveries.
func (p *preparation) addMessages(turn *rendering.Turn, t store.Template, d draft, params map[string]any) error {
	added := map[string]uuid.UUID{} // ids of messages by their texts
	laid := layer{under: params}
	for _, group := range byRendering(t, p.locale, d.to) {
		message, err := p.render(turn, group, d, laid.over(group.params))
		if err == nil {
			err = d.check(message)
		}
		if err != nil {
			return group.refusal(err)
		}
		if len(group.to) == 0 {
			return nil
		}
		text := strings.Join([]string{message.Subject, message.Body, string(message.Params), message.TemplateCode, string(message.TemplateCodes.JSON())}, "\x00")
		first, isAdded := added[text]
		if isAdded {
			message.ID = first
		}
		before := len(p.Deliveries)
		if err := p.addDeliveries(message, group.template.Locale, d.provider.Type, group.to); err != nil {
			return err
		}
		if isAdded || len(p.Deliveries) == before {
			continue
		}
		added[text] = message.ID
		if p.addMessage(message, d); p.texts > maxTexts {
			return refusal.New(refusal.TooManyDeliveries, group.to[0].path()+".params",
				"the messages of this request have more than %d bytes together; send several requests", maxTexts)
		}
	}
	return nil
}

// render renders a message, which may be an item of a digest.
func (p *preparation) render(turn *rendering.Turn, g group, d draft, params map[string]any) (store.Message, error) {
	if !p.gathers(g.template.Channel) {
		return turn.Message(*g.template, d.provider, params)
	}
	m, err := turn.Item(*g.template, d.provider, p.digestTexts(g.to), params)
	if err == nil && p.Kind.Digest.Key != "" {
		p.digest.keys[m.ID] = p.digestKey(params)
	}
	return m, err
}

func (p *preparation) addMessage(message store.Message, d draft) {
	message.NotificationID, message.Mention = p.Notification.ID, d.mention
	p.Messages = append(p.Messages, message)
	p.texts += len(message.Subject) + len(message.Body) + len(message.Params)
}

// template returns the provider of a channel and the template for it. It returns what there
// is of them with a *refusal.Error, too.
func (a *Accepter) template(
	ctx context.Context, p *preparation, channel, name string, find lookUp[store.Template],
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

// in places the field of a refusal in the channel of the request, unless it is a place in the
// request already.
func in(channel string, err error) error {
	var refused *refusal.Error
	if !errors.As(err, &refused) || refused.Field != "" && !strings.HasPrefix(refused.Field, ".") {
		return err
	}
	return &refusal.Error{Code: refused.Code, Field: "channels." + channel + refused.Field, Message: refused.Message}
}

// isOfAddress reports whether an error is about the address alone: it cannot be sent to, or it names a
// group that the app does not reach.
func isOfAddress(err error, t channels.Type, r recipient) bool {
	var refused *refusal.Error
	return errors.As(err, &refused) && (refused.Code == refusal.InvalidRecipient || t.NamesProvider(r.Type))
}

// addDeliveries adds a message of a channel with a delivery and a job for each recipient that
// its provider takes. The locale is that of the text.
func (p *preparation) addDeliveries(message store.Message, locale string, t channels.Type, to []recipient) error {
	for _, r := range to {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		provider, err := p.providerFor(t, r, id, message)
		// What is wrong with an address of a contact is no fault of the request.
		if err != nil && p.alerts == nil && (r.origin == byAddress || !isOfAddress(err, t, r)) {
			return err
		}
		p.noteAll(r, t.Channel, err == nil)
		if err != nil {
			continue
		}
		p.reached[r.Recipient] = struct{}{}
		if p.before+len(p.Deliveries)+len(p.Digests) >= maxDeliveries { // each item may open a digest
			return refusal.New(refusal.TooManyDeliveries, "recipients",
				"these recipients on these channels are more than %d deliveries; send several requests", maxDeliveries)
		}
		if err := p.addDelivery(id, message, locale, provider, r); err != nil {
			return err
		}
	}
	return nil
}

// providerFor returns the provider that a delivery begins with. It returns a *refusal.Error when
// there is none, or the app may not send through it.
func (p *preparation) providerFor(t channels.Type, r recipient, id uuid.UUID, m store.Message) (channels.Provider, error) {
	provider, known := p.settings.Registry.ProviderFor(t.Channel, channels.Recipient{Type: r.Type, Value: r.Value})
	switch {
	case !known:
		return provider, r.refuse(refusal.UnknownGroup, fmt.Sprintf("there is no group %q here", r.Value))
	case !p.anyPrivate && !provider.Admits(p.owner):
		return provider, r.refuse(refusal.GroupForbidden, fmt.Sprintf("this app may not send through %q, which names its apps", provider.Name))
	case t.NamesProvider(r.Type):
		return provider, checkAddress(provider, r)
	}
	if route := routing.Route(p.settings.Registry, id, m, r.Recipient); len(route) > 0 {
		return route[0], nil
	}
	if err := checkAddress(provider, r); err != nil {
		return provider, err
	}
	return provider, refusal.New(refusal.TemplateCodeIsRequired, "channels."+m.Channel+".template",
		"template %q has no code for provider %s, nor for another one of the channel", m.TemplateName, provider.Name)
}

// checkAddress returns a *refusal.Error when the provider does not take the address.
func checkAddress(provider channels.Provider, r recipient) error {
	checker, checks := provider.Sender.(channels.RecipientChecker)
	if !checks {
		return nil
	}
	if err := checker.CheckRecipient(channels.Recipient{Type: r.Type, Value: r.Value}); err != nil {
		return r.refuse(refusal.InvalidRecipient, provider.Type.Channel+": "+err.Error())
	}
	return nil
}

func (p *preparation) addDelivery(id uuid.UUID, message store.Message, locale string, provider channels.Provider, r recipient) error {
	tries := p.settings.TriesOf(provider)
	if p.simulated { // the provider has checked the message as if it were real
		provider.Name = channels.SimulatedProvider
	}
	n := p.Notification
	d := store.Delivery{
		ID: id, NotificationID: n.ID, MessageID: message.ID, Channel: message.Channel, Provider: provider.Name,
		TemplateName: message.TemplateName, TemplateVersion: message.TemplateVersion, Locale: locale,
		Recipient: r.Recipient, Contact: r.contactKey(), Status: store.DeliveryPending, MaxRetry: tries.MaxRetry,
		SendAt: n.SendAt, ExpiresAt: n.ExpiresAt, Test: p.simulated, CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt,
		Kind: n.Kind, Quiet: p.quiet(message.Channel, r),
	}
	d.InThread(n) // of an expansion; otherwise Accept gives the place
	p.Deliveries = append(p.Deliveries, d)
	if p.gathers(d.Channel) {
		p.gather(d, r.locale)
	}
	job := p.job
	if due := d.Wakes(d.Due()); due.After(d.CreatedAt) {
		job.Due = due
	}
	job.DeliveryID, job.Queue, job.AppID, job.MaxAttempts = id, message.Channel, n.AppID, tries.MaxRetry+1
	job.Provider = routing.Line(provider, r.Type, p.simulated)
	p.Jobs = append(p.Jobs, job)
	return nil
}
