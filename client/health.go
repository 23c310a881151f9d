package client

import (
	"context"
	"net/http"
)

// Health is the answer to a probe.
type Health struct {
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"` // why not, where it is known
}

// Health asks whether the service and its database work. When they do not, the error
// is a *Problem with status 503.
func (c *Client) Health(ctx context.Context) (Health, error) { return c.probe(ctx, "/health") }

// Live asks whether the process answers. It does not involve the database.
func (c *Client) Live(ctx context.Context) (Health, error) { return c.probe(ctx, "/livez") }

// Ready asks whether the replica accepts requests. When it does not, the error is a
// *Problem with status 503.
func (c *Client) Ready(ctx context.Context) (Health, error) { return c.probe(ctx, "/readyz") }

// probe asks once, because a repeated request would hide a failure.
func (c *Client) probe(ctx context.Context, path string) (Health, error) {
	var h Health
	_, err := c.do(ctx, call{method: http.MethodGet, path: path}, &h)
	return h, err
}
