package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Receiver is who gets the alerts that carry its name.
type Receiver struct {
	Name               string            `json:"name"` // as Alertmanager or Grafana calls it
	Channels           []ReceiverChannel `json:"channels"`
	Recipients         []Recipient       `json:"recipients"`         // addresses are "***" except for administrators
	Apps               []string          `json:"apps"`               // that may post to it; empty: all, or not for the caller to see
	Kind               string            `json:"kind"`               // of its notifications; empty: none
	RemindAfterSeconds int               `json:"remindAfterSeconds"` // 0: never
	Problems           []FieldError      `json:"problems"`           // what keeps it from sending as it is configured
}

// ReceiverChannel is a channel of a receiver with its template.
type ReceiverChannel struct {
	Channel  string `json:"channel"`
	Template string `json:"template"`
}

// ReceiverList holds the receivers, by name.
type ReceiverList struct {
	Receivers []Receiver `json:"receivers"`
}

// ToldAlert is what a receiver was last told of a group of alerts.
type ToldAlert struct {
	NotificationID string    `json:"notificationId"`
	App            string    `json:"app"` // that posted it
	At             time.Time `json:"at"`
	State          string    `json:"state"`            // firing or resolved
	Status         string    `json:"status"`           // of the notification; empty when it is deleted
	Counts         *Counts   `json:"counts,omitempty"` // its deliveries by status; nil when it is deleted
}

// ReceiverAlerts holds the newest alerts of a receiver, the newest first.
type ReceiverAlerts struct {
	Alerts []ToldAlert `json:"alerts"`
}

// Receivers lists the receivers that take alerts of the caller.
func (c *Client) Receivers(ctx context.Context) (ReceiverList, error) {
	var l ReceiverList
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/api/v1/receivers", repeatable: true}, &l)
	return l, err
}

// ReceiverAlerts returns what the receiver was told last.
func (c *Client) ReceiverAlerts(ctx context.Context, receiver string) (ReceiverAlerts, error) {
	values := query{}
	values.text("receiver", receiver)
	var a ReceiverAlerts
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/api/v1/receivers/alerts", query: url.Values(values), repeatable: true}, &a)
	return a, err
}

// TestReceiver sends a test alert to a receiver.
func (c *Client) TestReceiver(ctx context.Context, receiver string) (Accepted, error) {
	var a Accepted
	body := struct {
		Receiver string `json:"receiver"`
	}{receiver}
	_, err := c.do(ctx, call{method: http.MethodPost, path: "/api/v1/receivers/test", body: body}, &a)
	return a, err
}
