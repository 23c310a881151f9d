package client

import (
	"context"
	"net/http"
)

// Health is what a probe answers.
type Health struct {
	Status string `json:"status"`
}

// Health says whether the service and its database work; when they do not, the
// error is a *Problem of status 503.
func (c *Client) Health(ctx context.Context) (Health, error) { return c.probe(ctx, "/health") }

// Live says whether the process answers; the database is not asked.
func (c *Client) Live(ctx context.Context) (Health, error) { return c.probe(ctx, "/livez") }

// Ready says whether the replica takes requests; when it does not, the error is a
// *Problem of status 503.
func (c *Client) Ready(ctx context.Context) (Health, error) { return c.probe(ctx, "/readyz") }

// probe asks once: who probes wants to know about now.
func (c *Client) probe(ctx context.Context, path string) (Health, error) {
	var h Health
	_, err := c.do(ctx, call{method: http.MethodGet, path: path}, &h)
	return h, err
}
