// Package builtin is the one table of provider types.
package builtin

import (
	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/feishuapp"
)

// Types are all provider types the service knows, one a channel.
func Types() []channels.Type {
	return []channels.Type{
		feishuapp.Type,
	}
}

// Type returns the provider type of that name.
func Type(name string) (channels.Type, bool) {
	for _, t := range Types() {
		if t.Name == name {
			return t, true
		}
	}
	return channels.Type{}, false
}

// Channel returns the provider type that serves the channel.
func Channel(channel string) (channels.Type, bool) {
	for _, t := range Types() {
		if t.Channel == channel {
			return t, true
		}
	}
	return channels.Type{}, false
}
