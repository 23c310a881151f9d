package client

import (
	"context"
	"net/http"
	"time"
)

// Identity is the app that the service takes the caller for.
type Identity struct {
	AppID        string   `json:"appId"`        // with ":test" behind it for a test secret
	Roles        []string `json:"roles"`        // send, templates, admin
	Test         bool     `json:"test"`         // what is sent reaches nobody
	HighPriority bool     `json:"highPriority"` // may send with the priority high
	Limits       []Limit  `json:"limits"`       // empty: none
}

// Limit is the most that an app may send in a minute or a day.
type Limit struct {
	Limit    string    `json:"limit"`    // requestsPerMinute, deliveriesPerMinute or deliveriesPerDay
	Channel  string    `json:"channel"`  // of the deliveries; empty for requestsPerMinute
	Most     int       `json:"most"`     // accepted by all replicas together
	Used     int       `json:"used"`     // in the present minute or day
	ResetsAt time.Time `json:"resetsAt"` // when the next one begins
}

// WhoAmI asks whom the service takes the caller for.
func (c *Client) WhoAmI(ctx context.Context) (Identity, error) {
	var i Identity
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/api/v1/whoami", repeatable: true}, &i)
	return i, err
}

// App is an app of the service's credentials file.
type App struct {
	AppID        string   `json:"appId"`
	Name         string   `json:"name"`
	Enabled      bool     `json:"enabled"`
	Roles        []string `json:"roles"`        // send, templates, admin
	HighPriority bool     `json:"highPriority"` // may send with the priority high
	TestSecrets  int      `json:"testSecrets"`  // how many it has
	Limits       []Limit  `json:"limits"`       // empty: none
}

// AppList is all apps, by id.
type AppList struct {
	Apps []App `json:"apps"`
}

// Apps lists the apps. The caller needs the role admin.
func (c *Client) Apps(ctx context.Context) (AppList, error) {
	var l AppList
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/api/v1/apps", repeatable: true}, &l)
	return l, err
}
