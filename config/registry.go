package config

import (
	"errors"
	"maps"
	"slices"

	"github.com/labring/sealos-notify/channels"
)

// Registry opens the providers of the enabled channels. It makes no network call.
// A provider that no channel uses is checked, and not opened: what it needs may
// not be there (a cluster around it, say).
func (c *Config) Registry() (*channels.Registry, error) {
	byChannel := map[string]channels.Provider{}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(c.Channels)) {
		if !c.Channels[name].Enabled {
			continue
		}
		p := c.Providers[c.Channels[name].Provider]
		provider, err := channels.OpenProvider(p.Name, p.Type, p.Config)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		byChannel[name] = provider
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return channels.NewRegistry(byChannel), nil
}
