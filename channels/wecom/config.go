// Package wecom posts messages to a WeCom (企业微信) group as its robot.
package wecom

import (
	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/hook"
	"github.com/labring/sealos-notify/channels/robot"
)

// Type describes the provider type.
var Type = channels.Type{
	Name:           "wecom_group",
	Channel:        "wecom_group",
	RecipientTypes: []*channels.RecipientType{channels.WeComGroup, channels.WeComUserID},
	MsgTypes: []channels.MsgType{
		{Name: msgText, Format: channels.FormatText, MaxBody: maxText, Unquoted: true, MentionRoom: func(string) int { return 0 }},
		{Name: msgMarkdown, Format: channels.FormatText, MaxBody: maxMarkdown - envelope, Unquoted: true, MentionRoom: mentionRoom},
	},
	OnUncertain: channels.Resend, // reading a message twice does no harm
	NewConfig: func() channels.Config {
		return &Config{
			// WeCom's limit for one robot.
			CommonConfig: channels.CommonConfig{RateLimit: channels.RateLimit{PerMinute: 20}},
			MsgType:      msgText,
			Options:      hook.Options{AllowedHosts: []string{"qyapi.weixin.qq.com"}},
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

	WebhookURL string `yaml:"webhookUrl" required:"true" secret:"true" doc:"the robot's address; its key is the robot's token"`
	MsgType    string `yaml:"msgType" doc:"text or markdown, unless the template has one"`

	hook.Options `yaml:",inline"`
}

// DefaultMsgType implements channels.MsgTyper.
func (c *Config) DefaultMsgType() string { return c.MsgType }

// Keys of the address, and of the token in it.
const (
	webhookURL = "webhookUrl"
	parameter  = "key"
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
	group := robot.Group{Type: channels.WeComGroup, UserType: channels.WeComUserID}
	return &sender{Client: client, Group: group, token: hook.Token(c.WebhookURL, parameter)}, nil
}
