package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Statuses of a notification and of a delivery.
const (
	StatusPending    = "pending"    // nothing was tried yet
	StatusProcessing = "processing" // of a notification: something is open; of a delivery: it is being sent
	StatusSuccess    = "success"    // everything arrived
	StatusFailed     = "failed"     // of a notification: a delivery is dead; of a delivery: a retry is scheduled
	StatusDead       = "dead"       // of a delivery: it will not be tried again
	StatusCancelled  = "cancelled"
)

// SendRequest asks for one notification.
type SendRequest struct {
	// IdempotencyKey is required. Requests of one app with the same key are one
	// notification. It has at most 255 characters.
	IdempotencyKey string             `json:"idempotencyKey"`
	Channels       map[string]Message `json:"channels"` // by channel name
	// Recipients are those of the channels that have none of their own. Repeated ones count
	// once.
	Recipients []RecipientRequest `json:"recipients,omitempty"`

	// SendAt is when to start, at most 90 days ahead; at once when nil or past.
	SendAt *time.Time `json:"sendAt,omitempty"`
	// ExpiresAt is when sending ends. Deliveries that are left become dead with the
	// code "expired".
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	Locale    string     `json:"locale,omitempty"`   // language (BCP 47) of the recipients that have none
	Priority  string     `json:"priority,omitempty"` // high, normal or low; normal when empty
	Kind      string     `json:"kind,omitempty"`     // name of a Kind; empty: none
	// Thread is the name of a thread, at most 255 characters: later notifications of it edit the
	// message of the first one where the channel can, and replace those that still wait. Resolved
	// says that what the thread is about is over.
	Thread   string `json:"thread,omitempty"`
	Resolved bool   `json:"resolved,omitempty"`

	// Acknowledge asks somebody to acknowledge the notification. Escalation does so, too, and is what
	// is sent until then, and Repeat how often it begins again.
	Acknowledge bool   `json:"acknowledge,omitempty"`
	Escalation  []Step `json:"escalation,omitempty"`
	Repeat      int    `json:"repeat,omitempty"`
}

// Message is the template and the params for a channel.
type Message struct {
	Template string         `json:"template"`
	Params   map[string]any `json:"params,omitempty"`
	// Recipients are all that the channel sends to; when empty those of the SendRequest that
	// fit it.
	Recipients []RecipientRequest `json:"recipients,omitempty"`
	// Mention is who is mentioned in each message to a group, at most 50.
	Mention []Recipient `json:"mention,omitempty"`
}

// Recipient is an address. Its type decides which channels fit.
type Recipient struct {
	Type  string `json:"type"` // such as email, phone, user_id, feishu_user_id or feishu_group
	Value string `json:"value"`
}

// RecipientRequest is who gets what a channel sends.
type RecipientRequest struct {
	Type     string         `json:"type"`               // as in Recipient, or contact or group
	Value    string         `json:"value"`              // the address, or the name of the contact or the group
	Params   map[string]any `json:"params,omitempty"`   // go before those of the channel, for this recipient only
	Locale   string         `json:"locale,omitempty"`   // language (BCP 47), which chooses among a template's texts; the request's when empty
	TimeZone string         `json:"timeZone,omitempty"` // IANA name, for quiet hours; the kind's when empty
}

// Accepted is the answer to a SendRequest. All of it is stored.
type Accepted struct {
	NotificationID string         `json:"notificationId"`
	Status         string         `json:"status"`             // "accepted"
	Deliveries     int            `json:"deliveries"`         // recipient × channel
	Unmatched      []Recipient    `json:"unmatched"`          // addresses that fit none of the channels
	Withheld       map[string]int `json:"withheld,omitempty"` // deliveries that were cancelled at once, by code
	// Contacts are what the contacts and groups among the recipients came to; nil when there are none.
	Contacts *Reach `json:"contacts,omitempty"`
	// Expansion is how far the deliveries to a large group are made; nil when all were made at once.
	Expansion *Expansion `json:"expansion,omitempty"`
	// Incident is what somebody is asked to acknowledge; nil when nobody is.
	Incident *Incident `json:"incident,omitempty"`

	// Replayed is true when the request was accepted before.
	Replayed bool `json:"-"`
}

// Expansion is how far the deliveries to a group are made that is too large for one request.
type Expansion struct {
	Group      string `json:"group"`
	Contacts   int    `json:"contacts"`          // that were read so far
	Deliveries int    `json:"deliveries"`        // that were made so far
	Done       bool   `json:"done"`              // no further ones will be made
	Stopped    string `json:"stopped,omitempty"` // why contacts are left: cancelled, group_deleted or job_ended
}

// Reach is which of a request's contacts are reached.
type Reach struct {
	Total   int `json:"total"`   // each once
	Reached int `json:"reached"` // of them, those that are reached on one channel at least
	// Contacts are each of up to 200, and of more the first 200 that are not reached on all their
	// channels.
	Contacts []ContactReach `json:"contacts"`
	Unknown  []string       `json:"unknown"` // names that groups list and no contact has, at most 200
}

// ContactReach is on which channels a contact is reached.
type ContactReach struct {
	Name     string   `json:"name"`
	Channels []string `json:"channels"`
	Without  []string `json:"without"` // channels on which it has no address that can be sent to
}

// Notification is an accepted request and its state.
type Notification struct {
	ID             string         `json:"id"`
	IdempotencyKey string         `json:"idempotencyKey"`
	SenderAppID    string         `json:"senderAppId"`
	Status         string         `json:"status"` // pending, processing, success, failed or cancelled
	Counts         Counts         `json:"counts"`
	Unmatched      []Recipient    `json:"unmatched"`
	Contacts       *Reach         `json:"contacts,omitempty"` // as in Accepted
	Expansion      *Expansion     `json:"expansion,omitempty"`
	SendAt         *time.Time     `json:"sendAt"`    // nil: at once
	ExpiresAt      *time.Time     `json:"expiresAt"` // nil: never
	Priority       string         `json:"priority"`
	Kind           string         `json:"kind"`                 // empty: none
	Thread         string         `json:"thread"`               // empty: none
	Resolved       bool           `json:"resolved"`             // what the thread is about is over
	Withheld       map[string]int `json:"withheld,omitempty"`   // deliveries that were cancelled when they were made, by code
	IncidentID     string         `json:"incidentId,omitempty"` // that it has opened, or belongs to; empty: none
	Incident       *Incident      `json:"incident,omitempty"`   // only in the answers of Client.Notification and Client.Progress
	Test           bool           `json:"test"`                 // made by Client.TestTemplate, or with a test secret
	CreatedAt      time.Time      `json:"createdAt"`
	UpdatedAt      time.Time      `json:"updatedAt"`
	Tasks          []Delivery     `json:"tasks,omitempty"` // the deliveries; only in the answer of Client.Notification
}

// Ended reports whether no delivery of the notification is open any more.
func (n Notification) Ended() bool {
	return n.Status != StatusPending && n.Status != StatusProcessing
}

// Counts are deliveries by status.
type Counts struct {
	Total     int `json:"total"`
	Pending   int `json:"pending"`
	Failed    int `json:"failed"` // waiting for a retry
	Success   int `json:"success"`
	Dead      int `json:"dead"`
	Cancelled int `json:"cancelled"`
}

// Send sends a notification. Without an error the notification is stored with all its
// deliveries. When the service does not answer or is unavailable, Send tries again
// with the same key.
func (c *Client) Send(ctx context.Context, r SendRequest) (Accepted, error) {
	var a Accepted
	status, err := c.do(ctx, call{
		method: http.MethodPost, path: "/api/v1/notifications", body: r, repeatable: r.IdempotencyKey != "",
	}, &a)
	a.Replayed = status == http.StatusOK
	return a, err
}

// Notification reads a notification with all its deliveries. Progress reads it without them.
func (c *Client) Notification(ctx context.Context, id string) (Notification, error) {
	var n Notification
	_, err := c.do(ctx, call{
		method: http.MethodGet, path: "/api/v1/notifications/" + url.PathEscape(id), repeatable: true,
	}, &n)
	return n, err
}

// Progress reads a notification without its deliveries, of which a group may have a million: its status and
// its counts.
func (c *Client) Progress(ctx context.Context, id string) (Notification, error) {
	var n Notification
	_, err := c.do(ctx, call{
		method: http.MethodGet, path: "/api/v1/notifications/" + url.PathEscape(id), query: url.Values{"tasks": {"false"}}, repeatable: true,
	}, &n)
	return n, err
}

// NotificationQuery selects notifications. An empty field selects all.
type NotificationQuery struct {
	Status    string
	Channel   string
	App       string // of the sender; administrators only
	Key       string // idempotencyKey
	Recipient string // exact value
	Template  string
	Thread    string    // name of a thread
	Test      string    // true or false
	Since     time.Time // accepted then or later
	Until     time.Time // accepted before

	Limit int    // 1 to 500; 50 when 0
	After string // NotificationList.Next of the page before
}

// NotificationList is a page, newest first.
type NotificationList struct {
	Notifications []Notification `json:"notifications"`
	Next          string         `json:"next,omitempty"` // empty on the last page
}

// Notifications lists notifications, without their deliveries.
func (c *Client) Notifications(ctx context.Context, q NotificationQuery) (NotificationList, error) {
	values := query{}
	values.text("status", q.Status)
	values.text("channel", q.Channel)
	values.text("app", q.App)
	values.text("key", q.Key)
	values.text("recipient", q.Recipient)
	values.text("template", q.Template)
	values.text("thread", q.Thread)
	values.text("test", q.Test)
	values.time("since", q.Since)
	values.time("until", q.Until)
	values.number("limit", q.Limit)
	values.text("after", q.After)
	var l NotificationList
	_, err := c.do(ctx, call{
		method: http.MethodGet, path: "/api/v1/notifications", query: url.Values(values), repeatable: true,
	}, &l)
	return l, err
}

// CancelNotification cancels the deliveries of a notification that are not sent yet.
// Deliveries that are being sent finish. Of hundreds of thousands some are left: call it again while
// Counts.Cancelled grows.
func (c *Client) CancelNotification(ctx context.Context, id string) (Notification, error) {
	var n Notification
	_, err := c.do(ctx, call{
		method: http.MethodPost, path: "/api/v1/notifications/" + url.PathEscape(id) + "/cancel", repeatable: true,
	}, &n)
	return n, err
}
