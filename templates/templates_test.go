package templates

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// decode decodes params as the API does: numbers keep their digits.
func decode(t require.TestingT, params string) map[string]any {
	d := json.NewDecoder(strings.NewReader(params))
	d.UseNumber()
	var decoded map[string]any
	require.NoError(t, d.Decode(&decoded))
	return decoded
}

func render(t require.TestingT, format Format, source, params string) (string, error) {
	template, err := Parse(format, source, nil)
	require.NoError(t, err)
	return template.Render(decode(t, params), nil)
}

func TestRenderText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, source, params, want string }{
		{"plain", "hello", `{}`, "hello"},
		{"empty", "", `{}`, ""},
		{"params", "【{{ .severity }}】{{ .incident }}",
			`{"severity":"P0","incident":"数据库不可用"}`, "【P0】数据库不可用"},
		{"values are not escaped", "{{.v}}", `{"v":"<a href=\"x\">\\&"}`, `<a href="x">\&`},
		{"nested", "{{.user.name}} {{$.user.name}}", `{"user":{"name":"li"}}`, "li li"},
		{"whole number", "{{.n}}", `{"n":1000000}`, "1000000"},
		{"whole number as float", "{{.n}}", `{"n":1e6}`, "1000000"},
		{"fraction", "{{.n}}", `{"n":1234567.5}`, "1234567.5"},
		{"negative", "{{.n}}", `{"n":-0.25}`, "-0.25"},
		{"snowflake id", "{{.n}}", `{"n":9007199254740993}`, "9007199254740993"},
		{"number of many digits", "{{.n}}", `{"n":123456789012345678901234567890}`, "123456789012345678901234567890"},
		{"number beyond float", "{{.n}}", `{"n":1e999}`, "1e999"},
		{"very small", "{{.n}}", `{"n":0.00000012}`, "0.00000012"},
		{"bool", "{{.b}}", `{"b":false}`, "false"},
		{"list", "{{.l}}", `{"l":[1,"a",null,{"k":[]}]}`, `[1,"a",null,{"k":[]}]`},
		{"object", "{{.o}}", `{"o":{"b":2.5,"a":"<x>"}}`, `{"a":"<x>","b":2.5}`},
		{"if", "{{if .a}}y{{else}}n{{end}}", `{"a":0}`, "n"},
		{"else if", "{{if eq .s 1}}a{{else if eq .s 2}}b{{else}}c{{end}}", `{"s":2}`, "b"},
		{"null in a condition", "{{if .a}}y{{else}}n{{end}}", `{"a":null}`, "n"},
		{"with", "{{with .a}}{{.}}{{end}}", `{"a":"x"}`, "x"},
		{"range list", "{{range $i, $v := .l}}{{$i}}={{$v.n}};{{end}}", `{"l":[{"n":"a"},{"n":"b"}]}`, "0=a;1=b;"},
		{"range object", "{{range $k, $v := .o}}{{$k}}={{$v}};{{end}}", `{"o":{"b":1,"a":2}}`, "a=2;b=1;"},
		{"range number", "{{range .n}}{{.}}{{end}}", `{"n":3.0}`, "012"},
		{"range nothing", "{{range .l}}x{{else}}none{{end}}", `{"l":[]}`, "none"},
		{"range null", "{{range .l}}x{{else}}none{{end}}", `{"l":null}`, "none"},
		{"break and continue", "{{range .l}}{{if eq . 2}}{{continue}}{{end}}{{if eq . 4}}{{break}}{{end}}{{.}}{{end}}",
			`{"l":[1,2,3,4,5]}`, "13"},
		{"variables", `{{$n := 0}}{{range .l}}{{$n = .}}{{end}}{{$n}}`, `{"l":[1,2]}`, "2"},
		{"define", `{{define "x"}}<{{.}}>{{end}}{{template "x" .a}}{{template "x" .b}}`, `{"a":1,"b":2}`, "<1><2>"},
		{"block", `{{block "x" .a}}<{{.}}>{{end}}`, `{"a":1}`, "<1>"},
		{"recursion that ends", `{{define "x"}}{{.v}}{{with index . "next"}}{{template "x" .}}{{end}}{{end}}{{template "x" .}}`,
			`{"v":1,"next":{"v":2,"next":{"v":3}}}`, "123"},
		{"field of an expression", `{{(index . "a-b").c}}`, `{"a-b":{"c":1}}`, "1"},
		{"optional absent", `a{{with index . "x"}} {{.}}{{end}}`, `{}`, "a"},
		{"optional present", `a{{with index . "x"}} {{.}}{{end}}`, `{"x":"b"}`, "a b"},
		{"comment and trim", "a {{- /* c */ -}} b", `{}`, "ab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := render(t, Text, c.source, c.params)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	got, err := render(t, Line, "【{{.a}}】{{/* one\nline */ -}}\n {{.b}}", `{"a":"警报","b":"<&>"}`)
	require.NoError(t, err)
	require.Equal(t, "【警报】<&>", got)
	for _, v := range []string{"a\nb", "a\r", "\x00", "\u0085", "a\tb"} {
		template, err := Parse(Line, "x {{.v}}", nil)
		require.NoError(t, err)
		got, err := template.Render(map[string]any{"v": v}, nil)
		require.ErrorIs(t, err, ErrLineBreak)
		require.Empty(t, got)
	}
	_, err = render(t, Line, "x\n", `{}`)
	require.ErrorIs(t, err, ErrLineBreak)
}

func TestFloat64ParamsPrintTheirDigits(t *testing.T) {
	t.Parallel()
	template, err := Parse(Text, "{{.a}} {{.b}} {{range .a}}{{.}}{{end}}", nil)
	require.NoError(t, err)
	got, err := template.Render(map[string]any{"a": 3.0, "b": 1234567.5}, nil)
	require.NoError(t, err)
	require.Equal(t, "3 1234567.5 012", got)
}

func TestMissingParamIsNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ source, params, want string }{
		{"{{.missing}}", `{}`, "missing"},
		{"{{.missing}}", `{"missing":null}`, "missing"},
		{"{{$.missing}}", `{}`, "missing"},
		{"{{$.missing}}", `{"missing":null}`, "missing"},
		{"{{.user.name}}", `{}`, "user"},
		{"{{.user.name}}", `{"user":null}`, "user.name"},
		{"{{.user.name}}", `{"user":{}}`, "user.name"},
		{"{{.user.name}}", `{"user":{"name":null}}`, "user.name"},
		{"{{if .missing}}{{end}}", `{}`, "missing"},
		{"{{if and true .missing}}{{end}}", `{}`, "missing"},
		{"{{with .missing}}{{end}}", `{}`, "missing"},
		{"{{range .missing}}{{end}}", `{}`, "missing"},
		{"{{len .missing}}", `{}`, "missing"},
		{`{{.missing | default "x"}}`, `{}`, "missing"},
		{`{{define "t"}}{{.name}}{{end}}{{template "t" .}}`, `{}`, "name"},
		{`{{template "t" .missing}}{{define "t"}}{{end}}`, `{}`, "missing"},
		{"{{range $u := .l}}{{$u.name}}{{end}}", `{"l":[{}]}`, "$u.name"},
		{"{{range .l}}{{.}}{{end}}", `{"l":[null]}`, "."},
		{`{{index . "a-b"}}`, `{}`, "a-b"},
		{`{{index $ "a-b" "c"}}`, `{"a-b":{}}`, "a-b.c"},
		{`{{(index . "a-b").c}}`, `{"a-b":{}}`, "a-b.c"},
	} {
		for _, format := range formats {
			t.Run(fmt.Sprint(format, c.source, c.params), func(t *testing.T) {
				t.Parallel()
				got, err := render(t, format, c.source, c.params)
				require.Empty(t, got)
				var missing *MissingParamError
				require.ErrorAs(t, err, &missing)
				require.Equal(t, c.want, missing.Param)
				require.Contains(t, missing.Error(), "is missing")
			})
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, source string
		line, column int
		message      string
	}{
		{"open action", "a\nb {{ .x", 2, 0, "unclosed action"},
		{"open action over lines", "{{ .x\n\n", 3, 0, "unclosed action started at line 1"},
		{"no end", "\n\n{{if .x}}", 3, 0, "unexpected EOF"},
		{"unknown function", "{{ upper .x }}", 1, 0, `function "upper" not defined`},
		{"no call", "{{ call .x }}", 1, 0, `function "call" not defined`},
		{"no html", "{{ html .x }}", 1, 0, `function "html" not defined`},
		{"internal function", "{{ _print `x` .x }}", 1, 0, `function "_print" not defined`},
		{"undefined variable", "{{ $x }}", 1, 0, `undefined variable "$x"`},
		{"undefined template", "ab\n警告 {{template \"x\"}}", 2, 15, `template "x" is not defined`},
		{"defined twice", `{{define "a"}}1{{end}}{{define "a"}}2{{end}}`, 1, 0, "multiple definition"},
		{"arguments for a field", "警 {{ .x 1 }}", 1, 6, ".x is not a function: it takes no arguments"},
		{"pipe into a field", "{{ 1 | .x }}", 1, 8, ".x is not a function: it takes no arguments"},
		{"nil", "{{nil}}", 1, 3, "nil is not a command"},
		{"complex number", "{{print 1i}}", 1, 9, "complex numbers are not supported"},
		{"break outside a loop", "{{break}}", 1, 0, "outside {{range}}"},
		{"too large", strings.Repeat("\n", 9) + strings.Repeat("x", MaxSource), 10, 0, "larger than 65536 bytes"},
		{"deep parentheses", "{{" + strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200) + "}}", 1, 102, "more than 100"},
		{"parentheses without end", "{{" + strings.Repeat("(", MaxSource-2), 1, 0, "max expression depth exceeded"},
		{"deep conditions", strings.Repeat("{{if 1}}", 4000) + strings.Repeat("{{end}}", 4000), 1, 0, "more than 100"},
		{"deep blocks", nested(`{{block "%d" .}}`, 2000), 1, 0, ""},
		{"field of nil", "{{nil.x}}", 1, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(Text, c.source, nil)
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.Contains(t, syntax.Message, c.message)
			require.Equal(t, c.line, syntax.Line)
			if c.column > 0 {
				require.Equal(t, c.column, syntax.Column)
			}
			require.NotContains(t, syntax.Message, rootName)
			require.True(t, strings.HasPrefix(syntax.Error(), fmt.Sprintf("line %d", c.line)), syntax.Error())
		})
	}
}

// nested opens an action n times and never closes it.
func nested(open string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, open, i)
	}
	return b.String()
}

func TestExecErrorsHaveAPlaceAndShowNoValues(t *testing.T) {
	t.Parallel()
	const params = `{"s":"canary","n":1,"f":1.5,"l":["canary"],"o":{"canary":1},"b":true}`
	for _, c := range []struct {
		source       string
		line, column int
		message      string
	}{
		{"{{.s.x}}", 1, 5, "s.x: a string has no fields"},
		{"警告\n警告 {{index .l 5}}", 2, 6, "index: 5 is out of range for a list of 1"},
		{"{{index .l `x`}}", 1, 3, "index: a position in a list is a whole number"},
		{"{{index .o 1}}", 1, 3, "index: an object has no element at a number"},
		{"{{index .s 0}}", 1, 3, "index: a string has no elements"},
		{"{{if lt .s 1}}{{end}}", 1, 6, "cannot compare a string with a number"},
		{"{{if eq .l .l}}{{end}}", 1, 6, "cannot compare a list with a list"},
		{"{{if eq .b 1}}{{end}}", 1, 6, "cannot compare a boolean with a number"},
		{"{{if eq .b}}{{end}}", 1, 6, "eq: nothing to compare with"},
		{"{{if lt .n}}{{end}}", 1, 6, "wrong number of args for lt: want 2 got 1"},
		{"{{len .n}}", 1, 3, "len: a number has no length"},
		{"{{len nil}}", 1, 3, "len: null has no length"},
		{"{{slice .n}}", 1, 3, "len: a number has no length"},
		{"{{slice .o 0}}", 1, 3, "slice: cannot take a part of an object"},
		{"{{slice .s 0 1 2}}", 1, 3, "slice: at most two bounds"},
		{"{{slice .s -1}}", 1, 3, "slice: at most two bounds"},
		{"{{slice .s 3 1}}", 1, 3, "slice: 3 is after 1"},
		{"{{range .s}}{{end}}", 1, 9, "range: cannot loop over a string"},
		{"{{range .f}}{{end}}", 1, 9, "range: cannot loop over a number"},
		{"{{range $a, $b := 3}}{{end}}", 1, 9, "can't use 3 to iterate over more than one variable"},
		{"{{print nil}}", 1, 3, "the value is null or missing"},
		{"{{urlquery nil}}", 1, 3, "the value is null or missing"},
		{"{{printf .n}}", 1, 3, "printf: the format is a number"},
		{"{{printf `%d` .s}}", 1, 3, "printf: %d takes a whole number, not a string"},
		{"{{printf `%d` .f}}", 1, 3, "printf: %d takes a whole number, not a number"},
		{"{{printf `%.2f` .s}}", 1, 3, "printf: %.2f takes a number, not a string"},
		{"{{printf `%s`}}", 1, 3, "printf: more verbs than arguments"},
		{"{{printf `x` .s}}", 1, 3, "printf: more arguments than verbs"},
		{"{{printf `%s` nil}}", 1, 3, "the value is null or missing"},
		{"{{printf `%1000000000d` .n}}", 1, 3, "at most two digits"},
		{"{{printf `%*d` 9 .n}}", 1, 3, "printf: a % must begin"},
		{"{{printf `%T` .n}}", 1, 3, "printf: a % must begin"},
		{"{{printf `100%` }}", 1, 3, "printf: a % must begin"},
		{"{{print 18446744073709551615}}", 1, 9, "overflows int"},
	} {
		t.Run(c.source, func(t *testing.T) {
			t.Parallel()
			_, err := render(t, Text, c.source, params)
			var exec *ExecError
			require.ErrorAs(t, err, &exec)
			require.Contains(t, exec.Message, c.message)
			require.Equal(t, []int{c.line, c.column}, []int{exec.Line, exec.Column})
			require.NotContains(t, exec.Error(), "canary")
			require.NotContains(t, exec.Error(), "_")
		})
	}
}

func TestParamsMustBeJSONValues(t *testing.T) {
	t.Parallel()
	template, err := Parse(Text, "{{range .a}}{{.b}}{{end}}", nil)
	require.NoError(t, err)
	for _, v := range []any{struct{}{}, func() {}, make(chan int), []string{"canary"}} {
		_, err = template.Render(map[string]any{"a": []any{map[string]any{"b": v}}}, nil)
		require.ErrorContains(t, err, "not a JSON value")
		require.NotContains(t, err.Error(), "canary")
	}
}

func TestParseRefusesAnUnknownFormat(t *testing.T) {
	t.Parallel()
	_, err := Parse("yaml", "x", nil)
	require.ErrorContains(t, err, `"yaml"`)
}

func TestTemplateIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	template, err := Parse(JSON, `{{define "x"}}"{{.v}}"{{end}}[{{range .l}}{{template "x" .}},{{end}}"{{.id}}"]`, nil)
	require.NoError(t, err)
	var wg sync.WaitGroup
	results := make([]string, 50)
	errs := make([]error, len(results))
	for i := range results {
		wg.Go(func() {
			list := []any{map[string]any{"v": fmt.Sprint("a", i)}, map[string]any{"v": fmt.Sprint("b", i)}}
			results[i], errs[i] = template.Render(map[string]any{"id": fmt.Sprint(i), "l": list}, nil)
		})
	}
	wg.Wait()
	for i, result := range results {
		require.NoError(t, errs[i])
		require.JSONEq(t, fmt.Sprintf(`["a%d","b%d","%d"]`, i, i, i), result)
	}
}

func BenchmarkRenderText(b *testing.B) {
	benchmark(b, Text, "【{{ .severity }}】{{ .incident }}\n影响用户:{{ .name }}")
}

func BenchmarkRenderJSON(b *testing.B) {
	benchmark(b, JSON, `{"header":{"title":{"tag":"plain_text","content":"{{ .severity }}"}},`+
		`"elements":[{"tag":"markdown","content":"**{{ .incident }}** {{ .name }}"}]}`)
}

func BenchmarkRenderHTML(b *testing.B) {
	benchmark(b, HTML, `<h1 style="color: red">{{ .severity }}</h1><p title="{{ .name }}">{{ .incident }}</p>`+
		`<a href="https://example.com/?q={{ .incident }}">{{ .name }}</a>`)
}

func benchmark(b *testing.B, format Format, source string) {
	template, err := Parse(format, source, nil)
	require.NoError(b, err)
	params := decode(b, `{"severity":"P0","incident":"DB 主节点不可用","name":"li"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := template.Render(params, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// Renderings that reuse an instance, or run at the same time, do not affect each other.
func TestRenderRepeatedly(t *testing.T) {
	t.Parallel()
	const source = `{"to": "{{.who}}", "steps": "{{range 3000}}{{end}}"}`
	for _, format := range formats {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			template, err := Parse(format, source, nil)
			require.NoError(t, err)
			var wg sync.WaitGroup
			for caller := range 4 {
				wg.Go(func() {
					for i := range 40 { // together more steps than maxSteps
						who := fmt.Sprintf("caller %d, %d", caller, i)
						got, err := template.Render(map[string]any{"who": who}, nil)
						assert.NoError(t, err)
						assert.Equal(t, `{"to": "`+who+`", "steps": ""}`, got)
						_, err = template.Render(map[string]any{}, nil)
						assert.ErrorAs(t, err, new(*MissingParamError))
					}
				})
			}
			wg.Wait()
		})
	}
}
