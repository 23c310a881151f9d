package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/labring/sealos-notify/channels"
)

// Registry opens the providers of the enabled channels. It makes no network call.
// A provider that its channel does not use is a spare. A spare that cannot be
// opened is left out, and leftOut is called: it may need what is not there, such as a
// cluster.
func (c *Config) Registry(leftOut func(provider string, err error)) (*channels.Registry, error) {
	byChannel := map[string]channels.Provider{}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(c.Channels)) {
		if !c.Channels[name].Enabled {
			continue
		}
		p := c.Providers[c.Channels[name].Provider]
		provider, err := open(p)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		byChannel[name] = provider
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	var spares []channels.Provider
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		p := c.Providers[name]
		used, on := byChannel[p.Type.Channel]
		if !on || used.Name == name {
			continue
		}
		spare, err := open(p)
		if err != nil {
			leftOut(name, err)
			continue
		}
		spares = append(spares, spare)
	}
	return channels.NewRegistry(byChannel, spares...), nil
}

// open opens a provider, which may read files.
func open(p Provider) (channels.Provider, error) {
	provider, err := within(patience, "provider "+p.Name, func() (channels.Provider, error) {
		return channels.OpenProvider(p.Name, p.Type, p.Config)
	})
	provider.Settings = settingsOf(p.Config)
	if errors.Is(err, errNoAnswer) {
		err = fmt.Errorf("providers.%s: a file that it names %w", p.Name, err)
	}
	return provider, err
}
