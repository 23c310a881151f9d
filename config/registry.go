package config

import (
	"errors"
	"maps"
	"slices"

	"github.com/labring/sealos-notify/channels"
)

// Open opens every provider, those that no channel uses included, by name. It
// makes no network call.
func (c *Config) Open() (map[string]channels.Provider, error) {
	opened := map[string]channels.Provider{}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		p := c.Providers[name]
		provider, err := channels.OpenProvider(name, p.Type, p.Config)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		opened[name] = provider
	}
	return opened, errors.Join(problems...)
}

// Registry opens every provider and returns those of the enabled channels.
func (c *Config) Registry() (*channels.Registry, error) {
	opened, err := c.Open()
	if err != nil {
		return nil, err
	}
	byChannel := map[string]channels.Provider{}
	for name, channel := range c.Channels {
		if channel.Enabled {
			byChannel[name] = opened[channel.Provider]
		}
	}
	return channels.NewRegistry(byChannel), nil
}
