package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/jobs/telling"
	"github.com/labring/sealos-notify/store"
)

const (
	createEndpointDescription = "Events are told from now on by requests that are signed by Standard Webhooks. " +
		"The answer has the secret, which is not shown again."
	replaceEndpointDescription = "All fields are replaced. An endpoint that was switched off is on again, unless `disabled` is true; " +
		"what came meanwhile is told when it is replayed."
	rotateEndpointDescription = "The answer has the new secret, which is not shown again. The one before signs, too, for 24 hours. A further rotation ends it at once."
	replayEndpointDescription = "What the endpoint was told already comes again, with the same `webhook-id`. Events are kept for ten days. " +
		"Of very many, some are taken: then the answer has `next`, which is `after` of the next request."
)

// maxEndpoints is the most endpoints of an app: each is told of each event.
const maxEndpoints = 10

// EndpointRules make and check what endpoints have.
type EndpointRules interface {
	// CheckURL returns what is wrong with an address, and does not repeat it.
	CheckURL(address string) error
	NewSecret(endpoint uuid.UUID) (secret string, sealed []byte, err error)
	Replay(ctx context.Context, endpoint, after uuid.UUID, audit store.AuditEntry) (events int, next uuid.UUID, err error)
}

// endpointRequest is the body of a request to create an endpoint.
type endpointRequest struct {
	Owner string `json:"owner,omitempty" maxLength:"128" doc:"appId of the app whose events are told; left out: the caller. Only administrators may name another" example:"billing"`
	EndpointContent
}

// EndpointContent is the part that a request and an answer share. It is exported because huma skips
// embedded types that are not.
type EndpointContent struct {
	URL         string            `json:"url" minLength:"1" maxLength:"2048" doc:"https; it must lead to no internal address" example:"https://hooks.example.com/notify"`
	Description string            `json:"description,omitempty" maxLength:"1024"`
	Events      []store.EventType `json:"events,omitempty" nullable:"false" maxItems:"32" doc:"the types of events that are told; all when left out" example:"[\"notification.finished\"]"`
	Disabled    bool              `json:"disabled,omitempty" doc:"it is told nothing; its events are kept"`
}

type endpointView struct {
	ID    uuid.UUID `json:"id" format:"uuid"`
	Owner string    `json:"owner" doc:"the app whose events are told"`
	EndpointContent
	DisabledBecause string     `json:"disabledBecause,omitempty" enum:"by_hand,failing,gone" doc:"failing: it failed for a day; gone: it answered 410"`
	DisabledAt      *time.Time `json:"disabledAt,omitempty"`
	FailingSince    *time.Time `json:"failingSince,omitempty" doc:"nothing has succeeded since then"`
	LastCode        string     `json:"lastCode,omitempty" doc:"of the last failure since then" example:"http_500"`
	OldSecretUntil  *time.Time `json:"oldSecretUntil,omitempty" doc:"the secret before the last rotation signs, too, until then"`
	CreatedAt       time.Time  `json:"createdAt"`
	UpdatedAt       time.Time  `json:"updatedAt"`
	Secret          string     `json:"secret,omitempty" doc:"only in the answers of creation and rotation" example:"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"`
}

type endpointListView struct {
	Endpoints []endpointView `json:"endpoints"`
	Next      *uuid.UUID     `json:"next,omitempty" format:"uuid" doc:"after for the next page; missing on the last one"`
}

func viewEndpoint(e store.Endpoint) endpointView {
	v := endpointView{
		ID: e.ID, Owner: e.AppID, DisabledBecause: string(e.Off), DisabledAt: e.OffAt, FailingSince: e.FailingSince, LastCode: e.LastCode,
		CreatedAt: e.CreatedAt.UTC(), UpdatedAt: e.UpdatedAt.UTC(),
		EndpointContent: EndpointContent{URL: e.URL, Description: e.Description, Events: e.Events, Disabled: e.Off != ""},
	}
	if e.Signs(time.Now()) {
		v.OldSecretUntil = e.BeforeUntil
	}
	return v
}

// endpointInto writes the content into an endpoint, or returns a *Problem.
func (s *Server) endpointInto(e *store.Endpoint, c EndpointContent) error {
	if err := s.endpoints.CheckURL(c.URL); err != nil {
		return fieldProblem(http.StatusUnprocessableEntity, codeInvalidURL, "url", err.Error())
	}
	for i, event := range c.Events {
		field := fmt.Sprintf("events[%d]", i)
		switch {
		case !slices.Contains(store.EventTypes(), event):
			return fieldProblem(http.StatusUnprocessableEntity, codeUnknownEvent, field, fmt.Sprintf("is none; known are %v", store.EventTypes()))
		case slices.Contains(c.Events[:i], event):
			return fieldProblem(http.StatusUnprocessableEntity, codeUnknownEvent, field, "is there already")
		}
	}
	e.URL, e.Description, e.Events, e.UpdatedAt, e.Off, e.OffAt = c.URL, c.Description, c.Events, store.Now(), "", nil
	if c.Disabled {
		e.Off, e.OffAt = store.OffByHand, &e.UpdatedAt
	}
	return nil
}

// newSecret returns a new secret for an endpoint, or a *Problem when the configuration has no key.
func (s *Server) newSecret(id uuid.UUID) (secret string, sealed []byte, err error) {
	secret, sealed, err = s.endpoints.NewSecret(id)
	if errors.Is(err, telling.ErrNoKey) {
		err = newProblem(http.StatusServiceUnavailable, codeNoEndpoints, "endpoints cannot be made: the configuration of the service has no endpoints.key")
	}
	return secret, sealed, err
}

// endpointOf returns an endpoint, or errNotFound for one of another app.
func (s *Server) endpointOf(ctx context.Context, id uuid.UUID) (store.Endpoint, error) {
	e, err := s.store.Endpoint(ctx, id)
	if err == nil && !callerOf(ctx).owns(e.AppID) {
		return store.Endpoint{}, errNotFound
	}
	return e, err
}

type endpointOutput struct{ Body endpointView }

type createEndpointInput struct{ jsonBody[endpointRequest] }

func (s *Server) createEndpoint(ctx context.Context, in *createEndpointInput) (*endpointOutput, error) {
	e := store.Endpoint{ID: uuid.Must(uuid.NewV7()), AppID: callerOf(ctx).app(), CreatedAt: store.Now()}
	var err error
	if owner := in.body.Owner; owner != "" {
		if e.AppID, err = s.chooseOwner(ctx, owner, e.AppID); err != nil {
			return nil, err
		}
	}
	if err := s.endpointInto(&e, in.body.EndpointContent); err != nil {
		return nil, err
	}
	own, err := s.store.ListEndpoints(ctx, e.AppID, uuid.Nil, maxEndpoints)
	if err != nil {
		return nil, err
	}
	if len(own) >= maxEndpoints {
		return nil, newProblem(http.StatusConflict, codeTooManyEndpoints, fmt.Sprintf("the app has %d endpoints, and may have no more", maxEndpoints))
	}
	secret, sealed, err := s.newSecret(e.ID)
	if err != nil {
		return nil, err
	}
	e.Secret, e.UpdatedAt = sealed, e.CreatedAt
	if err := s.store.CreateEndpoint(ctx, e, actorOf(ctx).Did(store.AuditEndpointCreate, e.ID.String())); err != nil {
		return nil, err
	}
	view := viewEndpoint(e)
	view.Secret = secret
	return &endpointOutput{view}, nil
}

type listEndpointsInput struct {
	Owner string    `query:"owner" maxLength:"128" doc:"those of this app; left out: the caller's, to an administrator all"`
	Limit int       `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"at most so many endpoints"`
	After uuid.UUID `query:"after" format:"uuid" doc:"continue after this endpoint: next of the previous page"`
}

type listEndpointsOutput struct{ Body endpointListView }

func (s *Server) listEndpoints(ctx context.Context, in *listEndpointsInput) (*listEndpointsOutput, error) {
	owner, err := scope(ctx, in.Owner)
	if err != nil {
		return nil, err
	}
	rows, err := s.store.ListEndpoints(ctx, owner, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &listEndpointsOutput{endpointListView{Endpoints: []endpointView{}}}
	for _, e := range rows[:min(len(rows), in.Limit)] {
		out.Body.Endpoints = append(out.Body.Endpoints, viewEndpoint(e))
	}
	if len(rows) > in.Limit {
		out.Body.Next = &rows[in.Limit-1].ID
	}
	return out, nil
}

// mostLooked bounds the endpoints that are looked at for those that fail.
const mostLooked = 1000

// failingEndpoints returns the endpoints that the caller may see which fail, or were switched off because
// they failed.
func (s *Server) failingEndpoints(ctx context.Context, app string) ([]endpointView, error) {
	owner, err := scope(ctx, app)
	if err != nil {
		return nil, err
	}
	all, err := s.store.ListEndpoints(ctx, owner, uuid.Nil, mostLooked)
	failing := []endpointView{}
	for _, e := range all {
		if e.Off != store.OffByHand && (e.Off != "" || e.FailingSince != nil) {
			failing = append(failing, viewEndpoint(e))
		}
	}
	return failing, err
}

type endpointInput struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"id of the endpoint"`
}

func (s *Server) getEndpoint(ctx context.Context, in *endpointInput) (*endpointOutput, error) {
	e, err := s.endpointOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &endpointOutput{viewEndpoint(e)}, nil
}

type replaceEndpointInput struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"id of the endpoint"`
	jsonBody[EndpointContent]
}

func (s *Server) replaceEndpoint(ctx context.Context, in *replaceEndpointInput) (*endpointOutput, error) {
	e, err := s.endpointOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.endpointInto(&e, in.body); err != nil {
		return nil, err
	}
	e, err = s.store.UpdateEndpoint(ctx, e, actorOf(ctx).Did(store.AuditEndpointUpdate, e.ID.String()))
	if err != nil {
		return nil, err
	}
	return &endpointOutput{viewEndpoint(e)}, nil
}

func (s *Server) deleteEndpoint(ctx context.Context, in *endpointInput) (*struct{}, error) {
	e, err := s.endpointOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return nil, s.store.DeleteEndpoint(ctx, e.ID, e.AppID, actorOf(ctx).Did(store.AuditEndpointDelete, e.ID.String()))
}

func (s *Server) rotateEndpoint(ctx context.Context, in *endpointInput) (*endpointOutput, error) {
	e, err := s.endpointOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	secret, sealed, err := s.newSecret(e.ID)
	if err != nil {
		return nil, err
	}
	now := store.Now()
	until := now.Add(telling.KeepSecret)
	e.Secret, e.BeforeUntil, e.UpdatedAt = sealed, &until, now
	e, err = s.store.RotateSecret(ctx, e, actorOf(ctx).Did(store.AuditEndpointRotate, e.ID.String()))
	if err != nil {
		return nil, err
	}
	view := viewEndpoint(e)
	view.Secret = secret
	return &endpointOutput{view}, nil
}

// replayRequest is the body of a request to replay events.
type replayRequest struct {
	Since *time.Time `json:"since,omitempty" doc:"the time from which on events are told again (RFC 3339)" example:"2026-07-01T08:00:00Z"`
	After *uuid.UUID `json:"after,omitempty" format:"uuid" doc:"instead of since: next of the answer before"`
}

type replayView struct {
	Events int        `json:"events" doc:"how many are told again"`
	Next   *uuid.UUID `json:"next,omitempty" format:"uuid" doc:"after of the next request; missing when these were all"`
}

type replayInput struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"id of the endpoint"`
	jsonBody[replayRequest]
}

type replayOutput struct{ Body replayView }

func (s *Server) replayEndpoint(ctx context.Context, in *replayInput) (*replayOutput, error) {
	e, err := s.endpointOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if (in.body.Since == nil) == (in.body.After == nil) {
		return nil, fieldProblem(http.StatusBadRequest, codeInvalidRequest, "since", "either since or after is required")
	}
	if e.Off != "" {
		return nil, newProblem(http.StatusConflict, codeEndpointDisabled, "the endpoint is disabled: enable it first")
	}
	after := in.body.After
	if after == nil {
		first := store.FirstID(*in.body.Since)
		after = &first
	}
	events, next, err := s.endpoints.Replay(ctx, e.ID, *after, actorOf(ctx).Did(store.AuditEndpointReplay, e.ID.String()))
	if err != nil {
		return nil, err
	}
	out := &replayOutput{replayView{Events: events}}
	if next != uuid.Nil {
		out.Body.Next = &next
	}
	return out, nil
}
