// Package feishuapp sends messages as a Feishu (Lark) app and, if configured, makes
// an urgent call to the recipient afterwards.
package feishuapp

import (
	"net/url"
	"strings"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/feishucard"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

// Type describes the provider type.
var Type = channels.Type{
	Name:           "feishu_app",
	Channel:        "feishu_app",
	RecipientTypes: []*channels.RecipientType{channels.FeishuUserID, channels.Email, channels.FeishuChatID},
	MsgTypes: []channels.MsgType{
		{Name: msgText, Format: channels.FormatText, MaxBody: maxContent[msgText] - textEnvelope},
		{Name: msgPost, Format: channels.FormatJSON, MaxBody: maxContent[msgPost], Check: feishucard.Post},
		{Name: msgInteractive, Format: channels.FormatJSON, MaxBody: maxContent[msgInteractive], Check: feishucard.Card, Buttons: true},
	},
	Dedupes:     true,
	Edits:       true,
	Urgent:      []string{urgentApp, urgentSMS, urgentPhone},
	OnUncertain: channels.Resend, // Feishu drops a second message with the same uuid
	NewConfig: func() channels.Config {
		return &Config{
			// The platform's limit for one app.
			CommonConfig:  channels.CommonConfig{RateLimit: channels.RateLimit{PerSecond: 50, PerMinute: 1000}},
			ReceiveIDType: openID,
			MsgType:       msgText,
			BaseURL:       "https://open.feishu.cn",
		}
	},
}

// Message types.
const (
	msgText        = "text"
	msgPost        = "post"
	msgInteractive = "interactive"
)

// Id types of receivers and users.
const (
	openID  = "open_id"
	userID  = "user_id"
	unionID = "union_id"
	email   = "email"
	chatID  = "chat_id"
)

// Kinds of urgent calls.
const (
	urgentApp   = "app"
	urgentSMS   = "sms"
	urgentPhone = "phone"
)

// Config configures a Feishu app.
type Config struct {
	channels.CommonConfig `yaml:",inline"`

	AppID            string `yaml:"appId" required:"true" doc:"the app's id"`
	AppSecret        string `yaml:"appSecret" required:"true" secret:"true" doc:"the app's secret"`
	ReceiveIDType    string `yaml:"receiveIdType" doc:"what a feishu_user_id is: open_id, user_id or union_id; email: its prefix decides"`
	UrgentUserIDType string `yaml:"urgentUserIdType" doc:"id type of the urgent call: open_id, user_id or union_id; empty: as the message, open_id for an email recipient"`
	MsgType          string `yaml:"msgType" doc:"text, post or interactive, unless the template has one"`
	UrgentType       string `yaml:"urgentType" doc:"urgent reminder after the message: app, sms or phone; empty: none"`
	Events           bool   `yaml:"events" doc:"listen to the platform's long connection: for read marks of messages to one user, and for pressed buttons"`
	BaseURL          string `yaml:"baseUrl" doc:"the platform's address: Feishu, Lark or a private deployment"`
	AllowHTTP        bool   `yaml:"allowHttp" doc:"dangerous: allow http in baseUrl, which shows the app's secret and all messages to the network"`
}

// DefaultMsgType implements channels.MsgTyper.
func (c *Config) DefaultMsgType() string { return c.MsgType }

// Validate implements channels.Config.
func (c *Config) Validate() error {
	for _, key := range []struct {
		name, value string
		allowed     []string
	}{
		{"receiveIdType", c.ReceiveIDType, []string{openID, userID, unionID, email}},
		{"urgentUserIdType", c.UrgentUserIDType, []string{"", openID, userID, unionID}},
		{"msgType", c.MsgType, []string{msgText, msgPost, msgInteractive}},
		{"urgentType", c.UrgentType, []string{"", urgentApp, urgentSMS, urgentPhone}},
	} {
		if err := channels.CheckOneOf(key.name, key.value, key.allowed...); err != nil {
			return err
		}
	}
	return c.validateBaseURL()
}

// validateBaseURL does not repeat the address in its errors, because it may hold a password.
func (c *Config) validateBaseURL() error {
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return channels.KeyErrorf("baseUrl", "not an http or https address")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return channels.KeyErrorf("baseUrl", "a user, a query and a fragment have no place in it")
	}
	if u.Scheme == "http" && !c.AllowHTTP && !vendorhttp.Loopback(u.Hostname()) {
		return channels.KeyErrorf("baseUrl", "must start with https://, because the app's secret would travel in the clear; allowHttp allows it")
	}
	return nil
}

// Open implements channels.Config.
func (c *Config) Open() (channels.Sender, error) {
	s := newSender(*c, strings.TrimRight(c.BaseURL, "/"), vendorhttp.NewClient())
	if c.Events {
		return listener{s}, nil
	}
	return s, nil
}
