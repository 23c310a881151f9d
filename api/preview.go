package api

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

const (
	previewDescription = "Nothing is sent. Where a param is missing its name stands in the text, between ‹ and ›; " +
		"the text is empty when there is none without that param."
	testDescription = "Sends one real notification, marked as a test. It needs no idempotencyKey; with one, it is as idempotent as any other."
)

// previewRequest documents the body of a preview; Resolve enforces it.
type previewRequest struct {
	Params map[string]any `json:"params,omitempty" nullable:"true" doc:"what the template puts in; any JSON values"`
}

type previewView struct {
	MsgType      string          `json:"msgType"`
	Subject      string          `json:"subject"`
	Body         string          `json:"body"`
	TemplateCode string          `json:"templateCode"`
	Params       json.RawMessage `json:"params" doc:"what goes to a vendor that renders by itself: an object, or null"`
	Missing      []string        `json:"missing" doc:"params that the template needs; a notification without them is refused"`
	Unused       []string        `json:"unused" doc:"params that the template never mentions"`
}

type previewInput struct {
	Name   string `path:"name" doc:"name of the template"`
	params map[string]any
}

// Resolve implements huma.Resolver: it reads the body.
func (in *previewInput) Resolve(ctx huma.Context) []error {
	return readBody(ctx, &in.params, func(body object) (map[string]any, error) {
		params := body.values("params")
		body.end()
		return params, body.err()
	})
}

type previewOutput struct{ Body previewView }

func (s *Server) previewTemplate(ctx context.Context, in *previewInput) (*previewOutput, error) {
	t, err := s.store.Template(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	p, err := s.rules.PreviewTemplate(t, in.params)
	if err != nil {
		return nil, ofTemplate(err, t.Channel)
	}
	return &previewOutput{previewView{
		MsgType: p.MsgType, Subject: p.Subject, Body: p.Body, TemplateCode: p.TemplateCode, Params: p.Params,
		Missing: append([]string{}, p.Missing...), Unused: append([]string{}, p.Unused...),
	}}, nil
}

// testRequest documents the body of a test; Resolve enforces it.
type testRequest struct {
	IdempotencyKey string         `json:"idempotencyKey,omitempty" minLength:"1" maxLength:"255" doc:"made up when left out"`
	Params         map[string]any `json:"params,omitempty" nullable:"true" doc:"what the template puts in; any JSON values"`
	Recipient      recipientView  `json:"recipient" doc:"who gets it"`
}

type testInput struct {
	Name string `path:"name" doc:"name of the template"`
	test test
}

// test is what is asked of a template.
type test struct {
	key       string
	params    map[string]any
	recipient store.Recipient
}

// Resolve implements huma.Resolver: it reads the body.
func (in *testInput) Resolve(ctx huma.Context) []error {
	return readBody(ctx, &in.test, parseTest)
}

func parseTest(body object) (test, error) {
	t := test{key: "test-" + uuid.NewString()}
	if _, given := body.members["idempotencyKey"]; given {
		t.key = body.text("idempotencyKey", 1, maxIdempotencyKey)
	}
	t.params = body.values("params")
	t.recipient = parseRecipient(body.object("recipient"))
	body.end()
	return t, body.err()
}

func (s *Server) testTemplate(ctx context.Context, in *testInput) (*sendOutput, error) {
	t, err := s.store.Template(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	out, err := s.send(ctx, accepting.Request{
		IdempotencyKey: in.test.key, Test: true, Recipients: []store.Recipient{in.test.recipient},
		Channels: map[string]accepting.ChannelRequest{t.Channel: {Template: t.Name, Params: in.test.params}},
	})
	if err != nil {
		return nil, ofTemplate(err, t.Channel)
	}
	return out, nil
}

// ofTemplate puts the field of a refused notification where a request about one
// template has it.
func ofTemplate(err error, channel string) error {
	var refused *refusal.Error
	if !errors.As(err, &refused) {
		return err
	}
	moved := *refused
	field := strings.TrimPrefix(refused.Field, "channels."+channel)
	switch {
	case field == "" || field == ".template":
		moved.Field = "path.name"
	case strings.HasPrefix(field, "recipients"):
		moved.Field = "recipient" + strings.TrimPrefix(strings.TrimPrefix(field, "recipients"), "[0]")
	default:
		moved.Field = strings.TrimPrefix(field, ".")
	}
	return &moved
}
