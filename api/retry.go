package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

const (
	retryDescription = "It goes exactly as it was rendered, with all its attempts before it, and its old attempts are kept. " +
		"What has arrived is never sent again (`delivery_arrived`), what is on its way goes by itself (`delivery_open`), and " +
		"what is past its `expiresAt` goes no more (`expired`)."
	retryManyDescription = "The newest first, behind everything else that waits: like notifications of the priority `low`. " +
		"None is past its `expiresAt`. What was matched and not retried was changed by somebody else in the meantime. " +
		"While `more` is true, the same request goes on with the rest."
	maxProviderName = 64
	maxCode         = 128
	maxAppID        = 128
)

// retryRequest documents the body of a retry; Resolve enforces it.
type retryRequest struct {
	Provider string `json:"provider,omitempty" minLength:"1" maxLength:"64" doc:"go through this provider of the channel, and not through the channel's own"`
}

type retryInput struct {
	ID       string `path:"id" doc:"id of the delivery"`
	provider string
}

// Resolve implements huma.Resolver: it reads the body.
func (in *retryInput) Resolve(ctx huma.Context) []error {
	return readBody(ctx, &in.provider, func(body object) (string, error) {
		provider := body.given("provider", maxProviderName)
		body.end()
		return provider, body.err()
	})
}

func (s *Server) retryDelivery(ctx context.Context, in *retryInput) (*deliveryOutput, error) {
	d, err := s.deliveryOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.steerer.Requeue(ctx, d, in.provider); err != nil {
		return nil, err
	}
	if d, err = s.deliveryOf(ctx, in.ID); err != nil {
		return nil, err
	}
	return &deliveryOutput{viewDelivery(d)}, nil
}

// retryManyRequest documents the body of a retry of many; parseRetry enforces it.
type retryManyRequest struct {
	Filter   retryFilter `json:"filter" minProperties:"1" doc:"which of the dead deliveries; all fields together"`
	Provider string      `json:"provider,omitempty" minLength:"1" maxLength:"64" doc:"go through this provider, and choose deliveries of its channel only"`
	DryRun   bool        `json:"dryRun,omitempty" doc:"count, and change nothing"`
	Limit    int         `json:"limit,omitempty" minimum:"1" maximum:"10000" default:"10000" doc:"most deliveries"`
}

type retryFilter struct {
	Status       string    `json:"status,omitempty" enum:"dead" doc:"dead, whether it is said or not"`
	Channel      string    `json:"channel,omitempty" minLength:"1" maxLength:"64"`
	Provider     string    `json:"provider,omitempty" minLength:"1" maxLength:"64" doc:"the provider of the last attempt"`
	Code         string    `json:"code,omitempty" minLength:"1" maxLength:"128" doc:"of the last failure" example:"feishu_230001"`
	Recipient    string    `json:"recipient,omitempty" minLength:"1" maxLength:"320" doc:"the exact address"`
	Template     string    `json:"template,omitempty" minLength:"1" maxLength:"64"`
	Notification uuid.UUID `json:"notification,omitzero" format:"uuid"`
	Since        time.Time `json:"since,omitzero" doc:"accepted at this time or later"`
	Until        time.Time `json:"until,omitzero" doc:"accepted before this time"`
	App          string    `json:"app,omitempty" minLength:"1" maxLength:"128" doc:"the app that sent it; others than one's own for administrators only"`
}

type retriedView struct {
	Matched int  `json:"matched" doc:"deliveries that the filter chose, up to the limit"`
	Retried int  `json:"retried" doc:"of them, those that go again"`
	DryRun  bool `json:"dryRun"`
	More    bool `json:"more" doc:"there are more that match"`
}

type retryManyInput struct {
	request steering.RequeueRequest
}

// Resolve implements huma.Resolver: it reads the body.
func (in *retryManyInput) Resolve(ctx huma.Context) []error {
	return readBody(ctx, &in.request, parseRetry)
}

func parseRetry(body object) (steering.RequeueRequest, error) {
	filter := body.object("filter")
	if filter.members != nil && len(filter.names()) == 0 {
		body.fault("filter", "must not be empty")
	}
	filter.option("status", string(store.DeliveryDead))
	r := steering.RequeueRequest{
		Filter: store.DeliveryFilter{
			Channel:        filter.given("channel", maxTemplateKind),
			Provider:       filter.given("provider", maxProviderName),
			Code:           filter.given("code", maxCode),
			Recipient:      filter.given("recipient", maxRecipient),
			Template:       filter.given("template", maxTemplateName),
			NotificationID: filter.uuid("notification"),
			AppID:          filter.given("app", maxAppID),
		},
		Provider: body.given("provider", maxProviderName),
		DryRun:   body.flag("dryRun"),
		Limit:    steering.MaxRequeued,
	}
	if since := filter.time("since"); since != nil {
		r.Filter.Since = *since
	}
	if until := filter.time("until"); until != nil {
		r.Filter.Until = *until
	}
	if _, given := body.members["limit"]; given {
		r.Limit = body.number("limit", 1, steering.MaxRequeued)
	}
	filter.end()
	body.end()
	return r, body.err()
}

type retryManyOutput struct{ Body retriedView }

func (s *Server) retryDeliveries(ctx context.Context, in *retryManyInput) (*retryManyOutput, error) {
	r := in.request
	var err error
	if r.Filter.AppID, err = scope(ctx, r.Filter.AppID); err != nil {
		return nil, err
	}
	done, err := s.steerer.RequeueMatching(ctx, r)
	if err != nil {
		return nil, err
	}
	return &retryManyOutput{retriedView{Matched: done.Matched, Retried: done.Requeued, DryRun: r.DryRun, More: done.More}}, nil
}
