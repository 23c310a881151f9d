package console

import (
	"net/http"
	"net/url"

	"golang.org/x/text/language"
)

// lang is a language of the pages.
type lang string

// languages are those that texts/ has. The first is for browsers that prefer none of them.
var languages = []lang{"en", "zh"}

var matcher = language.NewMatcher([]language.Tag{language.English, language.Chinese})

const (
	languageCookie = "sealos_notify_language"
	themeCookie    = "sealos_notify_theme"
	// keepPreferences is how long a browser keeps them, in seconds.
	keepPreferences = 365 * 24 * 60 * 60
)

// languageOf returns the language that the user chose, or that the browser prefers.
func languageOf(r *http.Request) lang {
	if c, err := r.Cookie(languageCookie); err == nil {
		for _, l := range languages {
			if string(l) == c.Value {
				return l
			}
		}
	}
	preferred, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil || len(preferred) == 0 {
		return languages[0]
	}
	_, index, _ := matcher.Match(preferred...)
	return languages[index]
}

// themeOf returns light or dark when the user chose one.
func themeOf(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}

// setPreferences keeps the language and the theme that the form names, and returns to its page.
func setPreferences(v *visit) error {
	for name, cookie := range map[string]string{"language": languageCookie, "theme": themeCookie} {
		value, given := v.r.PostForm[name]
		if !given {
			continue
		}
		c := &http.Cookie{ //nolint:gosec // without TLS a browser would drop a secure cookie
			Name: cookie, Value: url.QueryEscape(value[0]), Path: Prefix, MaxAge: keepPreferences,
			HttpOnly: true, Secure: isSecure(v.r), SameSite: http.SameSiteStrictMode,
		}
		if value[0] == "" { // as the browser has it
			c.MaxAge = -1
		}
		http.SetCookie(v.w, c)
	}
	http.Redirect(v.w, v.r, local(v.r.PostForm.Get("back")), http.StatusSeeOther)
	return nil
}
