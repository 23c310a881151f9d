package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

const kindsPath = "/api/v1/kinds"

// KindRequest is a kind to store.
type KindRequest struct {
	Name        string             `json:"name"`
	Description string             `json:"description,omitempty"`
	Channels    []string           `json:"channels,omitempty"` // that may send it; all when empty
	Optional    bool               `json:"optional,omitempty"` // a person may switch it off
	Critical    bool               `json:"critical,omitempty"` // it passes quiet hours and caps; not together with Optional
	Quiet       *QuietHours        `json:"quiet,omitempty"`    // nil: none
	Caps        map[string]KindCap `json:"caps,omitempty"`     // by channel
}

// QuietHours are hours of each day in which deliveries wait.
type QuietHours struct {
	From     string   `json:"from"` // such as 22:00
	To       string   `json:"to"`
	TimeZone string   `json:"timeZone"`           // IANA name, of recipients who have none and of the days of caps
	Channels []string `json:"channels,omitempty"` // that are quiet; all when empty
}

// KindCap is the most deliveries of a kind that one recipient gets over a channel.
type KindCap struct {
	Limit int    `json:"limit"`
	Per   string `json:"per"` // day
}

// Kind is a sort of notification: where, when and how often it may reach somebody.
type Kind struct {
	KindRequest
	UpdatedAt time.Time `json:"updatedAt"`
	UpdatedBy string    `json:"updatedBy"` // the app that wrote it last
}

// KindList is a page of kinds, by name.
type KindList struct {
	Kinds []Kind `json:"kinds"`
	Next  string `json:"next,omitempty"` // empty on the last page
}

// Kinds lists kinds by name. limit is 1 to 500, or 0 for all; after is the KindList.Next of the
// page before.
func (c *Client) Kinds(ctx context.Context, limit int, after string) (KindList, error) {
	values := query{}
	values.number("limit", limit)
	values.text("after", after)
	var l KindList
	_, err := c.do(ctx, call{method: http.MethodGet, path: kindsPath, query: url.Values(values), repeatable: true}, &l)
	return l, err
}

// Kind reads a kind.
func (c *Client) Kind(ctx context.Context, name string) (Kind, error) {
	var k Kind
	_, err := c.do(ctx, call{method: http.MethodGet, path: kindPath(name), repeatable: true}, &k)
	return k, err
}

// PutKind creates the kind r.Name, or replaces it; administrators only.
func (c *Client) PutKind(ctx context.Context, r KindRequest) (Kind, error) {
	var k Kind
	_, err := c.do(ctx, call{method: http.MethodPut, path: kindPath(r.Name), body: r, repeatable: true}, &k)
	return k, err
}

// DeleteKind deletes a kind; administrators only. Accepted notifications stay as they are.
func (c *Client) DeleteKind(ctx context.Context, name string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: kindPath(name)}, nil)
	return err
}

func kindPath(name string) string { return kindsPath + "/" + url.PathEscape(name) }
