package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/labring/sealos-notify/jobs/overview"
	"github.com/labring/sealos-notify/store"
)

const replaceDescription = "All fields are replaced: a field that is left out becomes empty. " +
	"The name and the channel cannot change and may be left out; so may the owner, which only an administrator changes. " +
	"Accepted notifications stay as they were rendered."

// templateRequest is the body of a request to create a template.
type templateRequest struct {
	Name    string `json:"name" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" doc:"letters, digits, dots, dashes and underscores; begins with a letter or a digit" example:"feishu-alert"`
	Channel string `json:"channel" minLength:"1" maxLength:"64" example:"feishu_app"`
	TemplateContent
}

// templateReplacement is the body of a request to replace a template.
type templateReplacement struct {
	Version int    `json:"version,omitempty" minimum:"1" maximum:"2147483647" doc:"the version that was changed: refused with template_changed when the template has another by now. Left out: whatever it has" example:"3"`
	Name    string `json:"name,omitempty" pattern:"^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$" doc:"must be the template's own; may be left out" example:"feishu-alert"`
	Channel string `json:"channel,omitempty" maxLength:"64" doc:"must be the template's own; may be left out" example:"feishu_app"`
	TemplateContent
}

// TemplateContent is the part that a new template and a replacement share. It is
// exported because huma skips embedded types that are not.
type TemplateContent struct {
	Owner         string            `json:"owner,omitempty" maxLength:"128" doc:"appId of the owner; left out: as it is, and the caller of a new template. Only administrators may name another" example:"notify-console"`
	Private       bool              `json:"private,omitempty" doc:"only the owner and administrators may read and send it"`
	Description   string            `json:"description,omitempty" maxLength:"1024" example:"tells who is on call"`
	Subject       string            `json:"subject,omitempty" maxLength:"1024" doc:"of an e-mail; a Go text/template"`
	Body          string            `json:"body,omitempty" maxLength:"65536" doc:"the message; a Go text/template. Required unless templateCode is given" example:"[{{ .severity }}] {{ .incident }}"`
	MsgType       string            `json:"msgType,omitempty" maxLength:"64" doc:"kind of message; the provider's default when empty" example:"text"`
	TemplateCode  string            `json:"templateCode,omitempty" maxLength:"128" doc:"the vendor's own template, for sms and voice, at the first provider of the channel. Required unless body or templateCodes is given"`
	TemplateCodes map[string]string `json:"templateCodes,omitempty" doc:"the vendors' own templates by provider; through a provider without a code the message does not go by itself" example:"{\"aliyun\":\"SMS_1\",\"other\":\"4711\"}"`
	Locale        string            `json:"locale,omitempty" maxLength:"64" doc:"the language of subject, body and codes (BCP 47), which are sent when no text of texts fits; required with texts" example:"zh"`
	Texts         templateTexts     `json:"texts,omitempty" doc:"the same in other languages, by locale; at most 16" example:"{\"en\":{\"body\":\"[{{ .severity }}] {{ .incident }}\"}}"`
}

// templateText is what a template sends in one language. It has the fields of store.Text.
type templateText struct {
	Subject       string      `json:"subject,omitempty" maxLength:"1024"`
	Body          string      `json:"body,omitempty" maxLength:"65536" doc:"required unless a code is given"`
	TemplateCode  string      `json:"templateCode,omitempty" maxLength:"128"`
	TemplateCodes store.Codes `json:"templateCodes,omitempty"`
}

type templateTexts map[string]templateText

// stored returns the texts as the store has them; nil for none.
func (t templateTexts) stored() store.Texts {
	var texts store.Texts
	for locale, text := range t {
		if texts == nil {
			texts = store.Texts{}
		}
		texts[locale] = store.Text(text)
	}
	return texts
}

func viewTexts(texts store.Texts) templateTexts {
	var views templateTexts
	for locale, text := range texts {
		if views == nil {
			views = templateTexts{}
		}
		views[locale] = templateText(text)
	}
	return views
}

// providerName matches what a provider can be called.
var providerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Bounds of templateCodes: how many, and how long one is; and how many texts a template has.
const maxCodes, maxCode, maxTexts = 16, 128, 16

type templateView struct {
	Name          string            `json:"name"`
	Channel       string            `json:"channel"`
	Owner         string            `json:"owner" doc:"the app that may change it"`
	Private       bool              `json:"private" doc:"only the owner and administrators may read and send it"`
	Description   string            `json:"description"`
	Subject       string            `json:"subject"`
	Body          string            `json:"body"`
	MsgType       string            `json:"msgType"`
	TemplateCode  string            `json:"templateCode"`
	TemplateCodes map[string]string `json:"templateCodes,omitempty" doc:"by provider; left out when there are none"`
	Locale        string            `json:"locale,omitempty" doc:"the language of subject, body and codes; left out when none is named"`
	Texts         templateTexts     `json:"texts,omitempty" doc:"the same in other languages, by locale; left out when there are none"`
	Version       int               `json:"version" doc:"from 1; each write adds one"`
	CreatedAt     time.Time         `json:"createdAt"`
	UpdatedAt     time.Time         `json:"updatedAt"`

	LastDay *figuresView `json:"lastDay,omitempty" doc:"what became of the deliveries that were made from it in the present hour by the clock and the 24 before: the app's own, to an administrator all. Missing where templates are listed or written"`
}

func viewTemplate(t store.Template) templateView {
	return templateView{
		Name: t.Name, Channel: t.Channel, Owner: t.Owner, Private: t.Private, Description: t.Description,
		Subject: t.Subject, Body: t.Body, MsgType: t.MsgType, TemplateCode: t.TemplateCode, TemplateCodes: t.TemplateCodes,
		Locale: t.Locale, Texts: viewTexts(t.Texts), Version: t.Version, CreatedAt: t.CreatedAt.UTC(), UpdatedAt: t.UpdatedAt.UTC(),
	}
}

// template returns the template that has this content.
func (c TemplateContent) template(name, channel string) store.Template {
	return store.Template{
		Name: name, Channel: channel, Description: c.Description, Subject: c.Subject, Body: c.Body,
		MsgType: c.MsgType, TemplateCode: c.TemplateCode, TemplateCodes: c.TemplateCodes,
		Locale: c.Locale, Texts: c.Texts.stored(), Private: c.Private, UpdatedAt: store.Now(),
	}
}

// check returns a *Problem when there is nothing to send.
func (c TemplateContent) check() error {
	if len(c.Texts) > maxTexts {
		return fieldProblem(http.StatusBadRequest, codeInvalidRequest, "texts", fmt.Sprintf("has %d; at most %d", len(c.Texts), maxTexts))
	}
	if err := (templateText{Body: c.Body, TemplateCode: c.TemplateCode, TemplateCodes: c.TemplateCodes}).check(""); err != nil {
		return err
	}
	for _, locale := range slices.Sorted(maps.Keys(c.Texts)) {
		if err := c.Texts[locale].check("texts." + locale + "."); err != nil {
			return err
		}
	}
	return nil
}

// check returns a *Problem when a text has nothing to send. Its fields begin with at.
func (t templateText) check(at string) error {
	wrong := func(field, message string) error {
		return fieldProblem(http.StatusBadRequest, codeInvalidRequest, at+field, message)
	}
	if t.Body == "" && t.TemplateCode == "" && len(t.TemplateCodes) == 0 {
		return wrong("body", "is required (or templateCode)")
	}
	if len(t.TemplateCodes) > maxCodes {
		return wrong("templateCodes", fmt.Sprintf("has %d; at most %d", len(t.TemplateCodes), maxCodes))
	}
	for _, provider := range slices.Sorted(maps.Keys(t.TemplateCodes)) {
		switch code := t.TemplateCodes[provider]; {
		case !providerName.MatchString(provider):
			return wrong("templateCodes", "has a key that is no provider's name")
		case utf8.RuneCountInString(code) > maxCode:
			return wrong("templateCodes."+provider, fmt.Sprintf("has more than %d characters", maxCode))
		}
	}
	return nil
}

type templateOutput struct{ Body templateView }

type createTemplateInput struct{ jsonBody[templateRequest] }

func (s *Server) createTemplate(ctx context.Context, in *createTemplateInput) (*templateOutput, error) {
	t, before, err := s.newTemplate(ctx, in.body, store.AuditTemplateCreate)
	if err != nil {
		return nil, err
	}
	t, err = s.store.CreateTemplate(ctx, t, before, actorOf(ctx).Did(store.AuditTemplateCreate, t.Name))
	if err != nil {
		return nil, existsProblem(err)
	}
	return &templateOutput{viewTemplate(t)}, nil
}

// newTemplate returns the template of a request and whose its name was before, or why it
// cannot be created. A refusal because of the owner is noted as the action, unless that is
// empty.
func (s *Server) newTemplate(ctx context.Context, r templateRequest, action store.AuditAction) (t store.Template, before string, err error) {
	if err := r.check(); err != nil {
		return t, "", err
	}
	t = r.template(r.Name, r.Channel)
	t.CreatedAt = t.UpdatedAt
	if err := s.rules.CheckTemplate(ctx, callerOf(ctx).AppID, t); err != nil {
		return t, "", err
	}
	if before, err = s.mayCreate(ctx, t.Name, action); err != nil {
		return t, "", err
	}
	t.Owner, err = s.chooseOwner(ctx, r.Owner, callerOf(ctx).app())
	return t, before, err
}

// existsProblem returns a problem for store.ErrExists, and other errors as they are.
func existsProblem(err error) error {
	if errors.Is(err, store.ErrExists) {
		return fieldProblem(http.StatusConflict, codeTemplateExists, "name", "a template with this name exists")
	}
	return err
}

type listTemplatesInput struct {
	Channel string `query:"channel" maxLength:"64" doc:"only templates of this channel"`
	Deleted bool   `query:"deleted" doc:"the deleted ones instead, as they were; version and updatedAt are those of the deletion"`
	Limit   int    `query:"limit" minimum:"1" maximum:"500" doc:"at most so many templates; all when left out"`
	After   string `query:"after" maxLength:"64" doc:"continue after this name: next of the previous page"`
}

type templateListView struct {
	Templates []templateView `json:"templates"`
	Next      string         `json:"next,omitempty" doc:"after for the next page; missing on the last one"`
}

// templatePage is how many templates of a list are in memory at once. One takes up to some
// 70 KiB, and as much again for each further language.
const templatePage = 10

func (s *Server) listTemplates(ctx context.Context, in *listTemplatesInput) (*listOutput, error) {
	filter := store.TemplateFilter{Channel: in.Channel, Deleted: in.Deleted}
	return answerList(ctx, s, list[store.Template]{
		head: templateListView{Templates: []templateView{}}, page: templatePage, limit: in.Limit,
		read: func(ctx context.Context, last *store.Template, limit int) ([]store.Template, error) {
			after := in.After
			if last != nil {
				after = last.Name
			}
			return s.visibleTemplates(ctx, filter, after, limit)
		},
		view: func(_ context.Context, t store.Template) any { return viewTemplate(t) },
		next: func(t store.Template) any { return t.Name },
	})
}

// visibleTemplates lists the templates that the caller may read.
func (s *Server) visibleTemplates(ctx context.Context, f store.TemplateFilter, after string, limit int) ([]store.Template, error) {
	if caller := callerOf(ctx); !caller.may(RoleAdmin) {
		f.VisibleTo = caller.app()
	}
	return s.store.ListTemplates(ctx, f, after, limit)
}

type getTemplateInput struct {
	Name string `path:"name" doc:"name of the template"`
}

func (s *Server) getTemplate(ctx context.Context, in *getTemplateInput) (*templateOutput, error) {
	t, err := s.templateOf(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	figures, err := s.figuresOf(ctx, t.Name)
	if err != nil {
		return nil, err
	}
	view, day := viewTemplate(t), viewFigures(figures.Day)
	view.LastDay = &day
	return &templateOutput{view}, nil
}

// figuresOf returns what happened lately to the deliveries that were made from a template, and that
// the caller may see.
func (s *Server) figuresOf(ctx context.Context, template string) (overview.ChannelFigures, error) {
	app, err := scope(ctx, "")
	if err != nil {
		return overview.ChannelFigures{}, err
	}
	giveBack, err := s.takeList(ctx)
	if err != nil {
		return overview.ChannelFigures{}, err
	}
	defer giveBack()
	return s.overview.OfTemplate(ctx, app, template)
}

type replaceTemplateInput struct {
	Name string `path:"name" doc:"name of the template"`
	jsonBody[templateReplacement]
}

func (s *Server) replaceTemplate(ctx context.Context, in *replaceTemplateInput) (*templateOutput, error) {
	t, old, err := s.replacement(ctx, in.Name, in.body, store.AuditTemplateUpdate)
	if err != nil {
		return nil, err
	}
	audit := actorOf(ctx).Did(store.AuditTemplateUpdate, t.Name)
	if t.Owner != old.Owner {
		audit.Action, audit.Detail = store.AuditTemplateOwner, fmt.Sprintf("from %s to %s", old.Owner, t.Owner)
	}
	version := in.body.Version
	t, err = s.store.UpdateTemplate(ctx, t, old.Owner, version, audit)
	if version != 0 && errors.Is(err, store.ErrNotFound) {
		err = changedProblem(version)
	}
	if err != nil {
		return nil, err
	}
	return &templateOutput{viewTemplate(t)}, nil
}

// replacement returns the template that a request makes of the stored one, or why that cannot
// be replaced. A refusal because of the owner is noted as the action, unless that is empty.
func (s *Server) replacement(
	ctx context.Context, name string, r templateReplacement, action store.AuditAction,
) (t, old store.Template, err error) {
	if err := r.check(); err != nil {
		return t, old, err
	}
	if old, err = s.templateOf(ctx, name); err != nil {
		return t, old, err
	}
	if err := s.mayChange(ctx, action, old.Name, old.Owner); err != nil {
		return t, old, err
	}
	if r.Version != 0 && r.Version != old.Version {
		return t, old, changedProblem(r.Version)
	}
	if r.Name != "" && r.Name != old.Name {
		return t, old, fieldProblem(http.StatusUnprocessableEntity, codeImmutableField, "name", "cannot be changed")
	}
	if r.Channel != "" && r.Channel != old.Channel {
		return t, old, fieldProblem(http.StatusUnprocessableEntity, codeImmutableField, "channel", "cannot be changed")
	}
	t = r.template(old.Name, old.Channel)
	if err := s.rules.CheckTemplate(ctx, callerOf(ctx).AppID, t); err != nil {
		return t, old, err
	}
	t.Owner, err = s.chooseOwner(ctx, r.Owner, old.Owner)
	return t, old, err
}

// changedProblem returns the problem of a replacement for a version that is not the newest.
func changedProblem(version int) error {
	return fieldProblem(http.StatusConflict, codeTemplateChanged, "version", fmt.Sprintf("%d is not the newest: somebody has changed the template since", version))
}

func (s *Server) deleteTemplate(ctx context.Context, in *getTemplateInput) (*struct{}, error) {
	t, err := s.templateOf(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if err := s.mayChange(ctx, store.AuditTemplateDelete, t.Name, t.Owner); err != nil {
		return nil, err
	}
	return nil, s.store.DeleteTemplate(ctx, t.Name, t.Owner, actorOf(ctx).Did(store.AuditTemplateDelete, t.Name))
}
