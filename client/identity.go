package client

import (
	"context"
	"net/http"
)

// Identity is the app that the service takes the caller for.
type Identity struct {
	AppID  string   `json:"appId"`
	Roles  []string `json:"roles"` // send, templates, admin
	Test   bool     `json:"test"`  // with a test secret: what it sends reaches nobody
	Limits Limits   `json:"limits"`
}

// Limits are an app's.
type Limits struct {
	RequestsPerMinute   int            `json:"requestsPerMinute"`   // notifications; 0: no limit
	DeliveriesPerMinute map[string]int `json:"deliveriesPerMinute"` // by channel
	DeliveriesPerDay    map[string]int `json:"deliveriesPerDay"`    // by channel; a day begins at midnight, UTC
	HighPriority        bool           `json:"highPriority"`        // may send with the priority high
}

// WhoAmI asks whom the service takes the caller for.
func (c *Client) WhoAmI(ctx context.Context) (Identity, error) {
	var i Identity
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/api/v1/whoami", repeatable: true}, &i)
	return i, err
}
