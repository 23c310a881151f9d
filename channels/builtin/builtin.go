// Package builtin is the one table of provider types.
package builtin

import (
	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/email"
	"github.com/labring/sealos-notify/channels/feishuapp"
	"github.com/labring/sealos-notify/channels/feishuwebhook"
	"github.com/labring/sealos-notify/channels/inapp"
	"github.com/labring/sealos-notify/channels/sms"
	"github.com/labring/sealos-notify/channels/voice"
)

// Types are all provider types the service knows, one a channel.
func Types() []channels.Type {
	return []channels.Type{
		inapp.Type,
		email.Type,
		sms.Type,
		voice.Type,
		feishuwebhook.Type,
		feishuapp.Type,
	}
}
