package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Preferences are what a recipient has switched off.
type Preferences struct {
	Recipient Recipient `json:"recipient"`
	Off       []Switch  `json:"off"`
}

// Switch is a kind of notification that is switched off.
type Switch struct {
	Kind      string     `json:"kind,omitempty"`      // empty: all that may be switched off
	Channel   string     `json:"channel,omitempty"`   // empty: all
	Source    string     `json:"source,omitempty"`    // of an answer: api, or link: the person did it, from a mail
	CreatedAt *time.Time `json:"createdAt,omitempty"` // of an answer
}

// Preferences returns what a recipient has switched off.
func (c *Client) Preferences(ctx context.Context, r Recipient) (Preferences, error) {
	values := query{}
	values.text("type", r.Type)
	values.text("value", r.Value)
	var p Preferences
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/api/v1/preferences", query: url.Values(values), repeatable: true}, &p)
	return p, err
}

// SetPreferences replaces what a recipient has switched off.
func (c *Client) SetPreferences(ctx context.Context, p Preferences) (Preferences, error) {
	var now Preferences
	_, err := c.do(ctx, call{method: http.MethodPut, path: "/api/v1/preferences", body: p, repeatable: true}, &now)
	return now, err
}

// NewLinkKey makes a new key for the unsubscribe links of mails. Links that were made before stay
// good, unless forget is true. The app needs the role admin.
func (c *Client) NewLinkKey(ctx context.Context, forget bool) error {
	_, err := c.do(ctx, call{method: http.MethodPost, path: "/api/v1/link-keys", body: map[string]bool{"forget": forget}}, nil)
	return err
}
