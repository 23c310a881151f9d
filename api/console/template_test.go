package console

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

// noTemplates is an API without templates.
type noTemplates struct{}

func (noTemplates) Templates(context.Context, store.TemplateFilter, string, int) ([]store.Template, error) {
	return nil, nil
}
func (noTemplates) Template(context.Context, string) (store.Template, error) {
	return store.Template{}, errNothing
}
func (noTemplates) TemplateVersions(context.Context, string, int, int) ([]store.TemplateVersion, error) {
	return nil, errNothing
}
func (noTemplates) TemplateVersion(context.Context, string, int) (store.TemplateVersion, error) {
	return store.TemplateVersion{}, errNothing
}
func (noTemplates) MayChange(context.Context, string) bool       { return false }
func (noTemplates) TemplateForm(string) rendering.Form           { return rendering.Form{} }
func (noTemplates) DeleteTemplate(context.Context, string) error { return errNothing }
func (noTemplates) TryTemplate(context.Context, store.Template, string) (rendering.Preview, error) {
	return rendering.Preview{}, errNothing
}
func (noTemplates) SaveTemplate(context.Context, store.Template) (int, error) { return 0, errNothing }
func (noTemplates) RestoreTemplate(context.Context, string, int) (int, error) { return 0, errNothing }
func (noTemplates) TestTemplate(context.Context, string, string, string, store.Recipient) (uuid.UUID, error) {
	return uuid.Nil, errNothing
}

func TestSampleOf(t *testing.T) {
	t.Parallel()
	tmpl := store.Template{Subject: "{{ .title }}", Body: "{{ .user.name }} {{ .user.tel }} {{ .n }}"}
	for typed, want := range map[string]string{
		"":                              `{"title":"title","user":{"name":"name","tel":"tel"},"n":"n"}`,
		"{}":                            `{"title":"title","user":{"name":"name","tel":"tel"},"n":"n"}`,
		`{"n":1.50,"user":{"tel":"1"}}`: `{"title":"title","user":{"name":"name","tel":"1"},"n":1.50}`,
		`{"user":"x","more":"<&>"}`:     `{"title":"title","user":"x","n":"n","more":"<&>"}`,
	} {
		got := sampleOf(tmpl, typed)
		require.JSONEq(t, want, got, typed)
		require.NotContains(t, got, `\u003c`)
	}
	require.Contains(t, sampleOf(tmpl, `{"n":1.50}`), "1.50", "as it was typed")
	for _, typed := range []string{"{", "[]", "null", "{} {}", "x"} {
		require.Equal(t, typed, sampleOf(tmpl, typed))
	}
}

func TestFaultHasItsPlace(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]fault{
		"line 3, column 5: unclosed action":                               {At: "params", Line: 3, Column: 5},
		"line 3: unexpected EOF":                                          {At: "params", Line: 3},
		`the body of template "a": line 1, column 2: a number has no len`: {At: "body", Line: 1, Column: 2},
		`the subject of template "": line 1, column 2: x`:                 {At: "subject", Line: 1, Column: 2},
		"is required": {At: "params"},
		`the text in en: the body of template "a": line 1, column 2: x`:                             {At: "texts.en.body", Line: 1, Column: 2},
		`the text in en: template "a" needs the param "x"`:                                          {At: "params"},
		`the body of template "a": a value is not safe where it stands in…`:                         {At: "body"},
		`the body of template "a": the rendered body is not valid JSON: line 1, column 15 of it: x`: {At: "body"},
	} {
		want.Problem = Problem{Field: "params", Message: message}
		require.Equal(t, &want, faultOf(want.Problem))
	}
}

func TestCompared(t *testing.T) {
	t.Parallel()
	from := store.TemplateVersion{Version: 1, Channel: "email", Subject: "a", Body: "1\n2\n3\n4\n5\n6\n7\n8\n9\nold", Private: true}
	to := store.TemplateVersion{Version: 2, Channel: "email", Subject: "b", Body: "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n-- new"}
	c := compared(from, to)
	require.Equal(t, []changedField{{"subject", "a", "b"}, {"private", "✓", ""}}, c.Fields)
	var kinds, changed string
	for _, l := range c.Lines {
		kinds += l.Kind[:2] + " "
		if l.Kind == "gone" || l.Kind == "new" {
			changed += l.Text + "|"
		}
	}
	require.Equal(t, "0|old|-- new|", changed)
	require.Equal(t, "ga ne sa sa sa ga sa sa sa go ne ", kinds)
	to.Locale, to.Texts = "zh", store.Texts{"en": {Subject: "s", Body: "x"}}
	c = compared(from, to)
	require.Contains(t, c.Fields, changedField{"locale", "", "zh"})
	require.Contains(t, c.Fields, changedField{"texts.en.subject", "", "s"})
	require.Equal(t, []changedText{{"en", []diffLine{{"gap", "@@ -0,0 +1 @@"}, {"new", "x"}}}}, c.Texts)
	same := compared(from, from)
	require.Empty(t, same.Fields)
	require.Empty(t, same.Lines)
}
