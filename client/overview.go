package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Channel is a channel with its queue, over all apps and replicas.
type Channel struct {
	Name      string     `json:"name"`
	Enabled   bool       `json:"enabled"`
	Provider  string     `json:"provider"`  // the first of Order; empty when not enabled
	Order     []Share    `json:"order"`     // the providers that deliveries go through by themselves
	Providers []string   `json:"providers"` // all that a delivery can be sent through by hand
	Waiting   int        `json:"waiting"`   // could be sent now
	Running   int        `json:"running"`
	Retrying  int        `json:"retrying"`
	Scheduled int        `json:"scheduled"`
	Breakers  []Breaker  `json:"breakers"` // the open ones of Providers: what would go through these waits
	Oldest    *time.Time `json:"oldest"`   // since when the first of Waiting could have been sent; nil when none waits
}

// Share is a provider of a channel's list.
type Share struct {
	Provider string `json:"provider"`
	Weight   int    `json:"weight"` // beside the others; when all are 0, everything begins with the first
}

// Breaker is open: the deliveries of its provider wait.
type Breaker struct {
	Provider string     `json:"provider"`
	ByHand   bool       `json:"byHand"` // an administrator opened it, and only an administrator closes it
	Code     string     `json:"code"`   // of the last failure before it opened
	OpenedAt time.Time  `json:"openedAt"`
	ProbeAt  *time.Time `json:"probeAt"` // from when the next delivery is let through; nil with ByHand
}

// ChannelList holds all channels.
type ChannelList struct {
	Channels []Channel `json:"channels"`
}

// DeadGroup counts the dead deliveries that one thing stopped.
type DeadGroup struct {
	Channel  string    `json:"channel"`
	Provider string    `json:"provider"` // of the last attempt
	Code     string    `json:"code"`     // of the last failure
	Count    int       `json:"count"`
	Last     time.Time `json:"last"` // when the last of them was given up
	// Hours are how many of the kind were given up in each of the last 25 hours by the clock, the
	// present one last. Those that went again are among them.
	Hours []int `json:"hours"`
}

// Figures are what happened to a channel's deliveries within a time.
type Figures struct {
	Since    time.Time `json:"since"`
	Accepted int       `json:"accepted"` // deliveries
	Withheld int       `json:"withheld"` // of them, those that were cancelled at once, such as capped ones
	Arrived  int       `json:"arrived"`
	Retried  int       `json:"retried"` // attempts after which another one was scheduled
	Dead     int       `json:"dead"`    // deliveries that were given up
	Success  *float64  `json:"success"` // arrived / (arrived + dead); nil when none ended
	// P50 and P99 are the seconds from when a delivery was due until it arrived; nil when none
	// arrived.
	P50               *float64 `json:"p50"`
	P99               *float64 `json:"p99"`
	AcceptedPerMinute float64  `json:"acceptedPerMinute"`
	ArrivedPerMinute  float64  `json:"arrivedPerMinute"`
}

// HourOfChannel is what happened to a channel's deliveries in an hour by the clock.
type HourOfChannel struct {
	Start    time.Time `json:"start"`
	Accepted int       `json:"accepted"`
	Arrived  int       `json:"arrived"`
	Retried  int       `json:"retried"`
	Dead     int       `json:"dead"`
}

// Recent is what happened lately to a channel's deliveries.
type Recent struct {
	Channel string          `json:"channel"`
	Hour    Figures         `json:"hour"`  // the present hour by the clock and the one before
	Day     Figures         `json:"day"`   // the present hour by the clock and the 24 before
	Hours   []HourOfChannel `json:"hours"` // the same 25 hours, the present one last
}

// Overview is how the channels stand, what happened lately, and what is dead.
type Overview struct {
	Channels []Channel   `json:"channels"`
	Recent   []Recent    `json:"recent"`   // what happened lately, for each channel
	Dead     []DeadGroup `json:"dead"`     // the largest group first
	DeadMore bool        `json:"deadMore"` // there may be older ones, which were not counted

	Endpoints []Endpoint `json:"endpoints"` // that fail or were switched off because they failed
}

// Channels returns all channels. The queues may be some seconds old.
func (c *Client) Channels(ctx context.Context) (ChannelList, error) {
	var l ChannelList
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/api/v1/channels", repeatable: true}, &l)
	return l, err
}

// Overview returns how the channels stand, and what happened to the deliveries of an app: the
// caller's when app is empty, and everybody's for administrators.
func (c *Client) Overview(ctx context.Context, app string) (Overview, error) {
	values := query{}
	values.text("app", app)
	var o Overview
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/api/v1/overview", query: url.Values(values), repeatable: true}, &o)
	return o, err
}

// SetBreaker opens or closes the breaker of a provider: while it is open, the provider's
// deliveries wait and spend no attempts. For administrators only.
func (c *Client) SetBreaker(ctx context.Context, provider string, open bool) error {
	body := struct {
		Open bool `json:"open"`
	}{open}
	_, err := c.do(ctx, call{
		method: http.MethodPut, path: "/api/v1/providers/" + url.PathEscape(provider) + "/breaker", body: body, repeatable: true,
	}, nil)
	return err
}
