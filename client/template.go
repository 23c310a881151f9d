package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

const templatesPath = "/api/v1/templates"

// TemplateRequest is a template to store.
type TemplateRequest struct {
	Name          string            `json:"name"`
	Channel       string            `json:"channel"`
	Description   string            `json:"description,omitempty"`
	Subject       string            `json:"subject,omitempty"`       // of an e-mail; a Go text/template
	Body          string            `json:"body,omitempty"`          // a Go text/template; required unless TemplateCode is given
	MsgType       string            `json:"msgType,omitempty"`       // the provider's default when empty
	TemplateCode  string            `json:"templateCode,omitempty"`  // the vendor's own template, for sms and voice
	TemplateCodes map[string]string `json:"templateCodes,omitempty"` // the same by provider
	Locale        string            `json:"locale,omitempty"`        // the language of all that (BCP 47); required with Texts
	Texts         map[string]Text   `json:"texts,omitempty"`         // the same in other languages, by locale
	Owner         string            `json:"owner,omitempty"`         // its app; as it is when empty. Only administrators may name another
	Private       bool              `json:"private,omitempty"`       // only the owner and administrators may read and send it
}

// Text is what a template sends in one language. It is sent to recipients whose locale it fits
// best; without one that fits, the template's own is.
type Text struct {
	Subject       string            `json:"subject,omitempty" yaml:"subject,omitempty"`
	Body          string            `json:"body,omitempty" yaml:"body,omitempty"`
	TemplateCode  string            `json:"templateCode,omitempty" yaml:"templateCode,omitempty"`
	TemplateCodes map[string]string `json:"templateCodes,omitempty" yaml:"templateCodes,omitempty"`
}

// Template is a stored template.
type Template struct {
	Name          string            `json:"name"`
	Channel       string            `json:"channel"`
	Owner         string            `json:"owner"`   // the app that may change it
	Private       bool              `json:"private"` // only the owner and administrators may read and send it
	Description   string            `json:"description"`
	Subject       string            `json:"subject"`
	Body          string            `json:"body"`
	MsgType       string            `json:"msgType"`
	TemplateCode  string            `json:"templateCode"`
	TemplateCodes map[string]string `json:"templateCodes,omitempty"` // by provider
	Locale        string            `json:"locale,omitempty"`        // the language of all that; empty when none is named
	Texts         map[string]Text   `json:"texts,omitempty"`         // the same in other languages, by locale
	Version       int               `json:"version"`                 // 1 at first, one more with each write
	CreatedAt     time.Time         `json:"createdAt"`
	UpdatedAt     time.Time         `json:"updatedAt"`
	LastDay       *Figures          `json:"lastDay,omitempty"` // of the app's own deliveries from it, to an administrator of all; nil where templates are listed or written
}

// ReplaceRequest is what a template becomes.
type ReplaceRequest struct {
	TemplateRequest
	Version int `json:"version,omitempty"` // that was changed: refused with template_changed when the template has another by now; 0: whatever it has
}

// TemplateQuery selects a page of templates.
type TemplateQuery struct {
	Channel string // only this channel's; all when empty
	Deleted bool   // the deleted ones instead, as they were
	Limit   int    // 1 to 500; all of them when 0
	After   string // TemplateList.Next of the page before
}

// TemplateList is a page of templates, by name.
type TemplateList struct {
	Templates []Template `json:"templates"`
	Next      string     `json:"next,omitempty"` // empty on the last page
}

// Templates lists templates by name.
func (c *Client) Templates(ctx context.Context, q TemplateQuery) (TemplateList, error) {
	values := query{}
	values.text("channel", q.Channel)
	if q.Deleted {
		values.text("deleted", "true")
	}
	values.number("limit", q.Limit)
	values.text("after", q.After)
	var l TemplateList
	_, err := c.do(ctx, call{method: http.MethodGet, path: templatesPath, query: url.Values(values), repeatable: true}, &l)
	return l, err
}

// Template reads a template.
func (c *Client) Template(ctx context.Context, name string) (Template, error) {
	var t Template
	_, err := c.do(ctx, call{method: http.MethodGet, path: templatePath(name), repeatable: true}, &t)
	return t, err
}

// CreateTemplate stores a new template.
func (c *Client) CreateTemplate(ctx context.Context, r TemplateRequest) (Template, error) {
	var t Template
	_, err := c.do(ctx, call{method: http.MethodPost, path: templatesPath, body: r}, &t)
	return t, err
}

// ReplaceTemplate replaces the whole template r.Name. Its channel cannot change.
// Accepted notifications keep their text.
func (c *Client) ReplaceTemplate(ctx context.Context, r ReplaceRequest) (Template, error) {
	var t Template
	_, err := c.do(ctx, call{method: http.MethodPut, path: templatePath(r.Name), body: r}, &t)
	return t, err
}

// DeleteTemplate deletes a template. Accepted notifications keep their text. RestoreTemplate
// undoes it.
func (c *Client) DeleteTemplate(ctx context.Context, name string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: templatePath(name)}, nil)
	return err
}

// CheckRequest is a template to check.
type CheckRequest struct {
	TemplateRequest
	Params map[string]any `json:"params,omitzero"` // to render it with; nil: it is not rendered
}

// Checked is the answer to a CheckRequest.
type Checked struct {
	Preview *Preview `json:"preview,omitempty"` // nil when the request had no params
}

// CheckTemplate stores nothing. Its error is the one that CreateTemplate would return, or
// ReplaceTemplate when there is a template of that name.
func (c *Client) CheckTemplate(ctx context.Context, r CheckRequest) (Checked, error) {
	var a Checked
	_, err := c.do(ctx, call{method: http.MethodPost, path: templatesPath + "/check", body: r, repeatable: true}, &a)
	return a, err
}

func templatePath(name string) string { return templatesPath + "/" + url.PathEscape(name) }
