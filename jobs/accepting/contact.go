package accepting

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// Recipient types whose value is a name. What they mean is looked up when the request is accepted.
const (
	RecipientContact = store.RecipientContact
	RecipientGroup   = "group"
)

const (
	// manyContacts is from where on a request with contacts is one of few that are worked on at once. Its
	// body does not say how much memory it needs.
	manyContacts = 250
	// maxLarge bounds these, and largeOfApp those of one app. With 30,000 contacts one takes some 75 MiB.
	maxLarge, largeOfApp = 3, 2
)

// maxGroups bounds the groups of one request: each is a read.
const maxGroups = 50

// contactName is what contacts and groups can be called. The name is part of a path.
var contactName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

const contactNameRule = "letters, digits, '.', '_' and '-', at most 128"

// IsContactName reports whether a contact or a group can have the name.
func IsContactName(name string) bool { return contactName.MatchString(name) }

// isNamed reports whether the recipient is a contact or a group.
func isNamed(r store.Recipient) bool { return r.Type == RecipientContact || r.Type == RecipientGroup }

// namesGroup reports whether the request has a group among its recipients.
func (r Request) namesGroup() bool {
	is := func(to Recipient) bool { return to.Type == RecipientGroup }
	for _, c := range r.Channels {
		if slices.ContainsFunc(c.Recipients, is) {
			return true
		}
	}
	return slices.ContainsFunc(r.Recipients, is)
}

// directory is what the names of a request mean to an app: its own, or else the shared ones.
type directory struct {
	owner    string
	heavy    func() error // is called before many contacts are read
	contacts map[store.ContactKey]*store.Contact
	groups   map[string]store.Group
	members  map[string][]*store.Contact // by group
	total    int                         // members of all groups
	missing  []string                    // names that groups list and no contact has
}

// readDirectory reads what the named recipients of all lists mean. Contacts are one read, also those
// that groups list; the contacts with the labels of a group are one for each group.
func (a *Accepter) readDirectory(ctx context.Context, owner string, heavy func() error, lists [][]recipient) (*directory, error) {
	named := map[string][]recipient{} // by type
	for _, list := range lists {
		for _, r := range list {
			if isNamed(r.Recipient) {
				named[r.Type] = append(named[r.Type], r)
			}
		}
	}
	if len(named) == 0 {
		return nil, nil //nolint:nilnil // nothing to look up
	}
	d := &directory{
		owner: owner, heavy: heavy, contacts: map[store.ContactKey]*store.Contact{}, groups: map[string]store.Group{}, members: map[string][]*store.Contact{},
	}
	if err := d.readGroups(ctx, a.store, named[RecipientGroup]); err != nil {
		return nil, err
	}
	if err := d.readContacts(ctx, a.store, named[RecipientContact]); err != nil {
		return nil, err
	}
	for _, r := range named[RecipientGroup] {
		if err := d.readMembers(ctx, a.store, r); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// readGroups reads the groups that are named. It returns a *refusal.Error for one that is unknown.
func (d *directory) readGroups(ctx context.Context, st Store, named []recipient) error {
	if len(named) == 0 {
		return nil
	}
	if len(named) > maxGroups {
		return named[maxGroups].refuse(refusal.TooManyRecipients, fmt.Sprintf("at most %d groups in one request", maxGroups))
	}
	found, err := st.FindGroups(ctx, d.owner, valuesOf(named))
	if err != nil {
		return fmt.Errorf("read groups: %w", err)
	}
	for _, g := range found {
		if g.Owner == d.owner || d.groups[g.Name].Name == "" {
			d.groups[g.Name] = g
		}
	}
	listed := 0
	for _, r := range named {
		g, is := d.groups[r.Value]
		if !is {
			return r.refuse(refusal.UnknownContact, fmt.Sprintf("there is no group %q", r.Value))
		}
		if listed += len(g.Contacts); listed > maxDeliveries {
			return tooMany(r)
		}
	}
	return nil
}

// tooMany returns the refusal of the group with which a request has more contacts than it bears.
func tooMany(r recipient) error {
	return r.refuse(refusal.TooManyDeliveries, fmt.Sprintf("with it the groups of this request have more than %d contacts; a group that is the only recipient may be larger", maxDeliveries))
}

// readContacts reads the contacts that are named, and those that the groups list. It returns a
// *refusal.Error for a named one that is unknown.
func (d *directory) readContacts(ctx context.Context, st Store, named []recipient) error {
	names := valuesOf(named)
	for _, g := range d.groups {
		names = append(names, g.Contacts...)
	}
	if len(names) == 0 {
		return nil
	}
	if len(names) > manyContacts {
		if err := d.heavy(); err != nil {
			return err
		}
	}
	slices.Sort(names)
	found, err := st.FindContacts(ctx, d.owner, slices.Compact(names))
	if err != nil {
		return fmt.Errorf("read contacts: %w", err)
	}
	for i := range found {
		d.contacts[found[i].ContactKey] = &found[i]
	}
	for _, r := range named {
		if d.contact(d.owner, r.Value) == nil {
			return r.refuse(refusal.UnknownContact, fmt.Sprintf("there is no contact %q", r.Value))
		}
	}
	return nil
}

// readMembers gathers the contacts of a group: those that it lists, and its owner's with its
// labels. It returns a *refusal.Error when they are more than one request bears.
func (d *directory) readMembers(ctx context.Context, st Store, r recipient) error {
	g := d.groups[r.Value]
	if _, isRead := d.members[g.Name]; isRead {
		return nil
	}
	var members []*store.Contact
	listed := map[store.ContactKey]bool{}
	for _, name := range g.Contacts {
		if c := d.contact(g.Owner, name); c != nil {
			members = append(members, c)
			listed[c.ContactKey] = true
		} else if len(d.missing) < store.MaxReach && !slices.Contains(d.missing, name) {
			d.missing = append(d.missing, name)
		}
	}
	if len(g.Labels) > 0 {
		found, err := d.labelled(ctx, st, g)
		if err != nil {
			return err
		}
		for i := range found {
			if !listed[found[i].ContactKey] {
				members = append(members, &found[i])
			}
		}
	}
	if d.total += len(members); d.total > maxDeliveries {
		return tooMany(r)
	}
	d.members[g.Name] = members
	return nil
}

// labelled returns the contacts with the labels of a group, one more than a request bears at most.
func (d *directory) labelled(ctx context.Context, st Store, g store.Group) ([]store.Contact, error) {
	found, err := st.ContactsWith(ctx, g.Owner, g.Labels, "", manyContacts)
	if err == nil && len(found) == manyContacts {
		if err := d.heavy(); err != nil {
			return nil, err
		}
		var rest []store.Contact
		rest, err = st.ContactsWith(ctx, g.Owner, g.Labels, found[len(found)-1].Name, maxDeliveries+1-manyContacts)
		found = append(found, rest...)
	}
	if err != nil {
		return nil, fmt.Errorf("read contacts of group: %w", err)
	}
	return found, nil
}

// contact returns what the name means to the owner, or nil.
func (d *directory) contact(owner, name string) *store.Contact {
	if own := d.contacts[store.ContactKey{Owner: owner, Name: name}]; own != nil {
		return own
	}
	return d.contacts[store.ContactKey{Name: name}]
}

// expand replaces contacts and groups in a list by the contacts that they mean, each once. Who is
// there by name and in a group is there by name, with the params of that.
func (d *directory) expand(list []recipient) []recipient {
	expanded := make([]recipient, 0, len(list))
	position := map[store.ContactKey]int{}
	add := func(r recipient, c *store.Contact) {
		r.contact, r.locale, r.zone = c, cmp.Or(r.locale, c.Locale), cmp.Or(r.zone, c.TimeZone)
		i, repeated := position[c.ContactKey]
		switch {
		case !repeated:
			position[c.ContactKey] = len(expanded)
			expanded = append(expanded, r)
		case expanded[i].origin == byGroup && r.origin == byName:
			expanded[i] = r
		}
	}
	for _, r := range list {
		switch r.Type {
		case RecipientContact:
			r.origin = byName
			add(r, d.contact(d.owner, r.Value))
		case RecipientGroup:
			r.origin = byGroup
			for _, c := range d.members[r.Value] {
				add(r, c)
			}
		default:
			expanded = append(expanded, r)
		}
	}
	return expanded
}

// takeLarge waits until the request may be one of few with many contacts. It is one until giveBack.
func (p *preparation) takeLarge(ctx context.Context, a *Accepter) (err error) {
	if p.large == nil {
		p.large, err = a.large.Take(ctx, p.Notification.AppID, 1)
	}
	return err
}

// giveBack lets another request with many contacts begin.
func (p *preparation) giveBack() {
	if p.large != nil {
		p.large()
	}
}

// resolve looks up the contacts and groups in the lists of a request, and puts the contacts that
// they mean in their places.
func (p *preparation) resolve(ctx context.Context, a *Accepter) error {
	lists := [][]recipient{p.lists.common}
	for _, channel := range slices.Sorted(maps.Keys(p.lists.own)) {
		lists = append(lists, p.lists.own[channel])
	}
	d, err := a.readDirectory(ctx, p.owner, func() error { return p.takeLarge(ctx, a) }, lists)
	if d == nil || err != nil {
		return err
	}
	p.reach = &reach{position: map[store.ContactKey]int{}, missing: d.missing}
	p.lists.common = d.expand(p.lists.common)
	for channel, list := range p.lists.own {
		p.lists.own[channel] = d.expand(list)
	}
	return nil
}

// addressOf returns the first address of a contact that a channel takes.
func addressOf(c *store.Contact, t channels.Type) (store.Recipient, bool) {
	for _, address := range c.Addresses {
		if t.Accepts(address.Type) {
			return address, true
		}
	}
	return store.Recipient{}, false
}

// once drops repeated addresses: the first stays, and one that is there by name, or as an address,
// goes before one that is in a group.
func once(list []recipient) []recipient {
	position := make(map[store.Recipient]int, len(list))
	kept := list[:0]
	for _, r := range list {
		i, repeated := position[r.Recipient]
		if !repeated {
			position[r.Recipient] = len(kept)
			kept = append(kept, r)
			continue
		}
		first := kept[i]
		if first.origin == byGroup && r.origin != byGroup {
			first, r = r, first
		}
		first.locale, first.zone = cmp.Or(first.locale, r.locale), cmp.Or(first.zone, r.zone)
		first.twins = append(first.twins, r.twins...)
		if first.contact == nil {
			first.contact = r.contact
		} else if r.contact != nil {
			first.twins = append(first.twins, r.contact)
		}
		kept[i] = first
	}
	return kept
}

// reach gathers on which channels the contacts of a request are reached.
type reach struct {
	position map[store.ContactKey]int
	each     []store.ContactReach
	missing  []string
}

// noteAll notes whether all whose address it is are reached on a channel.
func (p *preparation) noteAll(r recipient, channel string, is bool) {
	if r.contact != nil {
		p.note(r.contact, channel, is)
	}
	for _, c := range r.twins {
		p.note(c, channel, is)
	}
}

// note notes whether a contact is reached on a channel. Channels come one after the other.
func (p *preparation) note(c *store.Contact, channel string, is bool) {
	r := p.reach
	i, known := r.position[c.ContactKey]
	if !known {
		i = len(r.each)
		r.position[c.ContactKey] = i
		r.each = append(r.each, store.ContactReach{Name: c.Name})
	}
	of := &r.each[i]
	if is {
		of.Channels = append(of.Channels, channel)
	} else {
		of.Without = append(of.Without, channel)
	}
}

// stored returns what the notification keeps of it; nil for nil.
func (r *reach) stored() *store.Reach {
	if r == nil {
		return nil
	}
	sum := &store.Reach{Contacts: len(r.each), Missing: r.missing}
	for _, c := range r.each {
		if len(c.Channels) > 0 {
			sum.Reached++
		}
		if len(sum.Each) < store.MaxReach && (len(r.each) <= store.MaxReach || len(c.Without) > 0) {
			sum.Each = append(sum.Each, c)
		}
	}
	return sum
}

// valuesOf returns the values of a list.
func valuesOf(list []recipient) []string {
	values := make([]string, len(list))
	for i, r := range list {
		values[i] = r.Value
	}
	return values
}
