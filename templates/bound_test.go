package templates

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// bombs are templates that would take a replica down without bounds.
var bombs = []struct{ name, source, limit string }{
	{"long loop", `{{range 1000000000}}{{end}}`, "steps"},
	{"long loop that prints", `{{range 1000000000}}x{{end}}`, "larger than"},
	{"long loop of continue", `{{range 1000000000}}{{continue}}{{end}}`, "steps"},
	{"nested loops", nest("{{range 1000}}", "", 40), "steps"},
	{"deeply nested loops", nest("{{range 1}}", "{{range 1000000000}}{{end}}", 90), "steps"},
	{"loop in a condition", `{{if true}}{{range 1000000000}}{{end}}{{end}}`, "steps"},
	{"loop in an else", `{{range 0}}{{else}}{{range 1000000000}}{{end}}{{end}}`, "steps"},
	{"recursion", `{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`, "deep"},
	{"recursion of the root", `{{template "message" .}}`, "deep"},
	{"mutual recursion",
		`{{define "a"}}{{template "b"}}{{end}}{{define "b"}}{{template "a"}}{{end}}{{template "a"}}`, "deep"},
	{"recursion through loops",
		`{{define "a"}}` + nest("{{range 1}}", `{{template "a"}}`, 90) + `{{end}}{{template "a"}}`, "deep"},
	{"recursion through conditions",
		`{{define "a"}}` + nest("{{if 1}}", `{{template "a"}}`, 90) + `{{end}}{{template "a"}}`, "deep"},
	{"many calls without recursion", `{{define "a"}}{{end}}` + chain("b", "a", 30) + chain("c", "b", 30) + chain("d", "c", 30) +
		chain("e", "d", 30) + `{{template "e"}}`, "steps"},
	{"doubling", "{{$x := `aaaa`}}{{range 100}}{{$x = printf `%s%s` $x $x}}{{end}}", "larger than"},
	{"doubling by print", "{{$x := `aaaa`}}{{range 100}}{{$x = print $x $x}}{{end}}", "larger than"},
	{"tripling by urlquery", "{{$x := `%%%%`}}{{range 100000}}{{$x = urlquery $x}}{{end}}", "functions make"},
	{"doubling by json", "{{$x := `\\\\`}}{{range 100}}{{$x = print (json $x)}}{{end}}", "larger than"},
	{"many values", "{{range 10000}}{{$x := printf `%099d%099d%099d` 1 1 1}}{{end}}", "functions make"},
	{"many verbs",
		"{{$x := printf `" + strings.Repeat("%99d", 1000) + "`" + strings.Repeat(" 1", 1000) + "}}{{$x}}", "larger than"},
}

func nest(open, inner string, n int) string {
	return strings.Repeat(open, n) + inner + strings.Repeat("{{end}}", n)
}

// chain defines a template that calls another n times.
func chain(name, callee string, n int) string {
	return `{{define "` + name + `"}}` + strings.Repeat(`{{template "`+callee+`"}}`, n) + `{{end}}`
}

func TestBombsExceedALimit(t *testing.T) {
	t.Parallel()
	for _, c := range bombs {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			template, err := Parse(Text, c.source, nil)
			require.NoError(t, err)
			r := newRendering(Text, nil)
			err = template.renderError(template.bind(r).Execute(r.output, map[string]any{}))
			var limit *LimitError
			require.ErrorAs(t, err, &limit)
			require.Contains(t, limit.Error(), c.limit)
		})
	}
}

// This test is not parallel, because it measures the whole process.
func TestBombsTakeLittleMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, c := range bombs {
		_, err := render(t, Text, c.source, `{}`)
		require.Error(t, err)
	}
	runtime.ReadMemStats(&after)
	// Sys never shrinks, so this is the peak.
	require.Less(t, after.Sys-before.Sys, uint64(64<<20))
}

func TestHugeParams(t *testing.T) {
	t.Parallel()
	params := map[string]any{"v": strings.Repeat("警", 1<<20), "l": make([]any, 1<<20)}
	for _, source := range []string{
		`{{.v}}`, `{{.l}}`, `{{print .v}}`, `{{printf "%q" .v}}`, `{{json .v}}`, `{{json .l}}`, `{{urlquery .v}}`,
		`{{range .l}}x{{end}}`, `["{{.v}}"]`, `["{{.l}}"]`, `[{{.v}}]`,
	} {
		for _, format := range formats {
			t.Run(string(format)+source, func(t *testing.T) {
				t.Parallel()
				template, err := Parse(format, source, nil)
				require.NoError(t, err)
				_, err = template.Render(params, nil)
				if format == JSON && source == `{{.l}}` {
					require.ErrorAs(t, err, new(*ExecError))
					return
				}
				require.ErrorAs(t, err, new(*LimitError))
			})
		}
	}
	got, err := Parse(Text, `{{len .v}} {{len .l}} {{slice .v 0 2}}`, nil)
	require.NoError(t, err)
	short, err := got.Render(params, nil)
	require.NoError(t, err)
	require.Equal(t, "1048576 1048576 警警", short)
}

func TestOutputLimit(t *testing.T) {
	t.Parallel()
	full := strings.Repeat("x", MaxOutput)
	template, err := Parse(Text, `{{.v}}{{index . "more" | default ""}}`, nil)
	require.NoError(t, err)
	got, err := template.Render(map[string]any{"v": full}, nil)
	require.NoError(t, err)
	require.Equal(t, full, got)
	_, err = template.Render(map[string]any{"v": full, "more": "x"}, nil)
	require.ErrorAs(t, err, new(*LimitError))
}

func TestLargestSourceRenders(t *testing.T) {
	t.Parallel()
	got, err := render(t, Text, strings.Repeat("x", MaxSource), `{}`)
	require.NoError(t, err)
	require.Len(t, got, MaxSource)
}

func TestEverythingIsAStep(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source string
		steps  int
	}{
		{`x`, 1}, // the template itself
		{`{{1}}`, 2},
		{`{{if .v}}{{end}}`, 2},
		{`{{range 5}}{{end}}`, 6},
		{`{{define "t"}}{{end}}{{template "t"}}{{template "t"}}`, 3},
		{`{{$x := default 1 1}}`, 2},
		{`{{$x := eq 1 1}}`, 2},
		{`{{$x := ne 1 1}}`, 2},
		{`{{$x := lt 1 1}}`, 2},
		{`{{$x := le 1 1}}`, 2},
		{`{{$x := gt 1 1}}`, 2},
		{`{{$x := ge 1 1}}`, 2},
		{`{{$x := index nil 1}}`, 2},
		{`{{$x := json 1}}`, 2},
		{`{{$x := len ""}}`, 2},
		{`{{$x := print 1}}`, 2},
		{`{{$x := printf "x"}}`, 2},
		{`{{$x := slice ""}}`, 2},
		{`{{$x := urlquery 1}}`, 2},
	} {
		t.Run(c.source, func(t *testing.T) {
			t.Parallel()
			template, err := Parse(Text, c.source, nil)
			require.NoError(t, err)
			r := newRendering(Text, nil)
			require.NoError(t, template.bind(r).Execute(r.output, map[string]any{"v": "x"}))
			require.Equal(t, c.steps, maxSteps-r.steps)
		})
	}
}
