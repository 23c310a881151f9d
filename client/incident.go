package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Step is what is sent when nobody has acknowledged a notification for a while.
type Step struct {
	After    string             `json:"after"`    // from when the notification is due, such as 5m
	Channels map[string]Message `json:"channels"` // without Params they are the notification's
	// Recipients are those of the channels that have none of their own; the notification's when empty.
	Recipients []RecipientRequest `json:"recipients,omitempty"`
	If         string             `json:"if,omitempty"` // failed, unread, or empty: in any case
	// Urgent is an urgent call for the message that a recipient has of a feishu_app, instead of another
	// one: app, sms, phone, or empty.
	Urgent string `json:"urgent,omitempty"`
}

// Incident is what somebody is asked to acknowledge.
type Incident struct {
	ID             string     `json:"id"` // of the notification that opened it
	App            string     `json:"app"`
	Thread         string     `json:"thread"` // empty: none
	Status         string     `json:"status"` // open, acknowledged or closed
	OpenedAt       time.Time  `json:"openedAt"`
	AcknowledgedAt *time.Time `json:"acknowledgedAt"` // nil: nobody has
	AcknowledgedBy string     `json:"acknowledgedBy"`
	Over           string     `json:"over"` // how it was acknowledged
	Note           string     `json:"note"`
	ClosedAt       *time.Time `json:"closedAt"` // nil: it was not closed
	ClosedBy       string     `json:"closedBy"`
	Next           *NextStep  `json:"next,omitempty"` // nil: there is none
}

// NextStep is what is sent next unless somebody acknowledges.
type NextStep struct {
	NotificationID string    `json:"notificationId"`
	At             time.Time `json:"at"`
	Channels       []string  `json:"channels"`
	Urgent         string    `json:"urgent,omitempty"` // app, sms or phone: the urgent call that it makes; empty: none
}

// Acknowledgement is what somebody says who takes care of an incident.
type Acknowledgement struct {
	By   string `json:"by,omitempty"` // who; the app when empty
	Note string `json:"note,omitempty"`
}

// Acknowledged is the answer to an Acknowledgement.
type Acknowledged struct {
	Changed  bool     `json:"changed"` // false: somebody had acknowledged it before, or it was closed
	Incident Incident `json:"incident"`
}

// Acknowledge acknowledges a notification that was sent with SendRequest.Escalation or
// SendRequest.Acknowledge, or a step of it. The first acknowledgement stands.
func (c *Client) Acknowledge(ctx context.Context, id string, a Acknowledgement) (Acknowledged, error) {
	var done Acknowledged
	_, err := c.do(ctx, call{
		method: http.MethodPost, path: "/api/v1/notifications/" + url.PathEscape(id) + "/ack", body: a, repeatable: true,
	}, &done)
	return done, err
}

// IncidentQuery selects incidents. An empty field selects all.
type IncidentQuery struct {
	Status string // open, acknowledged or closed
	App    string // of the sender; administrators only
	Thread string

	Limit int    // 1 to 500; 50 when 0
	After string // IncidentList.Next of the page before
}

// IncidentList is a page, newest first.
type IncidentList struct {
	Incidents []Incident `json:"incidents"`
	Next      string     `json:"next,omitempty"` // empty on the last page
}

// Incidents lists incidents.
func (c *Client) Incidents(ctx context.Context, q IncidentQuery) (IncidentList, error) {
	values := query{}
	values.text("status", q.Status)
	values.text("app", q.App)
	values.text("thread", q.Thread)
	values.number("limit", q.Limit)
	values.text("after", q.After)
	var l IncidentList
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/api/v1/incidents", query: url.Values(values), repeatable: true}, &l)
	return l, err
}
