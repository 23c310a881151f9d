package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Delivery is one message to one recipient over one channel.
type Delivery struct {
	ID              string          `json:"id"`
	NotificationID  string          `json:"notificationId"`
	Channel         string          `json:"channel"`
	Provider        string          `json:"provider"`               // of the last attempt
	NextProvider    string          `json:"nextProvider,omitempty"` // that it was moved to, or a retry asked for; empty when it goes by the channel's list
	TemplateName    string          `json:"templateName"`
	TemplateVersion int             `json:"templateVersion"`
	Locale          string          `json:"locale,omitempty"` // of the template's text that was chosen; empty when the template names none
	Recipient       Recipient       `json:"recipient"`
	Contact         string          `json:"contact,omitempty"` // whose address it is; empty when the request named the address
	Test            bool            `json:"test"`              // sent with a test secret: it reaches nobody
	Status          string          `json:"status"`
	RetryCount      int             `json:"retryCount"` // retries made so far
	MaxRetry        int             `json:"maxRetry"`
	NextRetryAt     *time.Time      `json:"nextRetryAt"`         // nil when no retry is scheduled
	Kind            string          `json:"kind"`                // the notification's; empty: none
	HeldUntil       *time.Time      `json:"heldUntil,omitempty"` // it is not sent before; nil when only SendAt or a retry holds it
	HeldWhy         string          `json:"heldWhy,omitempty"`   // quiet_hours or digest
	DigestID        string          `json:"digestId,omitempty"`  // of the digest that it is an item of, its own ID when it is one; empty: none
	LastCode        string          `json:"lastCode"`            // of the last failure, or empty
	LastError       string          `json:"lastError"`           // text of the last failure, or empty
	Details         json.RawMessage `json:"details"`             // the provider's answer: an object, or null
	Receipt         string          `json:"receipt,omitempty"`   // what the vendor says became of it: unknown, failed, delivered, read or answered; empty while nothing is known
	ReceiptAt       *time.Time      `json:"receiptAt,omitempty"` // when that happened
	ReceiptCode     string          `json:"receiptCode,omitempty"`
	CreatedAt       time.Time       `json:"createdAt"`
	UpdatedAt       time.Time       `json:"updatedAt"`
	Message         *Rendered       `json:"message,omitempty"`  // only in the answer of Client.Delivery
	Attempts        []Attempt       `json:"attempts,omitempty"` // oldest first; only in the answer of Client.Delivery
}

// DeliveryList is a page of deliveries.
type DeliveryList struct {
	Deliveries []Delivery `json:"deliveries"`
	Next       string     `json:"next,omitempty"` // empty on the last page
}

// DeliveriesOf lists a notification's deliveries, oldest first. limit is 1 to 500, or
// 0 for all; after is the DeliveryList.Next of the page before.
func (c *Client) DeliveriesOf(ctx context.Context, notificationID string, limit int, after string) (DeliveryList, error) {
	values := query{}
	values.number("limit", limit)
	values.text("after", after)
	var l DeliveryList
	_, err := c.do(ctx, call{
		method: http.MethodGet, path: "/api/v1/notifications/" + url.PathEscape(notificationID) + "/deliveries",
		query: url.Values(values), repeatable: true,
	}, &l)
	return l, err
}

// DeliveryFilter selects deliveries. An empty field selects all.
type DeliveryFilter struct {
	Status       string    `json:"status,omitempty"`
	Channel      string    `json:"channel,omitempty"`
	Provider     string    `json:"provider,omitempty"`
	Code         string    `json:"code,omitempty"`      // of the last failure
	Recipient    string    `json:"recipient,omitempty"` // exact value
	Template     string    `json:"template,omitempty"`
	Notification string    `json:"notification,omitempty"` // its id
	App          string    `json:"app,omitempty"`          // of the sender; administrators only
	Since        time.Time `json:"since,omitzero"`         // accepted then or later
	Until        time.Time `json:"until,omitzero"`         // accepted before
}

// DeliveryQuery selects a page of deliveries.
type DeliveryQuery struct {
	DeliveryFilter

	Test    string // true or false: sent with a test secret or not
	Digest  string // the digest of this id, and its items
	Receipt string // what the vendor says became of it
	Limit   int    // 1 to 500; 50 when 0
	After   string // DeliveryList.Next of the page before
}

// Deliveries lists deliveries, newest first.
func (c *Client) Deliveries(ctx context.Context, q DeliveryQuery) (DeliveryList, error) {
	values := query{}
	values.text("status", q.Status)
	values.text("channel", q.Channel)
	values.text("provider", q.Provider)
	values.text("code", q.Code)
	values.text("recipient", q.Recipient)
	values.text("template", q.Template)
	values.text("test", q.Test)
	values.text("notification", q.Notification)
	values.text("digest", q.Digest)
	values.text("receipt", q.Receipt)
	values.text("app", q.App)
	values.time("since", q.Since)
	values.time("until", q.Until)
	values.number("limit", q.Limit)
	values.text("after", q.After)
	var l DeliveryList
	_, err := c.do(ctx, call{
		method: http.MethodGet, path: "/api/v1/deliveries", query: url.Values(values), repeatable: true,
	}, &l)
	return l, err
}

// Rendered is a message as it goes to the provider.
type Rendered struct {
	TemplateVersion int             `json:"templateVersion"` // that it was rendered from
	MsgType         string          `json:"msgType"`
	Subject         string          `json:"subject"`
	Body            string          `json:"body"`
	TemplateCode    string          `json:"templateCode"`
	Params          json.RawMessage `json:"params"`            // for a vendor that renders: an object, or null
	Mention         []Recipient     `json:"mention,omitempty"` // who is mentioned beside the text
}

// Attempt is one attempt to send a delivery.
type Attempt struct {
	Attempt    int             `json:"attempt"` // from 1, and from 1 again after a retry by hand
	Provider   string          `json:"provider"`
	StartedAt  time.Time       `json:"startedAt"`
	FinishedAt time.Time       `json:"finishedAt"`
	DurationMs int             `json:"durationMs"`
	Class      string          `json:"class"` // of the error; empty on success
	Code       string          `json:"code"`
	Error      string          `json:"error"`
	Details    json.RawMessage `json:"details"` // the provider's answer: an object, or null
}

// Delivery reads a delivery with its message and its attempts.
func (c *Client) Delivery(ctx context.Context, id string) (Delivery, error) {
	var d Delivery
	_, err := c.do(ctx, call{
		method: http.MethodGet, path: "/api/v1/deliveries/" + url.PathEscape(id), repeatable: true,
	}, &d)
	return d, err
}

// retryDelivery is the body of RetryDelivery.
type retryDelivery struct {
	Provider string `json:"provider,omitempty"`
}

// RetryDelivery sends a delivery again, exactly as rendered, that is dead or cancelled, or
// that waits for a retry and then does not wait any more. It goes through another provider
// of its channel unless provider is empty.
func (c *Client) RetryDelivery(ctx context.Context, id, provider string) (Delivery, error) {
	var d Delivery
	_, err := c.do(ctx, call{
		method: http.MethodPost, path: "/api/v1/deliveries/" + url.PathEscape(id) + "/retry", body: retryDelivery{provider},
	}, &d)
	return d, err
}

// RetryRequest selects deliveries to send again.
type RetryRequest struct {
	Filter   DeliveryFilter `json:"filter"`             // has at least one field; its status is dead, as when empty, or failed
	Provider string         `json:"provider,omitempty"` // another provider of the channel
	DryRun   bool           `json:"dryRun,omitempty"`   // only counts them
	Limit    int            `json:"limit,omitempty"`    // 10,000 when 0
	After    string         `json:"after,omitempty"`    // Next of the answer before
}

// Retried is the answer to a RetryRequest.
type Retried struct {
	Matched int  `json:"matched"`
	Retried int  `json:"retried"`
	DryRun  bool `json:"dryRun"`
	More    bool `json:"more"` // further ones match
	// Next is, with More, the After of the request for the rest, which then takes none a second
	// time that has died again.
	Next string `json:"next"`
}

// RetryDeliveries sends deliveries again, exactly as rendered.
func (c *Client) RetryDeliveries(ctx context.Context, r RetryRequest) (Retried, error) {
	var a Retried
	_, err := c.do(ctx, call{method: http.MethodPost, path: "/api/v1/deliveries/retry", body: r}, &a)
	return a, err
}
