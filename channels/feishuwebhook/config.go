// Package feishuwebhook posts messages to a Feishu (Lark) group through the
// webhook of a custom bot.
package feishuwebhook

import (
	"net/url"
	"strings"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/feishucard"
	"github.com/labring/sealos-notify/channels/hook"
)

// Type describes the provider type.
var Type = channels.Type{
	Name:           "feishu_webhook",
	Channel:        "feishu_webhook",
	RecipientTypes: []*channels.RecipientType{channels.FeishuUserID, channels.Email, channels.FeishuGroup},
	MsgTypes: []channels.MsgType{
		{Name: msgText, Format: channels.FormatText, MaxBody: maxBody - envelope},
		{Name: msgPost, Format: channels.FormatJSON, MaxBody: maxBody - envelope, Check: feishucard.Post},
		{Name: msgInteractive, Format: channels.FormatJSON, MaxBody: maxBody - envelope, Check: feishucard.Card},
	},
	OnUncertain: channels.Resend, // reading a message twice does no harm
	NewConfig: func() channels.Config {
		return &Config{
			// Feishu's limit for one bot.
			CommonConfig: channels.CommonConfig{RateLimit: channels.RateLimit{PerSecond: 5, PerMinute: 100}},
			MsgType:      msgText,
			Options:      hook.Options{AllowedHosts: []string{"open.feishu.cn", "open.larksuite.com"}},
		}
	},
}

// Message types.
const (
	msgText        = "text"
	msgPost        = "post"
	msgInteractive = "interactive"
)

// Config configures a custom bot.
type Config struct {
	channels.CommonConfig `yaml:",inline"`

	WebhookURL string `yaml:"webhookUrl" required:"true" secret:"true" doc:"the bot's address; its last part is the bot's token"`
	Secret     string `yaml:"secret" secret:"true" doc:"signs requests, for a bot with signature verification on"`
	MsgType    string `yaml:"msgType" doc:"text, post or interactive, unless the template has one"`

	hook.Options `yaml:",inline"`
}

// DefaultMsgType implements channels.MsgTyper.
func (c *Config) DefaultMsgType() string { return c.MsgType }

// Validate implements channels.Config. Its errors do not repeat webhookUrl, which
// holds the token.
func (c *Config) Validate() error {
	if err := channels.CheckOneOf("msgType", c.MsgType, msgText, msgPost, msgInteractive); err != nil {
		return err
	}
	if err := c.Check(webhookURL, c.WebhookURL); err != nil {
		return err
	}
	switch u, _ := url.Parse(c.WebhookURL); {
	case strings.ContainsAny(c.WebhookURL, "?%"):
		return channels.KeyErrorf(webhookURL, "a query and escapes have no place in it")
	case token(u) == "":
		return channels.KeyErrorf(webhookURL, "has no token at its end")
	}
	return nil
}

// webhookURL is the key of the address.
const webhookURL = "webhookUrl"

// token returns the secret part of a webhook's address.
func token(u *url.URL) string { return u.Path[strings.LastIndexByte(u.Path, '/')+1:] }

// Open implements channels.Config.
func (c *Config) Open() (channels.Sender, error) {
	client, err := hook.NewClient(webhookURL, c.WebhookURL, c.Options)
	if err != nil {
		return nil, err
	}
	return &sender{Client: client, secret: c.Secret}, nil
}
