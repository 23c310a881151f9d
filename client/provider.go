package client

import (
	"context"
	"net/http"
	"net/url"
)

// Provider is a provider of the configuration in force.
type Provider struct {
	Name        string    `json:"name"`
	Type        string    `json:"type"`
	Channel     string    `json:"channel"`
	InUse       bool      `json:"inUse"`             // otherwise it is a spare
	Place       int       `json:"place"`             // in the channel's list, from 1; 0 for a spare
	Weight      int       `json:"weight"`            // beside the others of the list
	Breaker     *Breaker  `json:"breaker,omitempty"` // nil while it takes deliveries
	OnUncertain string    `json:"onUncertain"`       // resend or hold
	Connections int       `json:"connections"`       // that all replicas have open together; 0 for a type that does not count them
	CanProbe    bool      `json:"canProbe"`
	Settings    []Setting `json:"settings"`
}

// Setting is a key of a provider's configuration with its value: "***" for a secret.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// ProviderList holds the providers, by channel and name.
type ProviderList struct {
	Providers []Provider `json:"providers"`
}

// Probed is what a probe of a provider found.
type Probed struct {
	Provider string `json:"provider"`
	OK       bool   `json:"ok"` // it would take a message
	TookMs   int    `json:"tookMs"`
	Class    string `json:"class"` // of the failure; empty when OK
	Code     string `json:"code"`
	Error    string `json:"error"`
}

// Providers lists the providers. The app needs the role admin.
func (c *Client) Providers(ctx context.Context) (ProviderList, error) {
	var l ProviderList
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/api/v1/providers", repeatable: true}, &l)
	return l, err
}

// ProbeProvider reaches a provider without sending anything. The app needs the role admin.
func (c *Client) ProbeProvider(ctx context.Context, name string) (Probed, error) {
	var p Probed
	_, err := c.do(ctx, call{method: http.MethodPost, path: "/api/v1/providers/" + url.PathEscape(name) + "/probe"}, &p)
	return p, err
}
