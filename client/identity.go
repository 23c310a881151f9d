package client

import (
	"context"
	"net/http"
)

// Identity is the app that the service takes the caller for.
type Identity struct {
	AppID string   `json:"appId"`
	Roles []string `json:"roles"` // send, templates, admin
}

// WhoAmI asks whom the service takes the caller for.
func (c *Client) WhoAmI(ctx context.Context) (Identity, error) {
	var i Identity
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/api/v1/whoami", repeatable: true}, &i)
	return i, err
}
