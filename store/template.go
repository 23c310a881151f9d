package store

import (
	"fmt"
	"maps"
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
	// TemplateCodes are the codes of the vendors' templates by provider, where TemplateCode is not
	// the right one; nil for none.
	TemplateCodes Codes
	// Locale is the language of Subject, Body and codes, as a BCP 47 tag; empty: none is named,
	// and there are no Texts.
	Locale    string
	Texts     Texts // in other languages; nil for none
	Version   int   // from 1; each write counts it up
	CreatedAt time.Time
	UpdatedAt time.Time
	Owner     string // the app whose it is
	Private   bool   // only its owner and administrators may read and send it
}

// Codes are codes of vendors' templates, by provider.
type Codes map[string]string

// JSON returns the codes as they are stored; nil for none.
func (c Codes) JSON() []byte {
	if len(c) == 0 {
		return nil
	}
	return jsonOf(c)
}

// Scan implements sql.Scanner.
func (c *Codes) Scan(value any) error { *c = nil; return scanJSON(value, c) }

// Text is what a template sends in one language.
type Text struct {
	Subject       string `json:"subject,omitempty"`
	Body          string `json:"body,omitempty"`
	TemplateCode  string `json:"templateCode,omitempty"`
	TemplateCodes Codes  `json:"templateCodes,omitempty"`
}

// Texts are texts of a template, by locale.
type Texts map[string]Text

// JSON returns the texts as they are stored; nil for none.
func (t Texts) JSON() []byte {
	if len(t) == 0 {
		return nil
	}
	return jsonOf(t)
}

// Scan implements sql.Scanner.
func (t *Texts) Scan(value any) error { *t = nil; return scanJSON(value, t) }

// Locales returns the locales of the template's texts: its own first, then the others, sorted.
func (t Template) Locales() []string {
	return append([]string{t.Locale}, slices.Sorted(maps.Keys(t.Texts))...)
}

// In returns the template with its text of a locale as its own, and the others as Texts.
func (t Template) In(locale string) Template {
	text, is := t.Texts[locale]
	if !is {
		return t
	}
	others := maps.Clone(t.Texts)
	delete(others, locale)
	others[t.Locale] = Text{t.Subject, t.Body, t.TemplateCode, t.TemplateCodes}
	t.Locale, t.Texts = locale, others
	t.Subject, t.Body, t.TemplateCode, t.TemplateCodes = text.Subject, text.Body, text.TemplateCode, text.TemplateCodes
	return t
}

// HasCode reports whether a vendor renders the template.
func (t Template) HasCode() bool { return t.TemplateCode != "" || len(t.TemplateCodes) > 0 }

// AsVersion returns the version that a write by an app made of the template; deleted: that a
// deletion made.
func (t Template) AsVersion(by string, deleted bool) TemplateVersion {
	return TemplateVersion{
		Name: t.Name, Version: t.Version, Channel: t.Channel, Description: t.Description, MsgType: t.MsgType,
		Subject: t.Subject, Body: t.Body, TemplateCode: t.TemplateCode, TemplateCodes: t.TemplateCodes, Locale: t.Locale, Texts: t.Texts, CreatedBy: by, CreatedAt: t.UpdatedAt,
		Owner: t.Owner, Private: t.Private, Deleted: deleted,
	}
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

// TemplateFilter chooses templates. A field of the zero value chooses all.
type TemplateFilter struct {
	Channel   string
	VisibleTo string // leaves out the private ones of other apps than this
	Deleted   bool   // those that were deleted and not created again, instead of those that exist
}

// TemplateVersion is a template as one write left it, or as it was when it was deleted. It
// never changes, and it stays when the template is deleted. The newest version of a template
// is like the template.
type TemplateVersion struct {
	Name          string
	Version       int
	Channel       string
	Description   string
	MsgType       string
	Subject       string
	Body          string
	TemplateCode  string
	TemplateCodes Codes
	Locale        string
	Texts         Texts
	CreatedBy     string // the app that wrote it
	CreatedAt     time.Time
	Owner         string
	Private       bool
	Deleted       bool // this version is the deletion
}

// Template returns the template as the version left it, with no times.
func (v TemplateVersion) Template() Template {
	return Template{
		Name: v.Name, Version: v.Version, Channel: v.Channel, Description: v.Description, MsgType: v.MsgType,
		Subject: v.Subject, Body: v.Body, TemplateCode: v.TemplateCode, TemplateCodes: v.TemplateCodes,
		Locale: v.Locale, Texts: v.Texts, Owner: v.Owner, Private: v.Private,
	}
}
