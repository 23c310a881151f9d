// Package webhook posts messages to a receiver of the operator's choice.
package webhook

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/theory/jsonpath"
	"golang.org/x/net/http/httpguts"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/hook"
)

// Type describes the provider type.
var Type = channels.Type{
	Name:           "webhook",
	Channel:        "webhook",
	RecipientTypes: []*channels.RecipientType{channels.Webhook},
	Subject:        true,
	MsgTypes: []channels.MsgType{
		{Name: msgText, Format: channels.FormatText},
		{Name: msgJSON, Format: channels.FormatJSON},
	},
	OnUncertain: channels.Resend, // the receiver can drop a repeated webhook-id
	NewConfig: func() channels.Config {
		return &Config{Method: "POST", MsgType: msgText}
	},
}

// Message types.
const (
	msgText = "text"
	msgJSON = "json"
)

// Config configures a receiver.
type Config struct {
	channels.CommonConfig `yaml:",inline"`

	URL           string            `yaml:"url" required:"true" secret:"true" doc:"the receiver's address; allowedHosts must have its host"`
	Method        string            `yaml:"method" doc:"POST, PUT or PATCH"`
	Authorization string            `yaml:"authorization" secret:"true" doc:"the header Authorization, such as Bearer and a token"`
	Headers       map[string]string `yaml:"headers" secret:"true" doc:"further headers of each request"`
	Secret        string            `yaml:"secret" secret:"true" doc:"signs requests by Standard Webhooks: whsec_ and 24 to 64 bytes in base64"`
	MsgType       string            `yaml:"msgType" doc:"text or json, unless the template has one"`
	Success       Success           `yaml:"success" doc:"which answers mean that the message has arrived"`

	hook.Options `yaml:",inline"`
}

// Success is which answers mean that a message has arrived.
type Success struct {
	Status []int  `yaml:"status" doc:"HTTP statuses; left out: 200 to 299"`
	Path   string `yaml:"path" doc:"JSONPath (RFC 9535) of a value in the answer, such as $.code"`
	Value  string `yaml:"value" doc:"what that value must be: a text as it is, anything else as JSON writes it"`
}

// DefaultMsgType implements channels.MsgTyper.
func (c *Config) DefaultMsgType() string { return c.MsgType }

// address is the key of the receiver's address.
const address = "url"

// Validate implements channels.Config.
func (c *Config) Validate() error {
	if err := channels.CheckOneOf("method", c.Method, "POST", "PUT", "PATCH"); err != nil {
		return err
	}
	if err := channels.CheckOneOf("msgType", c.MsgType, msgText, msgJSON); err != nil {
		return err
	}
	if len(c.AllowedHosts) == 0 {
		return channels.KeyErrorf("allowedHosts", "is required: the hosts that %s may have", address)
	}
	if err := c.Check(address, c.URL); err != nil {
		return err
	}
	if err := c.checkHeaders(); err != nil {
		return err
	}
	if c.Secret != "" {
		if _, err := signer(c.Secret); err != nil {
			return err
		}
	}
	return c.Success.check()
}

// maxHeaders bounds the key headers.
const maxHeaders = 20

// ours are the headers that requests have by themselves, or that say how a request is sent.
var ours = []string{
	"accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
	"webhook-id", "webhook-signature", "webhook-timestamp",
}

// checkHeaders returns what is wrong with a header. It shows no value.
func (c *Config) checkHeaders() error {
	if !httpguts.ValidHeaderFieldValue(c.Authorization) {
		return channels.KeyErrorf("authorization", "has characters that no header may have")
	}
	if len(c.Headers) > maxHeaders {
		return channels.KeyErrorf("headers", "are %d; at most %d", len(c.Headers), maxHeaders)
	}
	seen := map[string]bool{"authorization": c.Authorization != ""}
	for name, value := range c.Headers {
		lower := strings.ToLower(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			return channels.KeyErrorf("headers", "one has a name that no header may have")
		case slices.Contains(ours, lower) || strings.HasPrefix(lower, "proxy-"):
			return channels.KeyErrorf("headers", "%s is not for others to set", name)
		case seen[lower]:
			return channels.KeyErrorf("headers", "%s is given twice", name)
		case !httpguts.ValidHeaderFieldValue(value):
			return channels.KeyErrorf("headers", "%s has characters that no header may have", name)
		}
		seen[lower] = true
	}
	return nil
}

// Bounds of a secret by Standard Webhooks, in bytes.
const minSecret, maxSecret = 24, 64

// signer returns what signs requests with a secret.
func signer(secret string) (*standardwebhooks.Webhook, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) < minSecret || len(key) > maxSecret {
		return nil, channels.KeyErrorf("secret", "must be whsec_ and %d to %d bytes in base64", minSecret, maxSecret)
	}
	return standardwebhooks.NewWebhookRaw(key)
}

func (s Success) check() error {
	for i, status := range s.Status {
		if status/100 != 2 && status/100 != 4 || status == http.StatusTooManyRequests {
			return channels.KeyErrorf(fmt.Sprintf("success.status[%d]", i), "must be from 200 to 299, or from 400 to 499 but 429")
		}
	}
	switch _, err := jsonpath.Parse(s.Path); {
	case s.Path == "" && s.Value != "":
		return channels.KeyErrorf("success.path", "is required with success.value")
	case s.Path == "":
		return nil
	case err != nil:
		return channels.KeyErrorf("success.path", "is no JSONPath such as $.code")
	case s.Value == "":
		return channels.KeyErrorf("success.value", "is required with success.path")
	}
	return nil
}

// Open implements channels.Config.
func (c *Config) Open() (channels.Sender, error) {
	client, err := hook.NewPlainClient(address, c.URL, c.Options)
	if err != nil {
		return nil, err
	}
	s := &sender{Client: client, config: *c}
	if c.Secret != "" {
		if s.signer, err = signer(c.Secret); err != nil {
			return nil, err
		}
	}
	if c.Success.Path != "" {
		if s.path, err = jsonpath.Parse(c.Success.Path); err != nil {
			return nil, channels.KeyErrorf("success.path", "is no JSONPath such as $.code")
		}
	}
	return s, nil
}
