// Package dingtalk posts messages to a DingTalk group as its custom robot.
package dingtalk

import (
	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/hook"
	"github.com/labring/sealos-notify/channels/robot"
)

// Type describes the provider type.
var Type = channels.Type{
	Name:           "dingtalk_group",
	Channel:        "dingtalk_group",
	RecipientTypes: []*channels.RecipientType{channels.DingTalkGroup, channels.DingTalkUserID},
	Subject:        true,
	MsgTypes: []channels.MsgType{
		{Name: msgText, Format: channels.FormatText, MaxBody: maxBody - envelope, MentionRoom: mentionRoom},
		{Name: msgMarkdown, Format: channels.FormatText, MaxBody: maxBody - envelope, MentionRoom: mentionRoom},
	},
	Dedupes:     true, // by msgUuid; for how long is on no page
	OnUncertain: channels.Resend,
	NewConfig: func() channels.Config {
		return &Config{
			// DingTalk's limit for one robot.
			CommonConfig: channels.CommonConfig{RateLimit: channels.RateLimit{PerMinute: 20}},
			MsgType:      msgText,
			Options:      hook.Options{AllowedHosts: []string{"oapi.dingtalk.com", "oapi.dingtalk.io"}},
		}
	},
}

// Message types.
const (
	msgText     = "text"
	msgMarkdown = "markdown"
)

// Config configures a robot.
type Config struct {
	channels.CommonConfig `yaml:",inline"`

	WebhookURL string `yaml:"webhookUrl" required:"true" secret:"true" doc:"the robot's address; its access_token is the robot's token"`
	Secret     string `yaml:"secret" secret:"true" doc:"signs requests, for a robot whose security settings have a signature"`
	MsgType    string `yaml:"msgType" doc:"text or markdown, unless the template has one"`

	hook.Options `yaml:",inline"`
}

// DefaultMsgType implements channels.MsgTyper.
func (c *Config) DefaultMsgType() string { return c.MsgType }

// Keys of the address, and of the token in it.
const (
	webhookURL = "webhookUrl"
	parameter  = "access_token"
)

// Validate implements channels.Config.
func (c *Config) Validate() error {
	if err := channels.CheckOneOf("msgType", c.MsgType, msgText, msgMarkdown); err != nil {
		return err
	}
	return robot.CheckAddress(&c.Options, webhookURL, c.WebhookURL, parameter)
}

// Open implements channels.Config.
func (c *Config) Open() (channels.Sender, error) {
	client, err := hook.NewClient(webhookURL, c.WebhookURL, c.Options)
	if err != nil {
		return nil, err
	}
	group := robot.Group{Type: channels.DingTalkGroup, UserType: channels.DingTalkUserID}
	return &sender{Client: client, Group: group, token: hook.Token(c.WebhookURL, parameter), secret: c.Secret}, nil
}
