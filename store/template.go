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
	CreatedAt    time.Time
	UpdatedAt    time.Time
}
