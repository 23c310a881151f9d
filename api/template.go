package api

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/templates"
)

const (
	maxTemplateName = 64
	maxDescription  = 1024
	maxSubject      = 1024
	maxTemplateKind = 64 // channel and msgType
	maxTemplateCode = 128
)

// templateName keeps names fit for a URL.
var templateName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

const replaceDescription = "Everything is replaced: what is left out becomes empty. " +
	"The name and the channel cannot change; they may be left out. " +
	"Notifications that were accepted keep what they say."

// templateRequest documents the body of a new template; parseTemplate enforces it.
type templateRequest struct {
	Name    string `json:"name" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" example:"feishu-alert"`
	Channel string `json:"channel" minLength:"1" maxLength:"64" example:"feishu_app"`
	TemplateContent
}

// templateReplacement documents the body that replaces a template.
type templateReplacement struct {
	Name    string `json:"name,omitempty" maxLength:"64" doc:"when given, the template's" example:"feishu-alert"`
	Channel string `json:"channel,omitempty" maxLength:"64" doc:"when given, the template's" example:"feishu_app"`
	TemplateContent
}

// TemplateContent is what a new template and a replacement have in common. It is
// exported for huma, which passes over what is not.
type TemplateContent struct {
	Description  string `json:"description,omitempty" maxLength:"1024" example:"tells who is on call"`
	Subject      string `json:"subject,omitempty" maxLength:"1024" doc:"of an e-mail; a Go text/template"`
	Body         string `json:"body,omitempty" maxLength:"65536" doc:"the message; a Go text/template. Required unless templateCode is given" example:"[{{ .severity }}] {{ .incident }}"`
	MsgType      string `json:"msgType,omitempty" maxLength:"64" doc:"kind of message; the provider's default when empty" example:"text"`
	TemplateCode string `json:"templateCode,omitempty" maxLength:"128" doc:"the vendor's own template, for sms and voice"`
}

type templateView struct {
	Name         string    `json:"name"`
	Channel      string    `json:"channel"`
	Description  string    `json:"description"`
	Subject      string    `json:"subject"`
	Body         string    `json:"body"`
	MsgType      string    `json:"msgType"`
	TemplateCode string    `json:"templateCode"`
	Version      int       `json:"version" doc:"from 1; each write makes the next one"`
	CreatedAt    time.Time `json:"createdAt"`
	UpdatedAt    time.Time `json:"updatedAt"`
}

func viewTemplate(t store.Template) templateView {
	return templateView{
		Name: t.Name, Channel: t.Channel, Description: t.Description, Subject: t.Subject, Body: t.Body,
		MsgType: t.MsgType, TemplateCode: t.TemplateCode, Version: t.Version, CreatedAt: t.CreatedAt.UTC(), UpdatedAt: t.UpdatedAt.UTC(),
	}
}

// parseTemplate reads a template. Its name and channel are required in a new one.
func parseTemplate(body object, isNew bool) (store.Template, error) {
	least := 0
	if isNew {
		least = 1
	}
	t := store.Template{
		Name:         body.text("name", least, maxTemplateName),
		Channel:      body.text("channel", least, maxTemplateKind),
		Description:  body.text("description", 0, maxDescription),
		Subject:      body.text("subject", 0, maxSubject),
		Body:         body.text("body", 0, templates.MaxSource),
		MsgType:      body.text("msgType", 0, maxTemplateKind),
		TemplateCode: body.text("templateCode", 0, maxTemplateCode),
	}
	body.end()
	if body.err() == nil && t.Name != "" && !templateName.MatchString(t.Name) {
		body.fault("name", "must be letters, digits, dots, dashes and underscores, and start with a letter or a digit")
	}
	if body.err() == nil && t.Body == "" && t.TemplateCode == "" {
		body.fault("body", "is required (or templateCode)")
	}
	return t, body.err()
}

type templateOutput struct{ Body templateView }

type createTemplateInput struct {
	template store.Template
}

// Resolve implements huma.Resolver: it reads the body.
func (in *createTemplateInput) Resolve(ctx huma.Context) []error {
	return readBody(ctx, &in.template, func(body object) (store.Template, error) { return parseTemplate(body, true) })
}

func (s *Server) createTemplate(ctx context.Context, in *createTemplateInput) (*templateOutput, error) {
	t := in.template
	if err := s.rules.CheckTemplate(t); err != nil {
		return nil, err
	}
	t.CreatedAt = store.Now()
	t.UpdatedAt = t.CreatedAt
	t, err := s.store.CreateTemplate(ctx, t, callerOf(ctx).AppID)
	if err != nil {
		return nil, templateExists(err)
	}
	return &templateOutput{viewTemplate(t)}, nil
}

// templateExists gives store.ErrExists its problem.
func templateExists(err error) error {
	if errors.Is(err, store.ErrExists) {
		return fieldProblem(http.StatusConflict, codeTemplateExists, "name", "there is a template of this name")
	}
	return err
}

type listTemplatesInput struct {
	Channel string `query:"channel" maxLength:"64" doc:"only this channel's"`
	Limit   int    `query:"limit" minimum:"1" maximum:"500" doc:"most templates in the answer; all of them when left out"`
	After   string `query:"after" maxLength:"64" doc:"start after this name: next of the page before"`
}

type listTemplatesOutput struct{ Body templateListView }

type templateListView struct {
	Templates []templateView `json:"templates"`
	Next      string         `json:"next,omitempty" doc:"after for the next page; missing on the last one"`
}

func (s *Server) listTemplates(ctx context.Context, in *listTemplatesInput) (*listTemplatesOutput, error) {
	out := &listTemplatesOutput{templateListView{Templates: []templateView{}}}
	page, after := readPage, in.After
	if in.Limit > 0 {
		page = in.Limit + 1
	}
	for {
		rows, err := s.store.ListTemplates(ctx, in.Channel, after, page)
		if err != nil {
			return nil, err
		}
		for _, t := range rows {
			if in.Limit > 0 && len(out.Body.Templates) == in.Limit {
				out.Body.Next = out.Body.Templates[in.Limit-1].Name
				return out, nil
			}
			out.Body.Templates = append(out.Body.Templates, viewTemplate(t))
		}
		if in.Limit > 0 || len(rows) < page {
			return out, nil
		}
		after = rows[len(rows)-1].Name
	}
}

type getTemplateInput struct {
	Name string `path:"name" doc:"name of the template"`
}

func (s *Server) getTemplate(ctx context.Context, in *getTemplateInput) (*templateOutput, error) {
	t, err := s.store.Template(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return &templateOutput{viewTemplate(t)}, nil
}

type replaceTemplateInput struct {
	Name     string `path:"name" doc:"name of the template"`
	template store.Template
}

// Resolve implements huma.Resolver: it reads the body.
func (in *replaceTemplateInput) Resolve(ctx huma.Context) []error {
	return readBody(ctx, &in.template, func(body object) (store.Template, error) { return parseTemplate(body, false) })
}

func (s *Server) replaceTemplate(ctx context.Context, in *replaceTemplateInput) (*templateOutput, error) {
	old, err := s.store.Template(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	t := in.template
	if t.Name != "" && t.Name != old.Name {
		return nil, fieldProblem(http.StatusUnprocessableEntity, codeImmutableField, "name", "cannot be changed")
	}
	if t.Channel != "" && t.Channel != old.Channel {
		return nil, fieldProblem(http.StatusUnprocessableEntity, codeImmutableField, "channel", "cannot be changed")
	}
	t.Name, t.Channel, t.UpdatedAt = old.Name, old.Channel, store.Now()
	if err := s.rules.CheckTemplate(t); err != nil {
		return nil, err
	}
	if t, err = s.store.UpdateTemplate(ctx, t, callerOf(ctx).AppID); err != nil {
		return nil, err
	}
	return &templateOutput{viewTemplate(t)}, nil
}

func (s *Server) deleteTemplate(ctx context.Context, in *getTemplateInput) (*struct{}, error) {
	return nil, s.store.DeleteTemplate(ctx, in.Name)
}
