package rendering

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// MaxLocale bounds a locale, in bytes. RFC 5646 4.4.1 asks for room for 35.
const MaxLocale = 64

// ParseLocale returns the tag of a locale, which is language.Und when it has no language that is
// known. The error is that of a text that is no BCP 47 tag.
func ParseLocale(locale string) (language.Tag, error) {
	if len(locale) > MaxLocale {
		return language.Und, errors.New("is too long to be a language tag")
	}
	tag, err := language.Parse(locale)
	var unknown language.ValueError
	if err != nil && !errors.As(err, &unknown) {
		return language.Und, errors.New("is not a language tag (BCP 47), such as zh, en or zh-Hant")
	}
	if base, _, _ := tag.Raw(); base.String() == "und" {
		return language.Und, nil
	}
	return tag, nil
}

// CheckLocale returns what is wrong with a locale that names a text: it is written in one way, so
// that it is compared as a text.
func CheckLocale(locale string) error {
	tag, err := ParseLocale(locale)
	switch {
	case err != nil:
		return err
	case tag == language.Und:
		return errors.New("is not a language that is known")
	case tag.String() != locale:
		return errors.New("must be written as " + tag.String())
	}
	return nil
}

// Chooser chooses among the texts of a template. It is not safe for concurrent use.
type Chooser struct {
	template store.Template
	locales  []string
	matcher  language.Matcher
	chosen   map[string]*store.Template // by its own locale, and by those that were asked for
}

// Choose returns the Chooser of a template.
func Choose(t store.Template) *Chooser { return &Chooser{template: t} }

// For returns the template with the text that fits a locale best as its own: the one of the
// language, script and region, or a language that its speakers read, as CLDR has it. Without one,
// and for an empty locale, that is the template's own text.
func (c *Chooser) For(locale string) *store.Template {
	if len(c.template.Texts) == 0 || locale == "" || locale == c.template.Locale {
		return &c.template
	}
	if t, known := c.chosen[locale]; known {
		return t
	}
	if c.chosen == nil {
		c.chosen = map[string]*store.Template{c.template.Locale: &c.template}
	}
	own := c.match(locale)
	t, known := c.chosen[own]
	if !known {
		text := c.template.In(own)
		t, c.chosen[own] = &text, &text
	}
	c.chosen[locale] = t
	return t
}

// match returns the locale of the text that fits.
func (c *Chooser) match(locale string) string {
	tag, err := ParseLocale(locale)
	if err != nil || tag == language.Und {
		return c.template.Locale
	}
	if c.matcher == nil {
		c.locales = c.template.Locales()
		tags := make([]language.Tag, len(c.locales))
		for i, name := range c.locales {
			tags[i] = language.Make(name)
		}
		c.matcher = language.NewMatcher(tags)
	}
	_, i, confidence := c.matcher.Match(tag)
	if confidence == language.No {
		return c.template.Locale
	}
	return c.locales[i]
}

// checkLocales returns a *refusal.Error when the languages of a template's texts are not named as
// they must be, or a required one is missing.
func (r *Renderer) checkLocales(t store.Template) error {
	if t.Locale == "" && len(t.Texts) > 0 {
		return refusal.New(refusal.InvalidLocale, "locale", "is required with texts: the language of subject and body, which is sent when no other text fits")
	}
	for _, locale := range t.Locales() {
		if locale == "" {
			continue
		}
		if err := CheckLocale(locale); err != nil {
			return refusal.New(refusal.InvalidLocale, fieldOf(t, locale), "%s", err)
		}
	}
	if _, twice := t.Texts[t.Locale]; twice {
		return refusal.New(refusal.InvalidLocale, "texts."+t.Locale, "is the template's own locale; leave it out, or change locale")
	}
	missing := slices.DeleteFunc(slices.Clone(r.settings.Load().Templates.RequiredLocales), func(required string) bool {
		return slices.Contains(t.Locales(), required)
	})
	if len(missing) > 0 {
		return refusal.New(refusal.MissingLocale, "texts", "lack a required language: %s (templates.requiredLocales)", strings.Join(missing, ", "))
	}
	return nil
}

// fieldOf returns the field of a template that names a locale.
func fieldOf(t store.Template, locale string) string {
	if locale == t.Locale {
		return "locale"
	}
	return "texts." + locale
}

// inText returns an error about a text of a template with the language in it, when there are
// several.
func inText(t store.Template, err error) error {
	var refused *refusal.Error
	if len(t.Texts) == 0 || !errors.As(err, &refused) {
		return err
	}
	moved := *refused
	moved.Message = "the text in " + t.Locale + ": " + refused.Message
	return &moved
}
