package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// TemplateVersion is a template after one write, or as it was when it was deleted.
type TemplateVersion struct {
	Name          string            `json:"name"`
	Version       int               `json:"version"`
	Channel       string            `json:"channel"`
	Description   string            `json:"description"`
	Subject       string            `json:"subject"`
	Body          string            `json:"body"`
	MsgType       string            `json:"msgType"`
	TemplateCode  string            `json:"templateCode"`
	TemplateCodes map[string]string `json:"templateCodes,omitempty"` // by provider
	Locale        string            `json:"locale,omitempty"`        // the language of all that; empty when none is named
	Texts         map[string]Text   `json:"texts,omitempty"`         // the same in other languages, by locale
	Owner         string            `json:"owner"`
	Private       bool              `json:"private"`
	CreatedBy     string            `json:"createdBy"` // the app that wrote it, or deleted the template
	CreatedAt     time.Time         `json:"createdAt"`
	Deleted       bool              `json:"deleted"` // this is the deletion of the template
}

// VersionSummary is a version in a list.
type VersionSummary struct {
	Version   int       `json:"version"`
	CreatedBy string    `json:"createdBy"` // the app that wrote it, or deleted the template
	CreatedAt time.Time `json:"createdAt"`
	Deleted   bool      `json:"deleted"` // this is the deletion of the template
}

// VersionList is a page of a template's versions, newest first.
type VersionList struct {
	Versions []VersionSummary `json:"versions"`
	Next     int              `json:"next,omitempty"` // 0 on the last page
}

// TemplateVersions lists the versions of a template, which may be deleted. limit is 1
// to 500, or 0 for 50; after is the VersionList.Next of the page before.
func (c *Client) TemplateVersions(ctx context.Context, name string, limit, after int) (VersionList, error) {
	values := query{}
	values.number("limit", limit)
	values.number("after", after)
	var l VersionList
	_, err := c.do(ctx, call{
		method: http.MethodGet, path: templatePath(name) + "/versions", query: url.Values(values), repeatable: true,
	}, &l)
	return l, err
}

// TemplateVersion reads a version of a template, which may be deleted.
func (c *Client) TemplateVersion(ctx context.Context, name string, version int) (TemplateVersion, error) {
	var v TemplateVersion
	_, err := c.do(ctx, call{
		method: http.MethodGet, path: templatePath(name) + "/versions/" + strconv.Itoa(version), repeatable: true,
	}, &v)
	return v, err
}

// restoreRequest is the body of RestoreTemplate.
type restoreRequest struct {
	Version int `json:"version"`
}

// RestoreTemplate writes a new version that equals an old one. The template may be
// deleted.
func (c *Client) RestoreTemplate(ctx context.Context, name string, version int) (Template, error) {
	var t Template
	_, err := c.do(ctx, call{
		method: http.MethodPost, path: templatePath(name) + "/restore", body: restoreRequest{version},
	}, &t)
	return t, err
}
