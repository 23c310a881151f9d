package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Suppression is an address that a vendor refused for good. Nothing is sent there over the channel
// for a time.
type Suppression struct {
	ID        string    `json:"id"`
	Channel   string    `json:"channel"`
	Recipient Recipient `json:"recipient"`
	Code      string    `json:"code"`      // of the refusal
	Error     string    `json:"error"`     // what the vendor said
	CreatedAt time.Time `json:"createdAt"` // of the last refusal
	Until     time.Time `json:"until"`
}

// SuppressionQuery selects a page of suppressions. An empty field selects all.
type SuppressionQuery struct {
	Channel   string
	Recipient string // the exact address
	Limit     int    // 1 to 500; 50 when 0
	After     string // SuppressionList.Next of the page before
}

// SuppressionList is a page of suppressions, newest first.
type SuppressionList struct {
	Suppressions []Suppression `json:"suppressions"`
	Next         string        `json:"next,omitempty"` // empty on the last page
}

// Suppressions lists suppressions. The app needs the role admin.
func (c *Client) Suppressions(ctx context.Context, q SuppressionQuery) (SuppressionList, error) {
	values := query{}
	values.text("channel", q.Channel)
	values.text("recipient", q.Recipient)
	values.number("limit", q.Limit)
	values.text("after", q.After)
	var l SuppressionList
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/api/v1/suppressions", query: url.Values(values), repeatable: true}, &l)
	return l, err
}

// DeleteSuppression lets the service send to an address again. The app needs the role admin.
func (c *Client) DeleteSuppression(ctx context.Context, id string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: "/api/v1/suppressions/" + url.PathEscape(id)}, nil)
	return err
}
