package api_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

// The pages take what the API takes, and refuse the rest in its words.
func TestConsoleSavesTemplates(t *testing.T) {
	b := start(t)
	cookies := b.signIn(t, "console")
	save := func(form url.Values) answer {
		return b.browse(t, http.MethodPost, "/console/template/save", form, cookies)
	}
	a := save(url.Values{"name": {"hello"}, "channel": {"email"}, "subject": {"s"}, "body": {"a\r\n{{ .b }}\r\n"}})
	require.Equal(t, http.StatusSeeOther, a.status, a.text)
	require.Equal(t, "/console/templates/hello?done=templateSaved.1", a.header.Get("Location"))
	require.Equal(t, "a\n{{ .b }}\n", b.store.templates["hello"].Body, "line ends are not the browser's")
	require.Equal(t, "console", b.store.templates["hello"].Owner)

	for name, c := range map[string]struct {
		form   url.Values
		status int
		says   string
	}{
		"no name":        {url.Values{"channel": {"email"}, "body": {"x"}}, 400, "Name"},
		"no such name":   {url.Values{"name": {"a/b"}, "channel": {"email"}, "body": {"x"}}, 400, "Name"},
		"no channel":     {url.Values{"name": {"b"}, "body": {"x"}}, 400, "Channel"},
		"no body":        {url.Values{"name": {"b"}, "channel": {"email"}}, 400, "Body"},
		"long subject":   {url.Values{"name": {"b"}, "channel": {"email"}, "body": {"x"}, "subject": {strings.Repeat("x", 1025)}}, 400, "Subject"},
		"taken":          {url.Values{"name": {"hello"}, "channel": {"email"}, "body": {"mine"}}, 409, "There is a template of this name"},
		"stale":          {url.Values{"name": {"hello"}, "channel": {"email"}, "body": {"mine"}, "version": {"7"}}, 409, "Save over version 1"},
		"another's":      {url.Values{"name": {"hello"}, "channel": {"email"}, "body": {"mine"}, "owner": {"sender"}, "version": {"1"}}, 403, "role"},
		"gone":           {url.Values{"name": {"none"}, "channel": {"email"}, "body": {"mine"}, "version": {"1"}}, 404, "does not exist"},
		"no such number": {url.Values{"name": {"hello"}, "channel": {"email"}, "body": {"mine"}, "version": {"99999999999999999999"}}, 409, "Save over version 1"},
	} {
		a := save(c.form)
		require.Equal(t, c.status, a.status, name)
		require.Contains(t, html.UnescapeString(a.text), c.says, name)
		if body := c.form.Get("body"); body != "" {
			require.Contains(t, a.text, body+"</textarea>", "%s: what was typed is not lost", name)
		}
	}
	require.Equal(t, 1, b.store.templates["hello"].Version)
}

// A template is tried as it was typed. What is wrong is named with its field and place.
func TestConsoleTriesTemplates(t *testing.T) {
	b := start(t)
	cookies := b.signIn(t, "console")
	try := func(params string) answer {
		return b.browse(t, http.MethodPost, "/console/template/try", url.Values{"channel": {"email"}, "body": {"x"}, "params": {params}}, cookies)
	}
	b.rules.preview = rendering.Preview{MsgType: "text", Body: "<b>‹a›</b>", Missing: []string{"a"}, Unused: []string{"<i>"}}
	a := try("{\"n\": 1.50,\r\n\"deep\": [1]}")
	require.Equal(t, 200, a.status)
	for _, want := range []string{"Missing", "Not used", "&lt;i&gt;", "&lt;b&gt;‹a›&lt;/b&gt;"} {
		require.Contains(t, a.text, want)
	}
	require.Contains(t, b.rules.params, "n")
	try("")
	require.Empty(t, b.rules.params)
	for params, says := range map[string]string{
		"{\r\n  \"a\": }": "line 2, column 8", "{": "line 1, column 2", "[]": "must be an object", `"x"`: "must be an object", "{} x": "line 1, column 4",
		`{"a":1,"a":2}`: "duplicate", `{},"x":{}`: "line 1", `{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`: "nested",
	} {
		text := try(params).text
		require.Contains(t, text, says, params)
		require.Regexp(t, "<strong>(Sample )?params", text, params)
	}
	b.rules.err = refusal.New(refusal.InvalidTemplate, "body", "line 3, column 5: no")
	text := try("{}").text
	require.Contains(t, text, `data-field="body" data-line="3" data-column="5"`)
	require.Contains(t, text, "line 3, column 5: no")
}

// What a role lacks in the API it lacks on the pages.
func TestConsoleTemplateRoles(t *testing.T) {
	b := start(t)
	save := url.Values{"name": {"mine"}, "channel": {"email"}, "body": {"x"}}
	require.Equal(t, 303, b.browse(t, http.MethodPost, "/console/template/save", save, b.signIn(t, "console")).status)
	save.Set("version", "1")
	test := url.Values{"type": {"email"}, "to": {"a@example.com"}, "params": {"{}"}}
	for _, want := range []struct {
		app                      string
		page, save, remove, test int
	}{
		{"sender", 403, 403, 403, 403},
		{"editor", 200, 403, 403, 403},
		{"root", 200, 303, 303, 404}, // it has just removed it
	} {
		app := want.app
		cookies := b.signIn(t, app)
		post := func(path string, form url.Values) int {
			return b.browse(t, http.MethodPost, "/console/"+path, form, cookies).status
		}
		require.Equal(t, want.page, b.browse(t, http.MethodGet, "/console/templates/mine", nil, cookies).status, app)
		require.Equal(t, want.save, post("template/save", save), app)
		require.Equal(t, want.remove, post("templates/mine/delete", url.Values{}), app)
		require.Equal(t, want.test, post("templates/mine/test", test), app)
	}
	require.Empty(t, b.accepter.requests)
	cookies := b.signIn(t, "console")
	a := b.browse(t, http.MethodGet, "/console/templates/mine", nil, cookies)
	require.Equal(t, "/console/templates/mine/versions", a.header.Get("Location"), "a deleted one leads to its versions")
	require.Equal(t, 303, b.browse(t, http.MethodPost, "/console/templates/mine/restore", url.Values{"version": {"1"}}, cookies).status)
	require.Equal(t, 303, b.browse(t, http.MethodPost, "/console/templates/mine/test", test, cookies).status)
	require.True(t, b.accepter.requests[0].Test)
	require.Equal(t, "a@example.com", b.accepter.requests[0].Recipients[0].Value)
	a = b.browse(t, http.MethodPost, "/console/templates/mine/test", url.Values{"params": {"{}"}}, cookies, "HX-Request", "true")
	require.Equal(t, 200, a.status)
	require.Contains(t, a.text, `class="alert"`)
	for _, path := range []string{"/console/templates/none", "/console/templates/none/versions", "/console/templates/mine/versions?from=1&to=99999999999999999999"} {
		require.Equal(t, 404, b.browse(t, http.MethodGet, path, nil, cookies).status, path)
	}
}

// A mail that is tried is a document that can do nothing, wherever it comes from.
func TestConsoleMailIsHarmless(t *testing.T) {
	b := start(t)
	a := b.browse(t, http.MethodPost, "/console/template/mail", url.Values{"body": {"<script>alert(1)</script>"}}, b.signIn(t, "editor"))
	require.Equal(t, 200, a.status)
	require.Contains(t, a.header.Get("Content-Security-Policy"), "default-src 'none'")
	require.Contains(t, a.header.Get("Content-Security-Policy"), "sandbox;")
	a = b.browse(t, http.MethodPost, "/console/template/mail", url.Values{"body": {"x"}}, b.signIn(t, "editor"), "Sec-Fetch-Site", "cross-site")
	require.Equal(t, 403, a.status)
}

// The editor has the fields of each language. One is added by its name, and one that is left
// empty is not saved.
func TestConsoleEditsTexts(t *testing.T) {
	b := start(t)
	cookies := b.signIn(t, "console")
	form := url.Values{
		"name": {"debt"}, "channel": {"email"}, "subject": {"欠费"}, "body": {"欠 {{ .amount }}"}, "locale": {"zh"},
		"texts.en.subject": {"Debt"}, "texts.en.body": {"You owe\r\n{{ .amount }}"}, "texts.ja.subject": {""}, "texts.ja.body": {""},
	}
	form.Set("addLocale", "de")
	a := b.browse(t, http.MethodPost, "/console/template/text", form, cookies)
	require.Equal(t, 200, a.status)
	for _, want := range []string{`name="texts.de.body"`, `name="texts.en.body"`, "You owe\n{{ .amount }}</textarea>", "Text in de", "data-changed"} {
		require.Contains(t, a.text, want)
	}
	require.NotContains(t, a.text, "texts.ja.")
	require.Empty(t, b.store.templates)

	require.Equal(t, 303, b.browse(t, http.MethodPost, "/console/template/save", form, cookies).status)
	saved := b.store.templates["debt"]
	require.Equal(t, "zh", saved.Locale)
	require.Equal(t, store.Texts{"en": {Subject: "Debt", Body: "You owe\n{{ .amount }}"}}, saved.Texts)
	a = b.browse(t, http.MethodGet, "/console/templates/debt", nil, cookies)
	require.Contains(t, a.text, `<select id="testLocale" name="locale"><option>zh</option><option>en</option>`)

	b.rules.preview = rendering.Preview{Locale: "zh", MsgType: "text", Body: "欠 5", Texts: map[string]rendering.Preview{
		"en": {Locale: "en", MsgType: "text", Body: "You owe ‹amount›", Missing: []string{"amount"}},
	}}
	a = b.browse(t, http.MethodPost, "/console/template/try", form, cookies)
	for _, want := range []string{"Text in zh", "欠 5", "Text in en", "You owe ‹amount›", "Missing"} {
		require.Contains(t, a.text, want)
	}
	b.rules.err = refusal.New(refusal.InvalidTemplate, "texts.en.body", "line 3, column 5: no")
	require.Contains(t, b.browse(t, http.MethodPost, "/console/template/try", form, cookies).text, `data-field="texts.en.body" data-line="3"`)

	test := url.Values{"type": {"email"}, "to": {"a@example.com"}, "params": {"{}"}, "locale": {"en"}}
	require.Equal(t, 303, b.browse(t, http.MethodPost, "/console/templates/debt/test", test, cookies).status)
	require.Equal(t, "en", b.accepter.requests[0].Locale)
}
