package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

const endpointsPath = "/api/v1/endpoints"

// Types of events.
const (
	EventNotificationFinished = "notification.finished"
	EventDeliverySuccess      = "delivery.success"
	EventDeliveryDead         = "delivery.dead"
	EventDeliveryCancelled    = "delivery.cancelled"
	EventAcknowledged         = "notification.acknowledged"
	EventReceiptDelivered     = "receipt.delivered"
	EventReceiptRead          = "receipt.read"
	EventReceiptAnswered      = "receipt.answered"
	EventReceiptFailed        = "receipt.failed"
	EventReceiptUnknown       = "receipt.unknown"
)

// Event is the body of a request to an endpoint. Verify the request by Standard Webhooks before you trust
// it.
type Event struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      EventData `json:"data"`
}

// EventData is what an Event is about.
type EventData struct {
	NotificationID string `json:"notificationId"`
	DeliveryID     string `json:"deliveryId,omitempty"` // empty: it is about the notification
	Channel        string `json:"channel,omitempty"`
	Status         string `json:"status"`
	Code           string `json:"code,omitempty"`
	Test           bool   `json:"test,omitempty"` // it reached nobody
}

// EndpointRequest is an endpoint to make, or what replaces one.
type EndpointRequest struct {
	Owner       string   `json:"owner,omitempty"` // of a new one; empty: the caller. Only administrators may name another
	URL         string   `json:"url"`
	Description string   `json:"description,omitempty"`
	Events      []string `json:"events,omitempty"`   // types; all when empty
	Disabled    bool     `json:"disabled,omitempty"` // it is told nothing
}

// Endpoint is where an app is told of events.
type Endpoint struct {
	ID string `json:"id"`
	EndpointRequest
	DisabledBecause string    `json:"disabledBecause,omitempty"` // by_hand, failing or gone
	DisabledAt      time.Time `json:"disabledAt,omitzero"`
	FailingSince    time.Time `json:"failingSince,omitzero"` // nothing has succeeded since then
	LastCode        string    `json:"lastCode,omitempty"`    // of the last failure since then
	OldSecretUntil  time.Time `json:"oldSecretUntil,omitzero"`
	CreatedAt       time.Time `json:"createdAt"`
	UpdatedAt       time.Time `json:"updatedAt"`
	Secret          string    `json:"secret,omitempty"` // only in the answers of CreateEndpoint and RotateEndpoint
}

// EndpointQuery selects a page of endpoints.
type EndpointQuery struct {
	Owner string // empty: the caller's, to an administrator all
	Limit int    // 1 to 500; 50 when 0
	After string // EndpointList.Next of the page before
}

// EndpointList is a page of endpoints, oldest first.
type EndpointList struct {
	Endpoints []Endpoint `json:"endpoints"`
	Next      string     `json:"next,omitempty"` // empty on the last page
}

// ReplayRequest says from where on events are told again.
type ReplayRequest struct {
	Since time.Time `json:"since,omitzero"`
	After string    `json:"after,omitempty"` // instead of Since: Replayed.Next
}

// Replayed is the result of ReplayEndpoint.
type Replayed struct {
	Events int    `json:"events"`         // how many are told again
	Next   string `json:"next,omitempty"` // empty when these were all
}

// CreateEndpoint makes an endpoint. The answer has its secret, which is not shown again.
func (c *Client) CreateEndpoint(ctx context.Context, r EndpointRequest) (Endpoint, error) {
	var e Endpoint
	_, err := c.do(ctx, call{method: http.MethodPost, path: endpointsPath, body: r}, &e)
	return e, err
}

// Endpoints lists endpoints.
func (c *Client) Endpoints(ctx context.Context, q EndpointQuery) (EndpointList, error) {
	values := query{}
	values.text("owner", q.Owner)
	values.number("limit", q.Limit)
	values.text("after", q.After)
	var l EndpointList
	_, err := c.do(ctx, call{method: http.MethodGet, path: endpointsPath, query: url.Values(values), repeatable: true}, &l)
	return l, err
}

// Endpoint reads an endpoint.
func (c *Client) Endpoint(ctx context.Context, id string) (Endpoint, error) {
	var e Endpoint
	_, err := c.do(ctx, call{method: http.MethodGet, path: endpointPath(id), repeatable: true}, &e)
	return e, err
}

// ReplaceEndpoint replaces what the request has of an endpoint but its owner. It is on again, unless
// r.Disabled is true.
func (c *Client) ReplaceEndpoint(ctx context.Context, id string, r EndpointRequest) (Endpoint, error) {
	r.Owner = ""
	var e Endpoint
	_, err := c.do(ctx, call{method: http.MethodPut, path: endpointPath(id), body: r, repeatable: true}, &e)
	return e, err
}

// DeleteEndpoint deletes an endpoint.
func (c *Client) DeleteEndpoint(ctx context.Context, id string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: endpointPath(id)}, nil)
	return err
}

// RotateEndpoint gives an endpoint a new secret, which the answer has. The one before signs, too, until
// Endpoint.OldSecretUntil.
func (c *Client) RotateEndpoint(ctx context.Context, id string) (Endpoint, error) {
	var e Endpoint
	_, err := c.do(ctx, call{method: http.MethodPost, path: endpointPath(id) + "/rotate"}, &e)
	return e, err
}

// ReplayEndpoint tells an endpoint again what happened. Repeat it with ReplayRequest.After until
// Replayed.Next is empty.
func (c *Client) ReplayEndpoint(ctx context.Context, id string, r ReplayRequest) (Replayed, error) {
	var replayed Replayed
	_, err := c.do(ctx, call{method: http.MethodPost, path: endpointPath(id) + "/replay", body: r}, &replayed)
	return replayed, err
}

func endpointPath(id string) string { return endpointsPath + "/" + url.PathEscape(id) }
