package channels

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Provider is an opened provider.
type Provider struct {
	Name        string
	Type        Type
	MsgType     string // used when a template names none
	OnUncertain OnUncertain
	Interval    time.Duration // from one call to the next, over all replicas; 0 for no limit
	Apps        []string      // that may send through it; nil: all
	Place       int           // in its channel's list, from 1; 0 for a spare
	Weight      int           // its share of the channel's deliveries, beside the others'; see Registry.Order
	Tries       Tries         // its own, and its channel's
	Sender      Sender
	Settings    []Setting // as they are in force
}

// Setting is a key of a provider's configuration with its value, as people may see it: no
// secret is in it.
type Setting struct{ Key, Value string }

// Line returns the name by which the provider's deliveries wait apart from those of its channel's
// first; empty for the first.
func (p Provider) Line() string {
	if p.Place == 1 {
		return ""
	}
	return p.Name
}

// Admits reports whether an app may send through the provider.
func (p Provider) Admits(app string) bool { return p.Apps == nil || slices.Contains(p.Apps, app) }

// OpenProvider opens the provider called name from its validated configuration.
func OpenProvider(name string, t Type, c Config) (Provider, error) {
	sender, err := c.Open()
	if err != nil {
		return Provider{}, fmt.Errorf("provider %s: %w", name, err)
	}
	p := Provider{
		Name: name, Type: t, OnUncertain: t.OnUncertain, Interval: c.Common().RateLimit.Interval(), Tries: c.Common().Tries, Sender: sender,
	}
	if o := c.Common().OnUncertain; o != "" {
		p.OnUncertain = o
	}
	if m, ok := c.(MsgTyper); ok {
		p.MsgType = m.DefaultMsgType()
	}
	if l, ok := c.(AppLister); ok {
		p.Apps = l.AllowedApps()
	}
	return p, nil
}

// Registry holds the open providers, by channel and by name. It never changes: a
// reload makes a new one.
type Registry struct {
	lists  map[string][]Provider // by channel, never empty
	byName map[string]Provider
}

// NewRegistry returns a registry of the first provider of each enabled channel. Those of the
// others that have a Place follow it in the channel's list. The rest are spares: they serve no
// channel, and deliveries are sent through them by hand.
func NewRegistry(first map[string]Provider, others ...Provider) *Registry {
	r := &Registry{lists: map[string][]Provider{}, byName: map[string]Provider{}}
	for channel, p := range first {
		p.Place = 1
		r.lists[channel], r.byName[p.Name] = []Provider{p}, p
	}
	for _, p := range slices.SortedStableFunc(slices.Values(others), func(a, b Provider) int { return a.Place - b.Place }) {
		r.byName[p.Name] = p
		if channel := p.Type.Channel; p.Place > 0 && r.lists[channel] != nil {
			r.lists[channel] = append(r.lists[channel], p)
		}
	}
	return r
}

// Order returns the providers that a delivery of the channel may go through by itself, in the
// order of preference; none when the channel is disabled. The first is chosen by the weights, and
// always the same one for the same id. Without weights it is the list's first. The others follow
// as in the list.
func (r *Registry) Order(channel string, delivery uuid.UUID) []Provider {
	list, total := r.lists[channel], 0
	for _, p := range list {
		total += p.Weight
	}
	if total == 0 {
		return list
	}
	share := int(binary.BigEndian.Uint32(delivery[12:]) % uint32(total)) // these bits of a UUIDv7 are random
	for i, p := range list {
		if share -= p.Weight; share < 0 && i > 0 {
			return slices.Concat(list[i:i+1], list[:i], list[i+1:])
		} else if share < 0 {
			break
		}
	}
	return list
}

// Close closes the connections that senders keep for the next message. Calls in flight, and
// those that begin later, are not affected. Call it when the registry was replaced.
func (r *Registry) Close() {
	for _, p := range r.byName {
		if c, ok := p.Sender.(io.Closer); ok {
			_ = c.Close() // what is closed is idle
		}
	}
}

// Provider returns the first provider of a channel; false when the channel is disabled.
func (r *Registry) Provider(channel string) (Provider, bool) {
	if list := r.lists[channel]; len(list) > 0 {
		return list[0], true
	}
	return Provider{}, false
}

// List returns the providers that a channel's deliveries go through by themselves, in their order.
func (r *Registry) List(channel string) []Provider { return r.lists[channel] }

// ProviderFor returns the provider that takes messages of a channel to a recipient: the one
// that the recipient names, otherwise the channel's. It returns false when the channel is
// disabled, or has no provider of that name.
func (r *Registry) ProviderFor(channel string, to Recipient) (Provider, bool) {
	p, on := r.Provider(channel)
	if !on || !p.Type.NamesProvider(to.Type) {
		return p, on
	}
	named, known := r.byName[to.Value]
	return named, known && named.Type.Channel == channel
}

// Named returns the provider with the name, spare or not.
func (r *Registry) Named(name string) (Provider, bool) {
	p, ok := r.byName[name]
	return p, ok
}

// InUse returns the providers that deliveries go through unless somebody chooses otherwise:
// those of channels, and those that recipients may name. They are sorted by channel and name.
func (r *Registry) InUse() []Provider {
	var used []Provider
	for _, channel := range r.Channels() {
		for _, name := range r.Providers(channel) {
			if p := r.byName[name]; p.Type.IsNamed() || p.Place > 0 {
				used = append(used, p)
			}
		}
	}
	return used
}

// Providers returns the names of a channel's providers and spares, sorted; those of
// all channels when channel is empty.
func (r *Registry) Providers(channel string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(r.byName)) {
		if channel == "" || r.byName[name].Type.Channel == channel {
			names = append(names, name)
		}
	}
	return names
}

// Channels returns the names of the enabled channels, sorted.
func (r *Registry) Channels() []string {
	return slices.Sorted(maps.Keys(r.lists))
}
