// Package feishuwebhook posts messages to a Feishu (Lark) group through the
// webhook of a custom bot.
package feishuwebhook

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/feishucard"
	"github.com/labring/sealos-notify/channels/vendorhttp"
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
			AllowedHosts: []string{"open.feishu.cn", "open.larksuite.com"},
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

	WebhookURL string   `yaml:"webhookUrl" required:"true" secret:"true" doc:"the bot's address; its last part is the bot's token"`
	Secret     string   `yaml:"secret" secret:"true" doc:"signs requests, for a bot with signature verification on"`
	MsgType    string   `yaml:"msgType" doc:"text, post or interactive, unless the template has one"`
	Apps       []string `yaml:"apps" doc:"ids of the apps that may post into the group, besides administrators; left out: every app with the role send"`

	AllowedHosts         []string `yaml:"allowedHosts" doc:"hosts that webhookUrl may have, with the port if it has one"`
	AllowPrivateNetworks bool     `yaml:"allowPrivateNetworks" doc:"dangerous: allow internal addresses and http, for a private deployment of Feishu"`
}

// DefaultMsgType implements channels.MsgTyper.
func (c *Config) DefaultMsgType() string { return c.MsgType }

// AllowedApps implements channels.AppLister.
func (c *Config) AllowedApps() []string { return c.Apps }

// Validate implements channels.Config. Its errors do not repeat webhookUrl, which
// holds the token.
func (c *Config) Validate() error {
	if err := channels.CheckOneOf("msgType", c.MsgType, msgText, msgPost, msgInteractive); err != nil {
		return err
	}
	if c.Apps != nil && len(c.Apps) == 0 {
		return channels.KeyErrorf("apps", "must have at least one element; leave it out to let every app post")
	}
	for i, host := range c.AllowedHosts {
		if u, err := url.Parse("https://" + host); err != nil || u.Host != host || u.Hostname() == "" {
			return channels.KeyErrorf(fmt.Sprintf("allowedHosts[%d]", i), "must be a host, such as open.feishu.cn or feishu.example.com:8443")
		}
	}
	return c.validateURL()
}

// validateURL checks the address alone. publicOnly checks where its host leads, at
// each connection.
func (c *Config) validateURL() error {
	u, err := url.Parse(c.WebhookURL)
	switch {
	case err != nil || u.Host == "":
		return channels.KeyErrorf("webhookUrl", "is no address")
	case u.Scheme != "https" && (u.Scheme != "http" || !c.AllowPrivateNetworks):
		return channels.KeyErrorf("webhookUrl", "must start with https://")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.ContainsAny(c.WebhookURL, "#%"):
		return channels.KeyErrorf("webhookUrl", "a user, a query, a fragment and escapes have no place in it")
	case !slices.Contains(c.AllowedHosts, u.Host):
		return channels.KeyErrorf("webhookUrl", "its host is not in allowedHosts, where it must stand exactly as in the address, with its port if it has one")
	case token(u) == "":
		return channels.KeyErrorf("webhookUrl", "has no token at its end")
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !c.AllowPrivateNetworks && !public(ip) {
		return channels.KeyErrorf("webhookUrl", "%w", errInternal)
	}
	return nil
}

// token returns the secret part of a webhook's address.
func token(u *url.URL) string { return u.Path[strings.LastIndexByte(u.Path, '/')+1:] }

// Open implements channels.Config.
func (c *Config) Open() (channels.Sender, error) { return c.open(nil) }

// open returns a sender that looks names up with the resolver; with the system's when
// it is nil.
func (c *Config) open(resolver *net.Resolver) (channels.Sender, error) {
	u, err := url.Parse(c.WebhookURL)
	if err != nil {
		return nil, channels.KeyErrorf("webhookUrl", "is no address")
	}
	dialer := vendorhttp.NewDialer()
	dialer.Resolver = resolver
	if !c.AllowPrivateNetworks {
		dialer.Control = publicOnly
	}
	return &sender{url: u, secret: c.Secret, dialer: dialer, client: vendorhttp.NewDirectClient(dialer)}, nil
}
