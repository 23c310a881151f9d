package channels

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Provider is an opened provider.
type Provider struct {
	Name        string
	Type        Type
	MsgType     string // used when a template names none
	OnUncertain OnUncertain
	Interval    time.Duration // from one call to the next, over all replicas; 0 for no limit
	Apps        []string      // that may send through it; nil: all
	Sender      Sender
	Settings    []Setting // as they are in force
}

// Setting is a key of a provider's configuration with its value, as people may see it: no
// secret is in it.
type Setting struct{ Key, Value string }

// Admits reports whether an app may send through the provider.
func (p Provider) Admits(app string) bool { return p.Apps == nil || slices.Contains(p.Apps, app) }

// OpenProvider opens the provider called name from its validated configuration.
func OpenProvider(name string, t Type, c Config) (Provider, error) {
	sender, err := c.Open()
	if err != nil {
		return Provider{}, fmt.Errorf("provider %s: %w", name, err)
	}
	p := Provider{Name: name, Type: t, OnUncertain: t.OnUncertain, Interval: c.Common().RateLimit.Interval(), Sender: sender}
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
	byChannel map[string]Provider
	byName    map[string]Provider
}

// NewRegistry returns a registry of the provider of each enabled channel. Spares
// serve no channel: deliveries are sent through them by hand.
func NewRegistry(byChannel map[string]Provider, spares ...Provider) *Registry {
	r := &Registry{byChannel: maps.Clone(byChannel), byName: map[string]Provider{}}
	for _, p := range byChannel {
		r.byName[p.Name] = p
	}
	for _, p := range spares {
		r.byName[p.Name] = p
	}
	return r
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

// Provider returns the provider of a channel; false when the channel is disabled.
func (r *Registry) Provider(channel string) (Provider, bool) {
	p, ok := r.byChannel[channel]
	return p, ok
}

// ProviderFor returns the provider that takes messages of a channel to a recipient: the one
// that the recipient names, otherwise the channel's. It returns false when the channel is
// disabled, or has no provider of that name.
func (r *Registry) ProviderFor(channel string, to Recipient) (Provider, bool) {
	p, on := r.byChannel[channel]
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
			if p := r.byName[name]; p.Type.IsNamed() || name == r.byChannel[channel].Name {
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
	return slices.Sorted(maps.Keys(r.byChannel))
}
