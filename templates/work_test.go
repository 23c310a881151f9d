package templates

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// maxWork is what the worst template may take of a processor, to parse or to render: half a
// second, and three times that for slower machines. Most of what is below takes some 0.1 s, and
// what is not bounded takes minutes.
const maxWork = 2 * time.Second

// params of work. Each is what one body may hold.
var (
	manyKeys    = object(100_000)
	hugeText    = strings.Repeat("x", 4<<20)
	longNumber  = json.Number("0." + strings.Repeat("7", 900) + "e-390")
	hugeNumber  = json.Number(strings.Repeat("7", 4<<20))
	manyNumbers = list(100_000, json.Number("1.5"))
)

func object(n int) map[string]any {
	o := make(map[string]any, n)
	for i := range n {
		o[fmt.Sprint(i)] = json.Number("0")
	}
	return o
}

func list(n int, v any) []any {
	l := make([]any, n)
	for i := range l {
		l[i] = v
	}
	return l
}

func variables(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{{$v%d := 1}}", i)
	}
	return b.String()
}

// works are templates that do as much as they can within the steps, and what they need.
var works = map[string]struct {
	format Format
	source string
	params map[string]any
}{
	"range over an object of many keys": {Text, `{{range $k, $v := .}}{{end}}`, manyKeys},
	"range over such an object, often":  {Text, `{{range 100000}}{{range $k, $v := $}}{{break}}{{end}}{{end}}`, manyKeys},
	"range over its values, often":      {Text, `{{range 100000}}{{range $}}{{break}}{{end}}{{end}}`, manyKeys},
	"range over a long list, often":     {Text, `{{range 100000}}{{range $.l}}{{break}}{{end}}{{end}}`, map[string]any{"l": manyNumbers}},
	"range over long numbers":           {Text, `{{range .l}}{{end}}`, map[string]any{"l": list(90_000, longNumber)}},
	"nested ranges":                     {Text, nest("{{range 9}}", "", 90), nil},
	"nested ranges with break":          {Text, nest("{{range 9}}", "{{break}}", 90), nil},
	"nested ranges with continue":       {Text, nest("{{range 9}}", "{{continue}}", 90), nil},
	"breaks through conditions":         {Text, `{{range 100000}}{{range 1}}` + nest("{{if 1}}", "{{break}}", 90) + `{{end}}{{end}}`, nil},
	"template calls":                    {Text, `{{define "a"}}{{end}}{{range 100000}}{{template "a" .}}{{end}}`, nil},
	"long number":                       {Text, `{{range 100000}}{{$x := $.n}}{{end}}`, map[string]any{"n": longNumber}},
	"long number by index":              {Text, `{{range 100000}}{{$x := index $ "n"}}{{end}}`, map[string]any{"n": longNumber}},
	"huge number":                       {Text, `{{range 100000}}{{$x := $.n}}{{end}}`, map[string]any{"n": hugeNumber}},
	"long number in the source":         {Text, `{{range 100000}}{{$x := ` + string(longNumber) + `}}{{end}}`, nil},
	"long numbers compared":             {Text, `{{range 100000}}{{$x := lt $.n $.n}}{{end}}`, map[string]any{"n": longNumber}},
	"long numbers compared, one read":   {Text, `{{$n := .n}}{{range 100000}}{{$x := lt $n $n}}{{end}}`, map[string]any{"n": longNumber}},
	"long number with one more":         {Text, `{{$n := .n}}{{range 100000}}{{$x := eq $n 1 ` + strings.Repeat("$n ", 20_000) + `}}{{end}}`, map[string]any{"n": longNumber}},
	"long number formatted":             {Text, `{{$n := .n}}{{range 100000}}{{$x := printf "%.0f" $n}}{{end}}`, map[string]any{"n": longNumber}},
	"long number formatted wide":        {Text, `{{$n := .n}}{{range 100000}}{{$x := printf "%099.99f" $n}}{{end}}`, map[string]any{"n": longNumber}},
	"length of a huge text":             {Text, `{{range 100000}}{{$x := len $.v}}{{end}}`, map[string]any{"v": hugeText}},
	"part of a huge text":               {Text, `{{range 100000}}{{$x := slice $.v 4000000}}{{end}}`, map[string]any{"v": hugeText}},
	"huge texts compared":               {Text, `{{range 100000}}{{$x := eq $.v $.w}}{{end}}`, map[string]any{"v": hugeText, "w": hugeText[:4<<20-1] + "y"}},
	"huge texts compared, many at once": {Text, `{{$v := .v}}{{$w := .w}}{{range 100000}}{{$x := eq $w ` + strings.Repeat("$v ", 20_000) + `}}{{end}}`, map[string]any{"v": hugeText, "w": hugeText[:4<<20-1] + "y"}},
	"huge key":                          {Text, `{{range 100000}}{{$x := index $ $.v}}{{end}}`, map[string]any{"v": hugeText, "w": "x"}},
	"huge format":                       {Text, `{{range 100000}}{{$x := printf $.f 1}}{{end}}`, map[string]any{"f": "%" + strings.Repeat("-", 60_000) + "d"}},
	"list as JSON, cut":                 {Text, `{{range 100000}}{{$x := printf "%.1s" $.m}}{{end}}`, map[string]any{"m": object(5_000)}},
	"list as JSON, its length":          {Text, `{{range 100000}}{{$x := len (json $.m)}}{{end}}`, map[string]any{"m": object(5_000)}},
	"and of many":                       {Text, `{{range 100000}}{{$x := and ` + strings.Repeat("1 ", 30_000) + `}}{{end}}`, nil},
	"print of many":                     {Text, `{{$e := ""}}{{range 100000}}{{$x := print ` + strings.Repeat("$e ", 20_000) + `}}{{end}}`, nil},
	"conditions":                        {Text, `{{range 100000}}` + strings.Repeat("{{if 1}}{{end}}", 4_000) + `{{end}}`, nil},
	"assignments":                       {Text, variables(190) + `{{range 100000}}` + strings.Repeat("{{$v0 = $v1}}", 4_000) + `{{end}}`, nil},
	"fields of fields":                  {Text, `{{range 100000}}{{$x := $` + strings.Repeat(".a", 5_000) + `}}{{end}}`, nil},
	"escapes":                           {JSON, `["{{range 100000}}{{.}}{{end}}"]`, nil},
	"plain text":                        {JSON, `["{{range 100000}}{{$x := plain $.v}}{{end}}"]`, map[string]any{"v": strings.Repeat("*", 10_000)}},
	"values in comments":                {HTML, `<!-- {{range 100000}}{{$.v}}{{end}} -->`, map[string]any{"v": hugeText[:MaxOutput]}},
	"objects in comments":               {HTML, `<!-- {{range 100000}}{{$.m}}{{end}} -->`, map[string]any{"m": object(5_000)}},
	"styles that are not safe":          {HTML, `{{range 100000}}<p style="{{$.v}}">{{end}}`, map[string]any{"v": hugeText[:MaxOutput-1] + "("}},
	"links that are not safe":           {HTML, `{{range 100000}}<a href="{{$.v}}">{{end}}`, map[string]any{"v": "x" + hugeText[:MaxOutput-2] + ":"}},
	"sources that are not safe":         {HTML, `{{range 100000}}<img srcset="{{$.v}}">{{end}}`, map[string]any{"v": strings.Repeat("x:,", 20_000)}},
	"values in scripts":                 {HTML, `<script>{{range 100000}}{{$.v}};{{end}}</script>`, map[string]any{"v": hugeText[:1000]}},
	"missing params":                    {Text, missing(6_000), nil},
}

func missing(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{{.%c%x}}", 'a'+i%26, i)
	}
	return b.String()
}

// The work of rendering is bounded, and the bound is not one of time.
func TestRenderingsWorkIsBounded(t *testing.T) { // not parallel: it measures
	for name, c := range works {
		t.Run(name, func(t *testing.T) {
			var template *Template
			took := work(t, func() {
				var err error
				template, err = Parse(c.format, c.source, nil)
				require.NoError(t, err)
			})
			rendering := work(t, func() { _, _ = template.Render(c.params, nil) })
			t.Logf("parse %s, render %s", took, rendering)
			require.Less(t, max(took, rendering), maxWork)
		})
	}
}

// A preview notes missing params one by one.
func TestAPreviewsWorkIsBounded(t *testing.T) { // not parallel: it measures
	template, err := Parse(Text, missing(6_000), nil)
	require.NoError(t, err)
	var noted []string
	took := work(t, func() { _, noted, err = template.Preview(nil, nil) })
	require.NoError(t, err)
	require.Len(t, noted, maxMissing)
	require.Less(t, took, maxWork)
}

// contexts are places in HTML, each with what begins and what ends it.
var contexts = [][2]string{
	{"", ""}, {"<p>", "</p>"}, {"<p ", ">"}, {`<p title="`, `">`}, {`<p title='`, `'>`}, {"<p title=", ">"}, {"<!--", "-->"},
	{"<title>", "</title>"}, {"<textarea>", "</textarea>"}, {"<style>", "</style>"}, {`<style>p{content:"`, `"}</style>`},
	{`<style>p{content:'`, `'}</style>`}, {"<style>/*", "*/</style>"}, {"<style>p{background:url(", ")}</style>"},
	{"<script>", "</script>"}, {`<script>"`, `"</script>`}, {"<script>'", "'</script>"}, {"<script>`", "`</script>"}, {"<script>`${", "}`</script>"},
	{"<script>/", "/</script>"}, {"<script>//", "\n</script>"}, {"<script>/*", "*/</script>"}, {`<p onclick="`, `">`}, {`<p style="`, `">`},
	{`<a href="`, `">`}, {`<img srcset="`, `">`}, {`<meta content="`, `">`}, {`<script type="`, `"></script>`}, {`{{range .l}}{{range .}}{{range .}}`, `{{end}}{{end}}{{end}}`},
}

// The work of parsing is bounded, whatever fills a template.
func TestParsingsWorkIsBounded(t *testing.T) { // not parallel: it measures
	fillings := []string{
		"<", "</", "<!", "<!-", "<!d", "<?", "<a>", "<a", "<b ", "</a>", "</s", "<script", "</script", "<style>", "<title>", ">", "&", "&lt;", `"`, `'`, "`", "/", "//", "/*", "*/", "*",
		`\`, `\\`, "{", "}", "{}", "${", "${`", "`${", "(", ")", "[", "]", "[/", "-", "--", "-->", "<!--", "#", "#!", "=", "= ", "a=", "a='", " ", "\n", "\r", "\t", "\x00", ",", ";", ":", "?", "u", "url(", "return ", "a ", "é", "\u2028",
		"{{1}}", "{{.a}}", "{{.}} ", "{{/**/}}", "{{if 1}}{{end}}", "{{with 1}}{{else}}{{end}}", "{{range 1}}{{end}}", "{{$a:=1}}", "{{break}}", `{{"}}`, "{{`", "{{", "{{(", "{{1|", "{{1 ", "{{.a.a", `{{define "a"}}`, `{{block "a" .}}{{end}}`, "{{template `a`}}", "{{- 1 -}} ",
	}
	worst := time.Duration(0)
	for _, format := range []Format{HTML, JSON} {
		for _, context := range contexts {
			for _, filling := range fillings {
				room := MaxSource - len(context[0]) - len(context[1])
				source := context[0] + strings.Repeat(filling, room/len(filling)) + context[1]
				took := work(t, func() {
					template, err := Parse(format, source, nil)
					if err == nil {
						_, err = template.Render(map[string]any{"a": "x"}, nil)
						_ = err
					}
				})
				if worst = max(worst, took); took > 100*time.Millisecond {
					t.Logf("%s %q: %s", format, context[0]+filling, took)
				}
				assert.Less(t, took, maxWork, "%s %q", format, context[0]+filling)
			}
			if format == JSON {
				break
			}
		}
	}
}

// work returns the processor time that a function takes: the least of three tries when the
// first takes long, because what else the machine does slows a processor down too.
func work(t *testing.T, do func()) time.Duration {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	least := time.Duration(math.MaxInt64)
	for try := 0; try < 3 && least > maxWork/2; try++ {
		before := processorTime(t)
		do()
		least = min(least, processorTime(t)-before)
	}
	return least
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	const thread = 1 // RUSAGE_THREAD
	var used syscall.Rusage
	require.NoError(t, syscall.Getrusage(thread, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
