package templates

import (
	"encoding/json"
	"html"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hostile are values that would be markup in a card, a Feishu text or both.
var hostile = []string{
	`<at id=all></at>`, `<at user_id="all"></at>`, `</font><font color='red'>`, `[click](https://evil.example)`, `**bold** __bold__ ~~gone~~`,
	"`code`", "```\ncode\n```", "# title", "> quote", "- item", "+ item", "* item", "1. item", "12) item", "---", "===", "    code", "\tcode",
	`![image](img_1)`, `$var ${var}`, `a | b`, `&#60;at id=all&#62;`, `&lt;b&gt;`, `:DONE:`, `\*`, `<!-- x -->`, "text\n===\n1. x", "李雷: 5 < 6 & 7 > 2",
}

func plain(t *testing.T, format Format, value string) string {
	t.Helper()
	source := `{{plain .v}}`
	if format == JSON {
		source = `{"content": "{{plain .v}}"}`
	}
	parsed, err := Parse(format, source, nil)
	require.NoError(t, err)
	rendered, err := parsed.Render(map[string]any{"v": value}, nil)
	require.NoError(t, err)
	if format != JSON {
		return rendered
	}
	var card struct{ Content string }
	require.NoError(t, json.Unmarshal([]byte(rendered), &card))
	return card.Content
}

// In a card's markdown nothing of a value is markup, and a reader sees the value.
func TestPlainInCards(t *testing.T) {
	t.Parallel()
	for _, value := range hostile {
		got := plain(t, JSON, value)
		require.Equal(t, value, html.UnescapeString(got))
		bare := got
		for _, r := range value { // the entities are the only & and # and ;
			bare = strings.ReplaceAll(bare, "&#"+strconv.Itoa(int(r))+";", "")
		}
		require.NotRegexp(t, "[<>~*/\\\\\\[\\]()#:+\"'`$_&|!-]", bare, value)
		for _, line := range strings.Split(got, "\n") {
			require.NotRegexp(t, `^(\s|=|\d+\.(\s|$))`, line, value)
		}
	}
	require.Equal(t, "10.0.0.1 = 5", plain(t, JSON, "10.0.0.1 = 5"))
	require.Equal(t, "1&#46;", plain(t, JSON, "1."))
	require.Equal(t, "CPU at 97.5% = bad, 磁盘", plain(t, JSON, "CPU at 97.5% = bad, 磁盘"), "what is no markup stays short")
}

// In a Feishu text no value makes a mention, a link or a style.
func TestPlainInTexts(t *testing.T) {
	t.Parallel()
	for _, value := range hostile {
		got := plain(t, Text, value)
		require.Equal(t, value, strings.ReplaceAll(got, zeroWidthSpace, ""))
		require.NotRegexp(t, `<\S|\*\*|\]\(`, strings.ReplaceAll(got, zeroWidthSpace, " "), value)
	}
	parsed, err := Parse(Text, `{{plain .a}}{{plain .a}}{{plain .b}}(x)`, nil)
	require.NoError(t, err)
	got, err := parsed.Render(map[string]any{"a": "*", "b": "[y]"}, nil)
	require.NoError(t, err)
	require.NotContains(t, got, "**", "two values make none together")
	require.NotContains(t, got, "](")
}

func TestPlainElsewhere(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a &lt;b&gt; *c*", plain(t, HTML, "a <b> *c*"))
	require.Equal(t, "a <b> *c*", plain(t, Line, "a <b> *c*"))

	parsed, err := Parse(JSON, `{"a": {{plain .n}}, "b": "{{plain .l}}", "c": "{{ index . "x" | default "-" | plain }}"}`, nil)
	require.NoError(t, err)
	got, err := parsed.Render(map[string]any{"n": json.Number("1.5"), "l": []any{"<"}}, nil)
	require.NoError(t, err)
	require.Equal(t, `{"a": "1.5", "b": "&#91;&#34;&#60;&#34;&#93;", "c": "&#45;"}`, got)

	_, err = parsed.Render(map[string]any{"n": strings.Repeat("<", MaxOutput/4), "l": nil}, nil)
	require.ErrorContains(t, err, "larger than")
}
