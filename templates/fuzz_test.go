package templates

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var formats = []Format{Text, Line, JSON, HTML}

func FuzzParse(f *testing.F) {
	f.Add("{{ .a }}")
	f.Add("{{if .a}}{{else if index . \"b\"}}{{end}}")
	f.Add("{{define \"x\"}}{{template \"x\" .}}{{end}}{{range $i, $v := .l}}{{break}}{{end}}")
	f.Add("{{(print 1 .a | printf \"%d\").b.c}}")
	f.Add("<a href='/?q={{.q}}' {{range .l}}title={{.}}{{end}}><!-- {{.c}} --><script>var x = {{.x}}</script>")
	f.Fuzz(func(t *testing.T, source string) {
		_, err := json.Marshal(Sample(source))
		require.NoError(t, err)
		for _, format := range formats {
			if _, err := Parse(format, source, nil); err != nil {
				requireSyntaxError(t, source, err)
			}
		}
	})
}

func requireSyntaxError(t *testing.T, source string, err error) {
	var syntax *SyntaxError
	require.ErrorAs(t, err, &syntax)
	require.GreaterOrEqual(t, syntax.Line, 1)
	require.LessOrEqual(t, syntax.Line, 1+strings.Count(source, "\n"))
	require.NotEmpty(t, syntax.Message)
}

func FuzzRender(f *testing.F) {
	f.Add(`{{.a}} {{index .l 0}} {{json .}}`, `{"a":1.5,"l":["x"]}`)
	f.Add(`["{{.a}}",{{.a}},{{json .l}}]`, `{"a":"\"\\","l":[null]}`)
	f.Add(`{{range $k, $v := .}}{{$k | printf "%-9s"}}{{slice (print $v) 1}}{{end}}`, `{"a":{"b":[1]},"c":"警"}`)
	f.Add(`<a href="{{.u}}?q={{urlquery .u}}">{{.u}}</a>`, `{"u":"javascript:<b>&\""}`)
	f.Add(`{{if and (lt .a 2) (eq .b "x")}}{{urlquery .b | default .a}}{{end}}`, `{"a":1,"b":"x"}`)
	f.Fuzz(func(t *testing.T, source, params string) {
		var decoded map[string]any
		d := json.NewDecoder(strings.NewReader(params))
		d.UseNumber()
		if d.Decode(&decoded) != nil {
			return
		}
		for _, format := range formats {
			template, err := Parse(format, source, nil)
			if err != nil {
				requireSyntaxError(t, source, err)
				continue
			}
			got, err := template.Render(decoded, nil)
			if err != nil {
				requireRenderError(t, source, err)
				require.Empty(t, got)
				continue
			}
			require.LessOrEqual(t, len(got), MaxOutput)
			if format == JSON {
				require.True(t, json.Valid([]byte(got)))
			}
			for _, leak := range []string{"<no value>", "<nil>", "%!"} {
				if !strings.Contains(source+params, leak[:2]) {
					require.NotContains(t, got, leak)
				}
			}
		}
	})
}

func requireRenderError(t *testing.T, source string, err error) {
	var missing *MissingParamError
	var limit *LimitError
	var exec *ExecError
	switch {
	case errors.As(err, &missing), errors.As(err, &limit), errors.Is(err, ErrInvalidJSON), errors.Is(err, ErrUnsafeHTML), errors.Is(err, ErrLineBreak):
	case errors.As(err, &exec):
		require.GreaterOrEqual(t, exec.Line, 1)
		require.LessOrEqual(t, exec.Line, 1+strings.Count(source, "\n"))
		require.GreaterOrEqual(t, exec.Column, 1)
		require.NotEmpty(t, exec.Message)
	default:
		require.NoError(t, err, "the error has an unknown type")
	}
}

// FuzzJSONShape puts a value between three texts: the value does not change the shape.
func FuzzJSONShape(f *testing.F) {
	f.Add(`{"a":"`, `","b":`, `}`, `","c":"`)
	f.Add(`["\\`, `",`, `]`, `\`)
	f.Add(`["\u00`, `2",`, `]`, `2`)
	f.Add(`{"`, `":"x"}`, ``, `"`)
	f.Fuzz(func(t *testing.T, before, between, after, v string) {
		if strings.Contains(before+"|"+between+"|"+after, "{{") {
			return // the source itself may depend on the value
		}
		source := before + "{{.v}}" + between + "{{json .v}}" + after
		template, err := Parse(JSON, source, nil)
		if err != nil {
			requireSyntaxError(t, source, err)
			return
		}
		harmless, err := template.Render(map[string]any{"v": "harmless"}, nil)
		if err != nil {
			return
		}
		got, err := template.Render(map[string]any{"v": v}, nil)
		if err != nil {
			require.ErrorAs(t, err, new(*LimitError), "when one value renders, every value does")
			return
		}
		require.Equal(t, shapeOf(t, harmless), shapeOf(t, got))
	})
}

// wellNamed matches what elementsOf returns for a tag with plain names.
var wellNamed = regexp.MustCompile(`^\w+( [a-z][a-z0-9-]*)*$`)

// FuzzHTMLShape puts a value between three texts: the value adds no element and no
// attribute.
func FuzzHTMLShape(f *testing.F) {
	f.Add(`<a href="`, `" title='`, `'>x</a>`, `" onclick="x`)
	f.Add(`<p>`, `<p class=`, `>`, `<script>`)
	f.Add(`<style>p{color:`, `}</style><script>var x = "`, `"</script>`, `</style></script>"`)
	f.Fuzz(func(t *testing.T, before, between, after, v string) {
		if strings.Contains(before+"|"+between+"|"+after, "{{") {
			return // the source itself may depend on the value
		}
		source := before + "{{.v}}" + between + "{{urlquery .v}}" + after
		template, err := Parse(HTML, source, nil)
		if err != nil {
			requireSyntaxError(t, source, err)
			return
		}
		harmless, err := template.Render(map[string]any{"v": "harmless"}, nil)
		if err != nil {
			return
		}
		elements := elementsOf(harmless)
		for _, e := range elements {
			if !wellNamed.MatchString(e) {
				return // browsers and html/template disagree on where a malformed name ends
			}
		}
		got, err := template.Render(map[string]any{"v": v}, nil)
		if err != nil {
			requireRenderError(t, source, err)
			return
		}
		require.Equal(t, elements, elementsOf(got))
	})
}
