package templates

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPreview(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		format         Format
		source, params string
		want           string
		missing        []string
	}{
		"nothing is missing":      {Text, "{{.a}} {{.b.c}}", `{"a":1,"b":{"c":2}}`, "1 2", nil},
		"all at once":             {Text, "{{.a}} {{.b.c}} {{.b.d}} {{.a}}", `{"b":{"c":1}}`, "‹a› 1 ‹b.d› ‹a›", []string{"a", "b.d"}},
		"an object":               {Text, "{{.user.name}} {{.user.mail}}", `{}`, "‹user.name› ‹user.mail›", []string{"user"}},
		"in a list":               {Text, "{{range .l}}{{.n}},{{end}}", `{"l":[{"n":1},{},{}]}`, "1,‹n›,‹n›,", []string{"n"}},
		"in a condition":          {Text, "{{if .a}}y{{else}}{{.b}}{{end}}", `{}`, "‹b›", []string{"a", "b"}},
		"a list":                  {Text, "{{range .l}}x{{else}}none{{end}} {{.a}}", `{}`, "none ‹a›", []string{"l", "a"}},
		"null":                    {Text, "{{.a}} {{.ab}}", `{"a":null,"ab":null}`, "‹a› ‹ab›", []string{"a", "ab"}},
		"optional":                {Text, `{{index . "a" | default "x"}}`, `{}`, "x", nil},
		"default needs it too":    {Text, `{{.a | default "x"}}`, `{}`, "x", []string{"a"}},
		"part of a missing param": {Text, `{{index .a "x"}}`, `{}`, "‹index .a \"x\"›", []string{"a"}},
		"a text that needs it":    {Text, "{{.a}} {{if gt .n 5}}x{{end}} {{.b}}", `{}`, "", []string{"a", "n"}},
		"in a string of JSON":     {JSON, `{"t":"{{.a}}"}`, `{}`, `{"t":"‹a›"}`, []string{"a"}},
		"as a value of JSON":      {JSON, `{"t":{{.a}}}`, `{}`, `{"t":"‹a›"}`, []string{"a"}},
		"in HTML":                 {HTML, `<p title="{{.a}}">{{.b}}</p>`, `{}`, `<p title="‹a›">‹b›</p>`, []string{"a", "b"}},
		"in a line":               {Line, `{{.a}}!`, `{}`, `‹a›!`, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			template, err := Parse(c.format, c.source, nil)
			require.NoError(t, err)
			params := decode(t, c.params)
			got, missing, err := template.Preview(params, nil)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.missing, missing)
			_, err = template.Render(params, nil)
			if len(missing) == 0 {
				require.NoError(t, err)
				return
			}
			var first *MissingParamError
			require.ErrorAs(t, err, &first)
			require.Equal(t, missing[0], first.Param, "Render stops at the first one")
		})
	}
	template, err := Parse(JSON, `{{.a}},`, nil)
	require.NoError(t, err)
	_, missing, err := template.Preview(map[string]any{"a": 1.0}, nil)
	require.ErrorIs(t, err, ErrInvalidJSON, "an error is returned when no param is missing")
	require.Empty(t, missing)
}

func TestNames(t *testing.T) {
	t.Parallel()
	template, err := Parse(Text, `{{.a.sub}}{{$.b}}{{index . "c"}}{{if false}}{{.d}}{{end}}{{with .e}}{{$x := .f}}{{$x.g}}{{end}}{{(index . "h").i}}{{define "x"}}{{.j}}{{end}}`, nil)
	require.NoError(t, err)
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		require.True(t, template.Names(name), name)
	}
	for _, name := range []string{"sub", "x", "k", ""} {
		require.False(t, template.Names(name), name)
	}
}
