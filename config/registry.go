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
	first := map[string]channels.Provider{}
	var others []channels.Provider
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(c.Channels)) {
		channel := c.Channels[name]
		if !channel.Enabled {
			continue
		}
		for i, share := range channel.List() {
			provider, err := open(c.Providers[share.Name], channel.Tries)
			provider.Place, provider.Weight = i+1, share.Weight
			switch {
			case err != nil:
				problems = append(problems, err)
			case i == 0:
				first[name] = provider
			default:
				others = append(others, provider)
			}
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		p := c.Providers[name]
		channel := c.Channels[p.Type.Channel]
		if !channel.Enabled || channel.Uses(name) {
			continue
		}
		spare, err := open(p, channel.Tries)
		if err != nil {
			leftOut(name, err)
			continue
		}
		others = append(others, spare)
	}
	return channels.NewRegistry(first, others...), nil
}

// open opens a provider, which may read files.
func open(p Provider, ofChannel channels.Tries) (channels.Provider, error) {
	provider, err := within(patience, "provider "+p.Name, func() (channels.Provider, error) {
		return channels.OpenProvider(p.Name, p.Type, p.Config)
	})
	provider.Settings = settingsOf(p.Config)
	provider.Tries = provider.Tries.Or(ofChannel)
	if errors.Is(err, errNoAnswer) {
		err = fmt.Errorf("providers.%s: a file that it names %w", p.Name, err)
	}
	return provider, err
}
