package templates

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A body is refused when no params could make it valid, and only then.
func TestCheckBody(t *testing.T) {
	t.Parallel()
	odd := errors.New("odd")
	onlyValid := func(body string) error {
		if strings.Contains(body, "odd") {
			return odd
		}
		return nil
	}
	many := strings.Repeat(`{{if .a}},{{end}}`, 9)
	for source, want := range map[string]error{
		`{"a": "{{.x}}", "b": {{.y}}, "c": {{json .z}}}`:                              nil,
		`{"a": [{{range .l}}{"b": "{{.c}}"},{{end}} 1]}`:                              nil,
		`[{{range $i, $f := .l}}{{if $i}},{{end}}{"a": {{$f}}}{{end}}]`:               nil,
		`[{{range .l}}{{.}}{{break}},{{end}}]`:                                        nil,
		`[{{range .l}}1{{continue}}{{else}}2,3{{end}}]`:                               nil,
		`{{if .card}}{"a": 1}{{end}}`:                                                 nil,
		`{{if eq .k "a"}}{"a": 1}{{end}}{{if eq .k "b"}}{"b": 1}{{end}}`:              nil,
		`[1, {{if eq .k "a"}}2{{else if eq .k "b"}}3{{end}}]`:                         nil,
		`[1, {{if eq .k "a"}}2{{end}}{{if eq .k "b"}}3{{end}}]`:                       nil,
		`{{with .x}}{"odd": {{.}}}{{else}}{}{{end}}`:                                  nil,
		`{{define "e"}}{"e": {{.}}}{{end}}[{{template "e" .a}}, {{template "e" .b}}]`: nil,
		`{{$x := .a}}{"a": {{$x}}}`:                                                   nil,
		`[` + many:                                                                    nil, // too many to try

		`{"a": "{{.x}}",}`:                      ErrInvalidJSON,
		`{"a": {{.x}}`:                          ErrInvalidJSON,
		`{"a": [{{range .l}}{"b": 1}{{end}}}`:   ErrInvalidJSON,
		`{{if .a}}{{else}}[{{end}}`:             ErrInvalidJSON,
		`[{{if .a}}1{{else}}2{{end}} 3]`:        ErrInvalidJSON,
		`just {{.x}}`:                           ErrInvalidJSON,
		`{"odd": {{.x}}}`:                       odd,
		`{"odd": [{{if .a}}1{{else}}2{{end}}]}`: odd,
		`{{define "e"}}{"e": {{template "e"}}}{{end}}{{template "e"}}`: new(LimitError),
	} {
		parsed, err := Parse(JSON, source, nil)
		require.NoError(t, err, source)
		err = parsed.CheckBody("‹›", onlyValid)
		if limit := (*LimitError)(nil); errors.As(want, &limit) {
			require.ErrorAs(t, err, &limit, source)
		} else {
			require.ErrorIs(t, err, want, source)
		}
	}
}

func TestCheckBodyShowsPlaceholders(t *testing.T) {
	t.Parallel()
	parsed, err := Parse(JSON, `{"a": "{{.x}} {{.y.z}}", "b": {{.n}}{{$v := .q}}{{/* no */}}}`, nil)
	require.NoError(t, err)
	require.NoError(t, parsed.CheckBody("‹›", func(body string) error {
		require.Equal(t, `{"a": "‹› ‹›", "b": "‹›"}`, body)
		return nil
	}))
}

// The check of the worst templates ends soon.
func TestCheckBodyIsBounded(t *testing.T) {
	t.Parallel()
	var calls strings.Builder
	for i := range 9 {
		calls.WriteString(`{{define "` + string(rune('a'+i)) + `"}}` + strings.Repeat(`{{template "`+string(rune('b'+i))+`"}}`, 40) + `{{end}}`)
	}
	for _, source := range []string{
		calls.String() + `{{define "j"}}{{end}}{{template "a"}}`,
		strings.Repeat(`{{if .a}}`, 90) + strings.Repeat(`{{end}}`, 90),
		strings.Repeat(`{{if .a}}x{{end}}`, 3000),
	} {
		parsed, err := Parse(JSON, source, nil)
		require.NoError(t, err)
		_ = parsed.CheckBody("‹›", func(string) error { return nil })
	}
}
