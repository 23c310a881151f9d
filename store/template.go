package store

import (
	"fmt"
	"slices"
	"time"
)

// Template is a stored message template. Its channel never changes.
type Template struct {
	Name         string
	Channel      string
	Description  string
	MsgType      string // empty: the provider's, then the channel's default
	Subject      string
	Body         string
	TemplateCode string
	Version      int // from 1; each write counts it up
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// TemplateNames returns the names of the templates of the acceptances, each once.
func TemplateNames(batch []Acceptance) []string {
	var names []string
	for _, a := range batch {
		for _, t := range a.Templates {
			if !slices.Contains(names, t.Name) {
				names = append(names, t.Name)
			}
		}
	}
	return names
}

// CheckTemplates returns ErrStale unless every template of the acceptances is among the
// stored ones with the version that was read.
func CheckTemplates(batch []Acceptance, stored []Template) error {
	for _, a := range batch {
		for _, t := range a.Templates {
			if !slices.ContainsFunc(stored, func(s Template) bool {
				return s.Name == t.Name && s.Version == t.Version
			}) {
				return fmt.Errorf("template %q: %w", t.Name, ErrStale)
			}
		}
	}
	return nil
}

// TemplateVersion is a template as one write left it. It never changes, and it stays
// when the template is deleted.
type TemplateVersion struct {
	Name         string
	Version      int
	Channel      string
	Description  string
	MsgType      string
	Subject      string
	Body         string
	TemplateCode string
	CreatedBy    string // the app that wrote it
	CreatedAt    time.Time
}
