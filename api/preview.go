package api

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

const (
	previewDescription = "Nothing is sent. A missing param is shown as its name between ‹ and ›; " +
		"the text is empty when it cannot be rendered without that param."
	testDescription = "Sends one real notification, marked as a test. The idempotencyKey is optional, and works as for any notification."
)

// previewRequest is the body of a request to preview a template.
type previewRequest struct {
	Params map[string]any `json:"params,omitempty" nullable:"true" doc:"values for the template; any JSON values"`
}

// PreviewText is one text of a template as it renders. It is exported because huma skips embedded
// types that are not.
type PreviewText struct {
	Locale        string            `json:"locale,omitempty" doc:"the language of the text; left out when the template names none"`
	MsgType       string            `json:"msgType"`
	Subject       string            `json:"subject"`
	Body          string            `json:"body"`
	TemplateCode  string            `json:"templateCode"`
	TemplateCodes map[string]string `json:"templateCodes,omitempty" doc:"by provider; left out when there are none"`
	Params        json.RawMessage   `json:"params" doc:"what a vendor that renders the text itself gets: an object, or null"`
	Missing       []string          `json:"missing" doc:"params that the template needs; a notification without them is refused"`
	Unused        []string          `json:"unused" doc:"params that the template does not use"`
}

type previewView struct {
	PreviewText
	Texts map[string]PreviewText `json:"texts,omitempty" doc:"the template's other texts, by locale; left out when there are none"`
}

func viewPreview(p rendering.Preview) previewView {
	view := previewView{PreviewText: viewPreviewText(p)}
	for locale, text := range p.Texts {
		if view.Texts == nil {
			view.Texts = map[string]PreviewText{}
		}
		view.Texts[locale] = viewPreviewText(text)
	}
	return view
}

func viewPreviewText(p rendering.Preview) PreviewText {
	return PreviewText{
		Locale: p.Locale, MsgType: p.MsgType, Subject: p.Subject, Body: p.Body, TemplateCode: p.TemplateCode, TemplateCodes: p.TemplateCodes, Params: p.Params,
		Missing: append([]string{}, p.Missing...), Unused: append([]string{}, p.Unused...),
	}
}

type previewInput struct {
	Name string `path:"name" doc:"name of the template"`
	jsonBody[previewRequest]
}

type previewOutput struct{ Body previewView }

func (s *Server) previewTemplate(ctx context.Context, in *previewInput) (*previewOutput, error) {
	t, err := s.templateOf(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	p, err := s.preview(ctx, t, in.body.Params)
	if err != nil {
		return nil, err
	}
	return &previewOutput{p}, nil
}

func (s *Server) preview(ctx context.Context, t store.Template, params map[string]any) (previewView, error) {
	p, err := s.rules.PreviewTemplate(ctx, callerOf(ctx).AppID, t, params)
	if err != nil {
		return previewView{}, templateRefusal(err, t.Channel)
	}
	return viewPreview(p), nil
}

// testRequest is the body of a request to test a template.
type testRequest struct {
	IdempotencyKey string         `json:"idempotencyKey,omitempty" minLength:"1" maxLength:"255" doc:"generated when left out"`
	Params         map[string]any `json:"params,omitempty" nullable:"true" doc:"values for the template; any JSON values"`
	Recipient      recipientView  `json:"recipient" doc:"who gets it"`
	Locale         string         `json:"locale,omitempty" maxLength:"64" doc:"chooses among the template's texts (BCP 47)" example:"en"`
}

type testInput struct {
	Name string `path:"name" doc:"name of the template"`
	jsonBody[testRequest]
}

func (s *Server) testTemplate(ctx context.Context, in *testInput) (*sendOutput, error) {
	t, err := s.templateOf(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	key := in.body.IdempotencyKey
	if key == "" {
		key = "test-" + uuid.NewString()
	}
	out, err := s.send(ctx, accepting.Request{
		IdempotencyKey: key, Test: true, Locale: in.body.Locale, Recipients: []accepting.Recipient{{Recipient: store.Recipient{Type: in.body.Recipient.Type, Value: in.body.Recipient.Value}}},
		Channels: map[string]accepting.ChannelRequest{t.Channel: {Template: t.Name, Params: in.body.Params}},
	})
	if err != nil {
		return nil, templateRefusal(err, t.Channel)
	}
	return out, nil
}

// templateRefusal returns a refusal with the field of a request about one template
// in place of the notification's field. Other errors are returned as they are.
func templateRefusal(err error, channel string) error {
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
