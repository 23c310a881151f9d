package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// previewRequest is the body of PreviewTemplate.
type previewRequest struct {
	Params map[string]any `json:"params,omitempty"`
}

// PreviewText is one text of a template as the provider would receive it.
type PreviewText struct {
	Locale        string            `json:"locale,omitempty"` // the language of the text; empty when the template names none
	MsgType       string            `json:"msgType"`
	Subject       string            `json:"subject"`
	Body          string            `json:"body"`
	TemplateCode  string            `json:"templateCode"`
	TemplateCodes map[string]string `json:"templateCodes,omitempty"` // by provider
	Params        json.RawMessage   `json:"params"`                  // for a vendor that renders: an object, or null
	Missing       []string          `json:"missing"`                 // params that the template needs
	Unused        []string          `json:"unused"`                  // params that the template never mentions
}

// Preview is a message as the provider would receive it.
type Preview struct {
	PreviewText

	Texts map[string]PreviewText `json:"texts,omitempty"` // the template's other texts, by locale
}

// PreviewTemplate renders a template. Missing params are not an error.
func (c *Client) PreviewTemplate(ctx context.Context, name string, params map[string]any) (Preview, error) {
	var p Preview
	_, err := c.do(ctx, call{
		method: http.MethodPost, path: templatePath(name) + "/preview", body: previewRequest{params}, repeatable: true,
	}, &p)
	return p, err
}

// TestRequest sends a template to one recipient.
type TestRequest struct {
	IdempotencyKey string         `json:"idempotencyKey,omitempty"`
	Params         map[string]any `json:"params,omitempty"`
	Recipient      Recipient      `json:"recipient"`
	Locale         string         `json:"locale,omitempty"` // chooses among the template's texts
}

// TestTemplate sends one notification that is marked as a test.
func (c *Client) TestTemplate(ctx context.Context, name string, r TestRequest) (Accepted, error) {
	var a Accepted
	status, err := c.do(ctx, call{
		method: http.MethodPost, path: templatePath(name) + "/test", body: r, repeatable: r.IdempotencyKey != "",
	}, &a)
	a.Replayed = status == http.StatusOK
	return a, err
}
