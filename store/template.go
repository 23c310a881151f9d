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
	Version      int // from 1; each write makes the next one
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// TemplateNames returns the names of the acceptances' templates, each once.
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

// CheckTemplates returns ErrStale when a template of an acceptance is not among the
// stored ones as it was read. The time tells writes of replicas apart that run a
// release which counts no versions.
func CheckTemplates(batch []Acceptance, stored []Template) error {
	for _, a := range batch {
		for _, t := range a.Templates {
			if !slices.ContainsFunc(stored, func(s Template) bool {
				return s.Name == t.Name && s.Version == t.Version && s.UpdatedAt.Equal(t.UpdatedAt)
			}) {
				return fmt.Errorf("template %q: %w", t.Name, ErrStale)
			}
		}
	}
	return nil
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
