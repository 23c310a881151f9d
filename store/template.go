package store

import "time"

// Template is a stored message template. Its channel never changes.
type Template struct {
	Name         string
	Channel      string
	Description  string
	MsgType      string // empty: the provider's, then the channel's default
	Subject      string
	Body         string
	TemplateCode string
	Version      int // from 1; each write makes the next one
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// TemplateVersion is what one write made of a template. It never changes, and
// stays when the template is deleted.
type TemplateVersion struct {
	Name         string
	Version      int
	Channel      string
	Description  string
	MsgType      string
	Subject      string
	Body         string
	TemplateCode string
	CreatedBy    string // the app that wrote it; empty when it is not known
	CreatedAt    time.Time
}
