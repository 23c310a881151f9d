package api

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

const (
	retryDescription = "For a delivery that is dead or cancelled, or that waits for a retry (`failed`) or for the end of quiet hours, which then starts at once: it passes quiet hours and caps. The message is sent exactly as it was rendered, with a new count of attempts; the old attempts are kept. " +
		"A delivery that arrived is never sent again (`delivery_arrived`), one that is being sent or has not been tried yet needs no retry (`delivery_open`), " +
		"and one past its `expiresAt` is not sent (`expired`)."
	retryManyDescription = "All dead ones that the filter selects or, with the status `failed`, all that wait for a retry. The newest are retried first, with the priority `low`; quiet hours hold for them. " +
		"Deliveries past their `expiresAt` are left out. Deliveries that matched and were not retried changed in the meantime. " +
		"While `more` is true, repeat the request with `after` for the rest: without it, those that died again are taken again."
)

// retryRequest is the body of a request to retry one delivery.
type retryRequest struct {
	Provider string `json:"provider,omitempty" minLength:"1" maxLength:"64" doc:"send through this provider instead of the channel's own"`
}

type retryInput struct {
	ID string `path:"id" doc:"id of the delivery"`
	jsonBody[retryRequest]
}

func (s *Server) retryDelivery(ctx context.Context, in *retryInput) (*deliveryOutput, error) {
	d, err := s.deliveryOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.mayRetryThrough(ctx, in.body.Provider); err != nil {
		return nil, err
	}
	if err := s.control.Requeue(ctx, d, in.body.Provider, actorOf(ctx)); err != nil {
		return nil, err
	}
	if d, err = s.deliveryOf(ctx, in.ID); err != nil {
		return nil, err
	}
	return &deliveryOutput{viewDelivery(ctx, d)}, nil
}

// mayRetryThrough returns a *Problem when the provider names the apps that may send through it,
// and the caller is none of them.
func (s *Server) mayRetryThrough(ctx context.Context, provider string) error {
	if caller := callerOf(ctx); !caller.may(RoleAdmin) && !s.control.Admits(provider, caller.app()) {
		return refusal.New(refusal.GroupForbidden, "provider", "this app may not send through %q, which names its apps", provider)
	}
	return nil
}

// retryManyRequest is the body of a request to retry many deliveries.
type retryManyRequest struct {
	Filter   retryFilter `json:"filter" minProperties:"1" doc:"which deliveries; all fields must match"`
	Provider string      `json:"provider,omitempty" minLength:"1" maxLength:"64" doc:"send through this provider; matches only deliveries of its channel"`
	DryRun   bool        `json:"dryRun,omitempty" doc:"count and change nothing"`
	Limit    int         `json:"limit,omitempty" minimum:"1" maximum:"10000" doc:"at most so many deliveries; 10000 when left out"`
	After    uuid.UUID   `json:"after,omitzero" format:"uuid" doc:"begin after this delivery: next of the answer before"`
}

type retryFilter struct {
	Status       string    `json:"status,omitempty" enum:"dead,failed" doc:"dead when left out; failed ones wait for a retry, and start at once"`
	Channel      string    `json:"channel,omitempty" minLength:"1" maxLength:"64"`
	Provider     string    `json:"provider,omitempty" minLength:"1" maxLength:"64" doc:"the provider of the last attempt"`
	Code         string    `json:"code,omitempty" minLength:"1" maxLength:"128" doc:"of the last failure" example:"feishu_230001"`
	Recipient    string    `json:"recipient,omitempty" minLength:"1" maxLength:"320" doc:"the exact address"`
	Template     string    `json:"template,omitempty" minLength:"1" maxLength:"64"`
	Notification uuid.UUID `json:"notification,omitzero" format:"uuid"`
	Since        time.Time `json:"since,omitzero" doc:"accepted at this time or later"`
	Until        time.Time `json:"until,omitzero" doc:"accepted before this time"`
	App          string    `json:"app,omitempty" minLength:"1" maxLength:"128" doc:"the sending app; only administrators may name another than their own"`
}

type retriedView struct {
	Matched int        `json:"matched" doc:"deliveries that matched, up to the limit"`
	Retried int        `json:"retried" doc:"those of them that are sent again"`
	DryRun  bool       `json:"dryRun"`
	More    bool       `json:"more" doc:"more deliveries match"`
	Next    *uuid.UUID `json:"next,omitempty" format:"uuid" doc:"after of the request for the rest; missing without more"`
}

type retryManyInput struct{ jsonBody[retryManyRequest] }

func (r retryManyRequest) request() steering.RequeueRequest {
	request := steering.RequeueRequest{
		Filter: store.DeliveryFilter{
			Status: store.DeliveryStatus(r.Filter.Status), Channel: r.Filter.Channel, Provider: r.Filter.Provider, Code: r.Filter.Code, Recipient: r.Filter.Recipient,
			Template: r.Filter.Template, NotificationID: r.Filter.Notification, AppID: r.Filter.App,
			Since: r.Filter.Since.UTC().Truncate(time.Microsecond), Until: r.Filter.Until.UTC().Truncate(time.Microsecond),
		},
		Provider: r.Provider, DryRun: r.DryRun, Limit: r.Limit, After: r.After,
	}
	if request.Limit == 0 {
		request.Limit = steering.MaxRequeued
	}
	return request
}

type retryManyOutput struct{ Body retriedView }

func (s *Server) retryDeliveries(ctx context.Context, in *retryManyInput) (*retryManyOutput, error) {
	done, err := s.requeueMatching(ctx, in.body.request())
	if err != nil {
		return nil, err
	}
	out := &retryManyOutput{retriedView{Matched: done.Matched, Retried: done.Requeued, DryRun: in.body.DryRun, More: done.More}}
	if done.More {
		out.Body.Next = &done.Last
	}
	return out, nil
}

// requeueMatching retries those that the caller may see.
func (s *Server) requeueMatching(ctx context.Context, r steering.RequeueRequest) (steering.Requeued, error) {
	err := s.mayRetryThrough(ctx, r.Provider)
	if err != nil {
		return steering.Requeued{}, err
	}
	if r.Filter, err = seenDeliveries(ctx, r.Filter); err != nil {
		return steering.Requeued{}, err
	}
	r.By = actorOf(ctx)
	return s.control.RequeueMatching(ctx, r)
}
