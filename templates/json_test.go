package templates

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRenderJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, source, params, want string }{
		{"inside a string", `{"a":"x {{.v}} y"}`, `{"v":"q\"b\\n\n\t\u0001<&>\u2028警"}`,
			`{"a":"x q\"b\\n\n\t` + `\u0001<&>` + "\u2028" + `警 y"}`},
		{"outside", `{"a":{{.s}},"b":{{.n}},"c":{{.t}}}`, `{"s":"q\"","n":1.5,"t":true}`, `{"a":"q\"","b":1.5,"c":true}`},
		{"number and bool inside", `["{{.n}}","{{.t}}"]`, `{"n":1000000,"t":true}`, `["1000000","true"]`},
		{"object inside", `["{{.o}}"]`, `{"o":{"a":"\""}}`, `["{\"a\":\"\\\"\"}"]`},
		{"json outside", `{"a":{{json .o}},"b":{{json .z}}}`, `{"o":{"k":["\""]},"z":null}`, `{"a":{"k":["\""]},"b":null}`},
		{"json inside", `{"a":"{{json .o}}"}`, `{"o":{"k":"\""}}`, `{"a":"{\"k\":\"\\\"\"}"}`},
		{"json in a variable", `{{$j := json .o}}[{{$j}},"{{$j}}"]`, `{"o":[1]}`, `[[1],"[1]"]`},
		{"formatted json is text", `[{{printf "%s" (json .o)}}]`, `{"o":[1]}`, `["[1]"]`},
		{"a part of json is text", `[{{slice (json .o) 1 7}}]`, `{"o":"\",1,\""}`, `["\\\",1,\\"]`},
		{"joined json is text", `[{{print (json .o)}}]`, `{"o":[1]}`, `["[1]"]`},
		{"as a key", `{"{{.k}}":1}`, `{"k":"a\"b"}`, `{"a\"b":1}`},
		{"after an escape", `["\\{{.v}}\"{{.v}}\u00e4{{.v}}"]`, `{"v":"\""}`, `["\\\"\"\"\u00e4\""]`},
		{"several actions in one string", `["{{if .v}}{{.v}}{{end}}{{range .l}}{{.}}{{end}}"]`, `{"v":"\"","l":["\\","\n"]}`,
			`["\"\\\n"]`},
		{"string begun in one template and ended in another", `{{define "q"}}"{{end}}[{{template "q"}}{{.v}}{{template "q"}}]`,
			`{"v":"\""}`, `["\""]`},
		{"loop with commas", `[{{range $i, $v := .l}}{{if $i}},{{end}}{{$v}}{{end}}]`, `{"l":["a",2]}`, `["a",2]`},
		{"a number keeps its digits", `[{{.n}}]`, `{"n":123456789012345678901234567890}`,
			`["123456789012345678901234567890"]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := render(t, JSON, c.source, c.params)
			require.NoError(t, err)
			require.JSONEq(t, c.want, got)
		})
	}
}

func TestJSONKeepsTheAuthorsTextAndHTML(t *testing.T) {
	t.Parallel()
	got, err := render(t, JSON, "{ \"a\" :\n\"<at id={{.v}}></at>\", \"b\": {{json .v}} }", `{"v":"<&>"}`)
	require.NoError(t, err)
	require.Equal(t, "{ \"a\" :\n\"<at id=<&>></at>\", \"b\": \"<&>\" }", got)
}

func TestJSONRefusesValuesThatCouldChangeTheShape(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, source, message string }{
		{"after a backslash", `["\{{.v}}"]`, "escape sequence"},
		{"inside a unicode escape", `["\u00{{.v}}"]`, "escape sequence"},
		{"before the last digit of a unicode escape", `["\u00e{{.v}}4"]`, "escape sequence"},
		{"list outside a string", `[{{.l}}]`, "use json to insert it whole"},
		{"object outside a string", `[{{.o}}]`, "use json to insert it whole"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := render(t, JSON, c.source, `{"v":"22","l":[1],"o":{}}`)
			var exec *ExecError
			require.ErrorAs(t, err, &exec)
			require.Contains(t, exec.Message, c.message)
		})
	}
}

func TestInvalidJSONIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ source, place string }{
		{``, "line 1"},
		{`{"a":1`, "line 1, column 6"},
		{"{\"警\":\n 1 x}", "line 2, column 4"},
		{"[\"a\nb\"]", "line 2"},
		{`["a"]]`, "line 1, column 6"},
		{`['{{.v}}']`, "line 1, column 2"},
		{`[a{{.v}}]`, "line 1, column 2"},
		{`["a"{{.v}}]`, "line 1, column 5"},
		{`hello {{.v}}`, "line 1, column 1"},
	} {
		t.Run(c.source, func(t *testing.T) {
			t.Parallel()
			got, err := render(t, JSON, c.source, `{"v":"x"}`)
			require.Empty(t, got)
			require.ErrorIs(t, err, ErrInvalidJSON)
			require.ErrorContains(t, err, c.place)
		})
	}
}

// card has a value in every kind of place of JSON.
const card = `{"config":{"wide":true},"header":{"title":"【{{.v}}】","k{{.v}}":0},
"elements":[{{.v}},"{{.v}}",{"text":"{{.v}}\n{{.v}}","whole":{{json .v}}},"{{json .v}}","\"{{.v}}\\"]}`

func TestParamsNeverChangeTheShapeOfACard(t *testing.T) {
	t.Parallel()
	template, err := Parse(JSON, card, nil)
	require.NoError(t, err)
	harmless, err := template.Render(map[string]any{"v": "harmless"}, nil)
	require.NoError(t, err)
	shape := shapeOf(t, harmless)
	hostile := rapid.OneOf(
		rapid.String(),
		rapid.StringOfN(rapid.RuneFrom([]rune(`"\,:{}[]u0n/`+"\n\x00\u2028\ufffd")), 0, 20, -1),
	)
	rapid.Check(t, func(t *rapid.T) {
		v := hostile.Draw(t, "v")
		got, err := template.Render(map[string]any{"v": v}, nil)
		require.NoError(t, err)
		require.Equal(t, shape, shapeOf(t, got))
		var parsed struct {
			Header   map[string]any
			Elements []any
		}
		require.NoError(t, json.Unmarshal([]byte(got), &parsed))
		require.Equal(t, "【"+v+"】", parsed.Header["title"])
		require.Equal(t, float64(0), parsed.Header["k"+v])
		require.Equal(t, []any{v, v, map[string]any{"text": v + "\n" + v, "whole": v}}, parsed.Elements[:3])
		require.Equal(t, `"`+v+`\`, parsed.Elements[4])
		var again string
		require.NoError(t, json.Unmarshal([]byte(parsed.Elements[3].(string)), &again))
		require.Equal(t, v, again)
	})
}

func TestWholeValuesSurviveJSON(t *testing.T) {
	t.Parallel()
	template, err := Parse(JSON, `{{json .v}}`, nil)
	require.NoError(t, err)
	scalar := rapid.OneOf(
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.String().AsAny(),
		rapid.Float64().AsAny(), rapid.Map(rapid.Int32(), func(i int32) any { return float64(i) }),
	)
	value := rapid.OneOf(scalar, rapid.SliceOf(scalar).AsAny(), rapid.MapOf(rapid.String(), scalar).AsAny())
	rapid.Check(t, func(t *rapid.T) {
		v := value.Draw(t, "v")
		got, err := template.Render(map[string]any{"v": v}, nil)
		require.NoError(t, err)
		want, err := json.Marshal(v)
		require.NoError(t, err)
		require.JSONEq(t, string(want), got)
	})
}

// shapeOf returns the document's tokens, with the type in place of each scalar.
func shapeOf(t require.TestingT, document string) []string {
	var shape []string
	d := json.NewDecoder(strings.NewReader(document))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return shape
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case json.Delim:
			shape = append(shape, token.String())
		case string:
			shape = append(shape, "string")
		case float64:
			shape = append(shape, "number")
		case bool:
			shape = append(shape, "bool")
		default:
			shape = append(shape, "null")
		}
	}
}
