package accepting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

const (
	// expandBatch is how many contacts of a large group are read at once, and get their deliveries in
	// one transaction.
	expandBatch = 1000
	// expandTime is how long a job makes deliveries before it lets another one of its queue go on.
	expandTime = 10 * time.Second
	// expandWait is the time until an expansion is tried again that the configuration does not allow
	// at present: a channel is off, or a template lacks a provider's code.
	expandWait = time.Minute
)

// bounds are where an expansion begins and how large its batches are. Only tests change them.
type bounds struct{ deliveries, batch int }

// largeGroup returns the group that a request goes to when it has more contacts than one request
// bears. Only a group that is the only recipient may.
func (a *Accepter) largeGroup(ctx context.Context, p *preparation) (g store.Group, is bool, err error) {
	to := p.lists.common
	if len(to) != 1 || to[0].Type != RecipientGroup || len(p.lists.own) > 0 || p.alerts != nil {
		return g, false, nil
	}
	if g, err = a.group(ctx, store.ContactKey{Owner: p.owner, Name: to[0].Value}); errors.Is(err, store.ErrNotFound) {
		return g, false, nil // resolve refuses it
	}
	most, n := a.bounds.deliveries/max(1, len(p.lists.channels)), len(g.Contacts)
	if err == nil && n <= most && len(g.Labels) > 0 {
		var labelled int
		labelled, err = a.store.CountContactsWith(ctx, g.Owner, g.Labels, most-n+1)
		n += labelled
	}
	if err != nil {
		return g, false, fmt.Errorf("read group: %w", err)
	}
	return g, n > most, nil
}

// group returns what the name means to the owner, or store.ErrNotFound.
func (a *Accepter) group(ctx context.Context, key store.ContactKey) (store.Group, error) {
	found, err := a.store.FindGroups(ctx, key.Owner, []string{key.Name})
	if err != nil {
		return store.Group{}, err
	}
	slices.SortFunc(found, func(a, b store.Group) int { return strings.Compare(b.Owner, a.Owner) }) // shared ones last
	if len(found) == 0 {
		return store.Group{}, store.ErrNotFound
	}
	return found[0], nil
}

// fillExpansion adds the messages of a notification to a large group. Its deliveries are made later.
func (a *Accepter) fillExpansion(ctx context.Context, p *preparation, req Request, g store.Group, find lookUp[store.Template]) error {
	e := &store.Expansion{Group: g.ContactKey}
	e.Plan.Simulated, e.Plan.AnyPrivate, e.Plan.Metadata = p.simulated, p.anyPrivate, p.job.Metadata
	e.Plan.Locale, e.Plan.TimeZone, e.Plan.OtherLocale = p.lists.common[0].locale, p.lists.common[0].zone, req.Locale
	p.Notification.Expansion = e
	first, err := a.nextContacts(ctx, g, "", manyContacts)
	if err != nil {
		return err
	}
	turn := a.renderer.Begin(ctx, req.AppID)
	defer turn.End()
	for _, channel := range p.lists.channels {
		if err := a.planChannel(ctx, p, turn, channel, req.Channels[channel], first.contacts, find); err != nil {
			return in(channel, err)
		}
	}
	// What would stop all of them stops the first ones, of which nothing is kept.
	if err := p.addContacts(e.Plan, byID(p.Messages), first.contacts); err != nil {
		return err
	}
	p.Deliveries, p.Jobs, p.reach = nil, nil, nil
	if err := p.addQuotas(req.Limits); err != nil {
		return err
	}
	for _, q := range req.Limits.Quotas() {
		_, uses := req.Channels[q.Channel]
		switch {
		case !uses:
		case q.Most == 0:
			return refusal.New(refusal.LargerThanLimit, "channels."+q.Channel, "a limit of this app is 0: %s", q)
		default:
			e.Plan.Quotas = append(e.Plan.Quotas, q)
		}
	}
	return nil
}

// planChannel renders the message of a channel. first are some of those who get it.
func (a *Accepter) planChannel(
	ctx context.Context, p *preparation, turn *rendering.Turn, channel string, req ChannelRequest, first []store.Contact, find lookUp[store.Template],
) error {
	if err := p.checkKind(channel); err != nil {
		return err
	}
	provider, t, err := a.template(ctx, p, channel, req.Template, find)
	if err != nil {
		return err
	}
	plan, to := &p.Notification.Expansion.Plan, p.lists.common[0]
	some := addressesOf(first, provider.Type, *plan)
	mention, err := p.mention(provider, some)
	if err != nil {
		return err
	}
	d := draft{mention: stored(mention), to: some, provider: provider}
	d.provider.Type = provider.Type.WithMentions(d.addresses())
	laid := layer{under: req.Params}
	for _, locale := range t.Locales() {
		message, err := turn.Message(t.In(locale), d.provider, laid.over(to.params))
		if err == nil {
			err = d.check(message)
		}
		if err != nil {
			return group{params: to.params, to: []recipient{to}}.refusal(err)
		}
		p.addMessage(message, d)
		plan.Texts = append(plan.Texts, store.PlannedText{Channel: channel, Locale: locale, MessageID: message.ID})
	}
	return nil
}

// Expanding is where an expansion stands after a job.
type Expanding struct {
	Done bool
	Wait time.Duration // until the next job
}

// Expand makes deliveries of an expansion, batch by batch, until it is done or it is another one's
// turn.
func (a *Accepter) Expand(ctx context.Context, notification uuid.UUID) (Expanding, error) {
	n, err := a.store.Notification(ctx, notification)
	if errors.Is(err, store.ErrNotFound) || err == nil && n.Expansion == nil {
		return Expanding{Done: true}, nil
	}
	var found []store.Message
	if err == nil {
		found, err = a.store.FindMessages(ctx, n.Expansion.Plan.Messages())
	}
	if err != nil {
		return Expanding{}, fmt.Errorf("read notification: %w", err)
	}
	messages, contacts := byID(found), a.bounds.batch
	for until := time.Now().Add(expandTime); !n.Expansion.Done(); {
		if a.expanding.Err() != nil || time.Now().After(until) {
			return Expanding{}, nil
		}
		expanded, err := a.expandOnce(ctx, n, messages, contacts)
		contacts = a.bounds.batch
		var refused *refusal.Error
		switch {
		case errors.As(err, &refused):
			a.log.Warn(fmt.Sprintf("an expansion waits: %s: %s", refused.Field, refused.Message), zap.Stringer("notification", n.ID))
			return Expanding{Wait: expandWait}, nil
		case err != nil:
			return Expanding{}, err
		case expanded.Beyond != nil && expanded.Beyond.Used < expanded.Beyond.Most:
			contacts = expanded.Beyond.Most - expanded.Beyond.Used // there is room for so many
			continue
		case expanded.Beyond != nil:
			a.metrics.countLimited(n.AppID, []store.Quota{expanded.Beyond.Quota}, expanded.Beyond)
			return Expanding{Wait: expanded.Beyond.Wait}, nil
		}
		a.metrics.countDeliveries(expanded.Written.Deliveries, expanded.Written.Withheld())
		n.Expansion = new(expanded.Expansion) // a pointer into expanded would keep this batch, and those before it
	}
	return Expanding{Done: true}, nil
}

// StopExpanding makes the running Expand return after their batch.
func (a *Accepter) StopExpanding() { a.stopExpanding() }

func byID(list []store.Message) map[uuid.UUID]store.Message {
	messages := make(map[uuid.UUID]store.Message, len(list))
	for _, m := range list {
		messages[m.ID] = m
	}
	return messages
}

// expandOnce reads the next contacts of a notification's group, at most limit, and writes their deliveries.
func (a *Accepter) expandOnce(ctx context.Context, n store.Notification, messages map[uuid.UUID]store.Message, limit int) (store.Expanded, error) {
	ctx, cancel := context.WithTimeout(ctx, itemTime)
	defer cancel()
	e, now := n.Expansion, store.Now()
	b := store.ExpansionBatch{After: e.After}
	p := &preparation{
		settings: a.settings.Load(), reached: map[store.Recipient]struct{}{}, simulated: e.Plan.Simulated,
		owner: strings.TrimSuffix(n.AppID, TestSuffix), anyPrivate: e.Plan.AnyPrivate,
		job: store.Job{Priority: n.Priority.InQueue(), Metadata: e.Plan.Metadata},
	}
	p.Notification, p.Suppressible = n, p.settings.Defaults.SuppressDays > 0
	var unknown *refusal.Error // it was deleted since
	if err := p.addKind(ctx, n.Kind, a.kinds.stored); err != nil && !errors.As(err, &unknown) {
		return store.Expanded{}, err
	}
	p.Notification.CreatedAt, p.Notification.UpdatedAt, p.Quotas = now, now, e.Plan.Quotas
	g, err := a.group(ctx, e.Group)
	if err == nil && g.Owner != e.Group.Owner {
		err = store.ErrNotFound
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		b.Done, b.Stopped = true, store.StoppedNoGroup
	case err != nil:
		return store.Expanded{}, fmt.Errorf("read group: %w", err)
	default:
		page, err := a.nextContacts(ctx, g, e.After, limit)
		if err != nil {
			return store.Expanded{}, err
		}
		if err := p.addContacts(e.Plan, messages, page.contacts); err != nil {
			return store.Expanded{}, err
		}
		b.Last, b.Contacts, b.Done = page.last, len(page.contacts), page.end
	}
	b.Acceptance = p.Acceptance
	return a.store.Expand(ctx, b)
}

// contactPage is contacts of a group in the order of names.
type contactPage struct {
	contacts []store.Contact
	last     string // the last name, of which there may be no contact; empty: there was none
	end      bool   // none follows
}

// nextContacts returns the contacts with the next names of a group, at most limit. A name means one
// contact of a group: one that is listed is its owner's, before a shared one, and so are those with
// its labels.
func (a *Accepter) nextContacts(ctx context.Context, g store.Group, after string, limit int) (contactPage, error) {
	listed := slices.DeleteFunc(slices.Clone(g.Contacts), func(name string) bool { return name <= after })
	slices.Sort(listed)
	listed = slices.Compact(listed)
	listed = listed[:min(len(listed), limit)]
	names, byName := slices.Clone(listed), map[string]store.Contact{}
	if len(g.Labels) > 0 {
		labelled, err := a.store.ContactsWith(ctx, g.Owner, g.Labels, after, limit)
		if err != nil {
			return contactPage{}, fmt.Errorf("read contacts: %w", err)
		}
		for _, c := range labelled {
			names, byName[c.Name] = append(names, c.Name), c
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	page := contactPage{end: len(names) < limit}
	if names = names[:min(len(names), limit)]; len(names) == 0 {
		return page, nil
	}
	page.last = names[len(names)-1]
	listed = slices.DeleteFunc(listed, func(name string) bool { _, is := byName[name]; return is || name > page.last })
	if len(listed) > 0 {
		found, err := a.store.FindContacts(ctx, g.Owner, listed)
		if err != nil {
			return contactPage{}, fmt.Errorf("read contacts: %w", err)
		}
		for _, c := range found {
			if byName[c.Name].Owner == "" {
				byName[c.Name] = c
			}
		}
	}
	for _, name := range names {
		if c, is := byName[name]; is {
			page.contacts = append(page.contacts, c)
		}
	}
	return page, nil
}

// addContacts adds the deliveries of a plan to the contacts that have an address for its channels.
func (p *preparation) addContacts(plan store.ExpansionPlan, messages map[uuid.UUID]store.Message, contacts []store.Contact) error {
	p.reach = &reach{position: map[store.ContactKey]int{}}
	for rest := plan.Texts; len(rest) > 0; {
		n := slices.IndexFunc(rest, func(t store.PlannedText) bool { return t.Channel != rest[0].Channel })
		if n < 0 {
			n = len(rest)
		}
		if err := p.addPlanned(plan, rest[:n], messages, contacts); err != nil {
			return in(rest[0].Channel, err)
		}
		rest = rest[n:]
	}
	return nil
}

// addPlanned adds the deliveries of a channel, to each contact in the language that fits best. The texts
// are those of the channel.
func (p *preparation) addPlanned(
	plan store.ExpansionPlan, texts []store.PlannedText, messages map[uuid.UUID]store.Message, contacts []store.Contact,
) error {
	provider, on := p.settings.Registry.Provider(texts[0].Channel)
	if !on {
		return refusal.New(refusal.ChannelOff, "", "this channel is not enabled here")
	}
	template := store.Template{Locale: texts[0].Locale, Texts: store.Texts{}}
	for _, text := range texts[1:] {
		template.Texts[text.Locale] = store.Text{}
	}
	chooser, byLocale := rendering.Choose(template), map[string][]recipient{}
	for _, r := range once(addressesOf(contacts, provider.Type, plan)) {
		chosen := chooser.For(cmp.Or(r.locale, plan.OtherLocale)).Locale
		byLocale[chosen] = append(byLocale[chosen], r)
	}
	for _, text := range texts {
		message, is := messages[text.MessageID]
		if !is {
			return fmt.Errorf("message %s: %w", text.MessageID, store.ErrNotFound)
		}
		if err := p.addDeliveries(message, text.Locale, provider.Type, byLocale[text.Locale]); err != nil {
			return err
		}
	}
	return nil
}

// addressesOf returns the addresses of contacts that a channel takes, the first of each.
func addressesOf(contacts []store.Contact, t channels.Type, plan store.ExpansionPlan) []recipient {
	var to []recipient
	for i := range contacts {
		c := &contacts[i]
		if address, has := addressOf(c, t); has {
			to = append(to, recipient{
				Recipient: address, list: "recipients", origin: byGroup, contact: c,
				locale: cmp.Or(plan.Locale, c.Locale), zone: cmp.Or(plan.TimeZone, c.TimeZone),
			})
		}
	}
	return to
}
