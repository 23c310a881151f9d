package templates

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
	"pgregory.net/rapid"
)

func TestRenderHTML(t *testing.T) {
	t.Parallel()
	const params = `{"v":"<b>\"'&警","n":1000000,"o":{"k":"<"},"l":["<i>",2],"u":"https://x/?a=1&b=2","m":"mailto:a@b.c",
		"e":"","c":"red","q":"a b&c=%警"}`
	for _, c := range []struct{ name, source, want string }{
		{"text", `<p>{{.v}}</p>`, `<p>&lt;b&gt;&#34;&#39;&amp;警</p>`},
		{"numbers and lists print as in text", `{{.n}} {{.o}} {{json .l}}`,
			`1000000 {&#34;k&#34;:&#34;&lt;&#34;} [&#34;&lt;i&gt;&#34;,2]`},
		{"attribute", `<p title="{{.v}}">`, `<p title="&lt;b&gt;&#34;&#39;&amp;警">`},
		{"attribute without quotes", `<p title={{.v}}>`, `<p title=&lt;b&gt;&#34;&#39;&amp;警>`},
		{"link", `<a href="{{.u}}">`, `<a href="https://x/?a=1&amp;b=2">`},
		{"mail link", `<a href="{{.m}}">`, `<a href="mailto:a@b.c">`},
		{"query", `<a href="/?q={{.q}}">`, `<a href="/?q=a%20b%26c%3d%25%e8%ad%a6">`},
		{"query by urlquery", `<a href="/?q={{urlquery .q}}">`, `<a href="/?q=a&#43;b%26c%3D%25%E8%AD%A6">`},
		{"query by a pipe", `<a href="/?q={{.q | urlquery}}">{{.q | urlquery}}</a>`,
			`<a href="/?q=a&#43;b%26c%3D%25%E8%AD%A6">a&#43;b%26c%3D%25%E8%AD%A6</a>`},
		{"style", `<p style="color: {{.c}}">`, `<p style="color: red">`},
		{"title", `<title>{{.v}}</title>`, `<title>&lt;b&gt;&#34;&#39;&amp;警</title>`},
		{"script", `<script>var x = {{.v}}</script>`, `<script>var x = "\u003cb\u003e\"'\u0026警"</script>`},
		{"empty", `<p title="{{.e}}">{{.e}}</p>`, `<p title=""></p>`},
		{"loop", `<ul>{{range .l}}<li>{{.}}{{end}}</ul>`, `<ul><li>&lt;i&gt;<li>2</ul>`},
		{"loop in a tag", `<p{{range 2}} title="{{$.c}}"{{break}}{{end}}>`, `<p title="red">`},
		{"loop in an attribute without quotes", `<p title=a{{range 2}}b{{end}}>`, `<p title=abb>`},
		{"condition in a tag", `<p {{if .n}}title="x"{{end}}>`, `<p title="x">`},
		{"template", `{{define "t"}}<i>{{.}}</i>{{end}}<p>{{template "t" .v}}{{template "t" .n}}</p>`,
			`<p><i>&lt;b&gt;&#34;&#39;&amp;警</i><i>1000000</i></p>`},
		{"variable named almost like ours", `{{$_ := "x"}}{{range 1}}{{$_}}{{end}}`, `x`},
		{"comments are dropped", `a<!-- {{.v}} -->b`, `ab`},
		{"assignment prints nothing", `{{$x := urlquery .q}}<a href={{$x}}>`, `<a href=a&#43;b%26c%3D%25%E8%AD%A6>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := render(t, HTML, c.source, params)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestHTMLRefusesUnsafeValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ source, value string }{
		{`<a href="{{.v}}">`, "javascript:alert(1)"},
		{`<a href="{{.v}}">`, " JaVaScRiPt:alert(1)"},
		{`<a href="{{.v}}">`, "data:text/html,x"},
		{`<img src={{.v}}>`, "vbscript:x"},
		{`<p style="color: {{.v}}">`, "red; background: url(//evil)"},
		{`<p style="{{.v}}">`, "expression(alert(1))"},
		{`<p title={{.v}}>`, ""},
	} {
		template, err := Parse(HTML, c.source, nil)
		require.NoError(t, err)
		got, err := template.Render(map[string]any{"v": c.value}, nil)
		require.ErrorIs(t, err, ErrUnsafeHTML, c.source)
		require.Empty(t, got)
	}
}

func TestHTMLSyntaxErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, source string
		line, column int
		message      string
	}{
		{"branches differ", "a\n{{if .x}}<a href=\"{{else}}b{{end}}", 2, 6, "leaves a tag"},
		{"rounds differ", "{{range .l}}<p title='{{end}}", 1, 9, "leaves a tag"},
		{"break inside a tag", "{{range .l}}<p {{break}}>{{end}}", 1, 0, "at range loop break"},
		{"ends in a tag", "<p>\n<a href=\"{{.x}}\n", 1, 0, "ends inside"},
		{"bad HTML", `<a b="x" c=d"e f='{{.x}}'>`, 1, 0, `"\"" in unquoted attr`},
		{"path or query", `<a href="/{{if .x}}?a={{end}}{{.y}}">`, 1, 32, "a condition decides"},
		{"regular expression or division", "<script>{{if .x}}a = 1{{else}}a = {{end}}/x/</script>", 1, 0, "cannot be escaped"},
		{"name of an attribute", "<p>\n<p {{.v}}='x'>", 2, 6, "name of a tag or an attribute"},
		{"name of a tag", "{{if .v}}<s{{.v}}>{{end}}", 1, 14, "name of a tag or an attribute"},
		{"name of a tag in a template", `{{define "t"}}{{with .v}}{{else}}<s{{.}}>{{end}}{{end}}{{template "t" .}}`, 1, 38, "name of a tag"},
		{"template in a tag", `{{define "t"}}{{.}}{{end}}<s{{template "t" .}}>`, 1, 40, "where text stands"},
		{"template in an attribute", `{{define "t"}}{{.}}{{end}}<a href="{{template "t" .}}">`, 1, 47, "where text stands"},
		{"value after a name", `<input checked {{range .l}}{{.v}}{{end}}>`, 1, 30, "name of a tag or an attribute"},
		{"template is not defined", `<p>{{template "x"}}`, 1, 15, "is not defined"},
		{"template calls itself", `{{define "a"}}{{with .next}}{{template "a" .}}{{end}}{{end}}{{template "a" .}}`, 1, 40, "cannot call itself"},
		{"the root calls itself", `{{template "message" .}}`, 1, 12, "cannot call itself"},
		{"deeply nested loops", nest("{{range 1}}", "x", 40), 1, 0, "too large for loops"},
		{"deeply nested templates with a mistake", deepTemplates(200, `<a href="`), 1, 0, "too large for loops"},
		{"many loops and many templates", strings.Repeat(`{{range 1}}{{end}}`, 1000) + deepTemplates(500, "x"), 1, 0, "too large for loops"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			started := time.Now()
			_, err := Parse(HTML, c.source, nil)
			require.Less(t, time.Since(started), 5*time.Second)
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.Contains(t, syntax.Message, c.message)
			require.Equal(t, c.line, syntax.Line)
			if c.column > 0 {
				require.Equal(t, c.column, syntax.Column)
			}
			require.NotContains(t, syntax.Message, "_")
			require.NotContains(t, syntax.Message, "{{")
		})
	}
}

// deepTemplates defines n templates that call each other in a row.
func deepTemplates(n int, last string) string {
	source := `{{define "` + name(n) + `"}}` + last + `{{end}}`
	for i := range n {
		source += `{{define "` + name(i) + `"}}{{template "` + name(i+1) + `"}}{{end}}`
	}
	return source + `{{template "` + name(0) + `"}}`
}

func name(i int) string { return fmt.Sprint("t", i) }

// Templates of nearly the largest cost are analysed and rendered in milliseconds.
func TestHTMLOfTheLargestCost(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		nest("{{range 1}}", "<p>x</p>", 11),
		strings.Repeat("<p>{{.v}}</p>", 4000),
		"{{range 1}}{{range 1}}{{range 1}}" + strings.Repeat("<p>{{$.v}}</p>", 1500) + "{{end}}{{end}}{{end}}",
	} {
		started := time.Now()
		template, err := Parse(HTML, source, nil)
		require.NoError(t, err)
		t.Log(time.Since(started))
		_, err = template.Render(map[string]any{"v": "x"}, nil)
		require.NoError(t, err)
		require.Less(t, time.Since(started), 5*time.Second)
	}
}

// page has a value in every kind of place of HTML.
const page = `<!doctype html><html><head><title>{{.v}}</title></head><body class="a {{.v}}" id='{{.v}}'>
<p>{{.v}}</p><a href="https://x/{{.v}}?q={{.v}}#{{.v}}" title="x{{.v}}">{{urlquery .v}}</a>{{json .v}}
<textarea>{{.v}}</textarea><script>var x = {{.v}}, y = "{{.v}}", z = '{{.v}}'</script><img alt="{{.v}}" src="/{{.v}}">
{{range .l}}<i>{{.}}</i>{{end}}</body></html>`

func TestParamsNeverAddAnElementOrAnAttribute(t *testing.T) {
	t.Parallel()
	template, err := Parse(HTML, page, nil)
	require.NoError(t, err)
	harmless, err := template.Render(map[string]any{"v": "harmless", "l": []any{"a"}}, nil)
	require.NoError(t, err)
	shape := elementsOf(harmless)
	hostile := rapid.OneOf(
		rapid.String(),
		rapid.StringOfN(rapid.RuneFrom([]rune("<>\"'`=/&#;:!-\\ \n\x00scriptonxjav\u2028")), 0, 30, -1),
		rapid.SampledFrom([]string{
			`"><script>alert(1)</script>`, `' onmouseover='x`, ` onclick=x `, `</title><b>`, `</script><script>x`, `</textarea><i>`,
			`--><b>`, `<!--`, `javascript:alert(1)`, "`;x`", `\";x//`, `&#34;><b>`, `<![CDATA[`, `</body>`,
		}),
	)
	rapid.Check(t, func(t *rapid.T) {
		v := hostile.Draw(t, "v")
		got, err := template.Render(map[string]any{"v": v, "l": []any{v}}, nil)
		require.NoError(t, err)
		require.Equal(t, shape, elementsOf(got))
		document, err := html.Parse(strings.NewReader(got))
		require.NoError(t, err)
		seen := strings.NewReplacer("\x00", "\uFFFD", "\r", "\n").Replace(v) // as an HTML parser reads them
		for n := range document.Descendants() {
			if n.Type == html.ElementNode && n.Data == "i" {
				text := ""
				for child := range n.ChildNodes() {
					text += child.Data
				}
				require.Equal(t, seen, text)
			}
			if n.Type == html.ElementNode && n.Data == "body" {
				require.Equal(t, html.Attribute{Key: "class", Val: "a " + seen}, n.Attr[0])
			}
		}
	})
}

// elementsOf returns a document's tags and the names of their attributes.
func elementsOf(document string) []string {
	var elements []string
	z := html.NewTokenizer(strings.NewReader(document))
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return elements
		case html.TextToken:
		default:
			token := z.Token()
			element := kind.String() + " " + token.Data
			for _, a := range token.Attr {
				element += " " + a.Key
			}
			elements = append(elements, element)
		}
	}
}

func TestHTMLBombsExceedALimit(t *testing.T) {
	t.Parallel()
	for _, c := range bombs {
		template, err := Parse(HTML, c.source, nil)
		if err != nil { // html/template's analysis would take too long
			require.ErrorAs(t, err, new(*SyntaxError))
			continue
		}
		r := newRendering(HTML, nil)
		require.ErrorAs(t, template.renderError(template.bind(r).Execute(r.output, map[string]any{})), new(*LimitError), c.name)
	}
}
