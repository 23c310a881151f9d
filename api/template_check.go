package api

import (
	"context"
	"errors"

	"github.com/labring/sealos-notify/store"
)

const checkDescription = "Nothing is stored. A template that creating or replacing would refuse is refused in the same way. " +
	"With params it is also rendered, as by a preview."

// checkTemplateRequest is the body of a request to check a template.
type checkTemplateRequest struct {
	Name    string `json:"name" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" doc:"of the template that would be created or replaced" example:"feishu-alert"`
	Channel string `json:"channel" minLength:"1" maxLength:"64" example:"feishu_app"`
	TemplateContent
	Params map[string]any `json:"params,omitempty" nullable:"true" doc:"values to render it with; any JSON values"`
}

type checkTemplateInput struct{ jsonBody[checkTemplateRequest] }

type checkTemplateOutput struct{ Body checkedView }

type checkedView struct {
	Preview *previewView `json:"preview,omitempty" doc:"only when the request has params"`
}

func (s *Server) checkTemplate(ctx context.Context, in *checkTemplateInput) (*checkTemplateOutput, error) {
	r := in.body
	t, _, err := s.replacement(ctx, r.Name, templateReplacement{Name: r.Name, Channel: r.Channel, TemplateContent: r.TemplateContent}, "")
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, errNotFound) {
		t, _, err = s.newTemplate(ctx, templateRequest{Name: r.Name, Channel: r.Channel, TemplateContent: r.TemplateContent}, "")
	}
	if err != nil {
		return nil, err
	}
	out := &checkTemplateOutput{}
	if r.Params != nil {
		p, err := s.preview(ctx, t, r.Params)
		if err != nil {
			return nil, err
		}
		out.Body.Preview = &p
	}
	return out, nil
}
