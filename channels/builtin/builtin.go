// Package builtin is the table of provider types.
package builtin

import (
	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/dingtalk"
	"github.com/labring/sealos-notify/channels/email"
	"github.com/labring/sealos-notify/channels/feishuapp"
	"github.com/labring/sealos-notify/channels/feishuwebhook"
	"github.com/labring/sealos-notify/channels/inapp"
	"github.com/labring/sealos-notify/channels/sms"
	"github.com/labring/sealos-notify/channels/voice"
	"github.com/labring/sealos-notify/channels/webhook"
	"github.com/labring/sealos-notify/channels/wecom"
)

// Types returns all provider types, one for each channel.
func Types() []channels.Type {
	return []channels.Type{
		inapp.Type,
		email.Type,
		sms.Type,
		voice.Type,
		feishuwebhook.Type,
		feishuapp.Type,
		dingtalk.Type,
		wecom.Type,
		webhook.Type,
	}
}
