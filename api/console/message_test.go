package console

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

func TestMarkdown(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]span{
		"plain":                             {{Text: "plain"}},
		"a **b** c":                         {{Text: "a "}, {Text: "b", Bold: true}, {Text: " c"}},
		"**bold [x](https://a.example)**":   {{Text: "bold ", Bold: true}, {Text: "x", Bold: true, URL: "https://a.example"}},
		"[x](javascript:alert(1))":          {{Text: "x"}, {Text: ")"}},
		"[x](data:text/html,x)":             {{Text: "x"}},
		`<a href="JavaScript:x">y</a>`:      {{Text: "y"}},
		"<at id=all></at>":                  {{Text: "all", At: true}},
		`<at user_id="ou_1">Tom</at>!`:      {{Text: "Tom", At: true}, {Text: "!"}},
		"<font color='red'>hot</font>":      {{Text: "hot", Color: "red"}},
		"<font color='evil'>x</font>":       {{Text: "x"}},
		"~~s~~ *i* `c**d**`":                {{Text: "s", Strike: true}, {Text: " "}, {Text: "i", Italic: true}, {Text: " "}, {Text: "c**d**", Code: true}},
		"1 * 2 * 3":                         {{Text: "1 * 2 * 3"}},
		"<script>alert(1)</script>":         {{Text: "<script>alert(1)</script>"}},
		"&#42;&#42;plain&#42;&#42; &lt;b>x": {{Text: "**plain** <b>x"}},
	} {
		lines := markdown(text)
		require.Len(t, lines, 1, text)
		require.Equal(t, want, lines[0].Spans, text)
	}
	kinds := []string{}
	for _, l := range markdown("# h\n- i\n> q\n---\n```\n# code\n```\na<br>b") {
		kinds = append(kinds, l.Kind)
	}
	require.Equal(t, []string{"heading", "item", "quote", "hr", "code", "", ""}, kinds)
	markdown(strings.Repeat("**a", 50_000))                  // ends
	markdown(strings.Repeat("<b>", 5_000) + "x")             // so does this
	markdown(strings.Repeat("[", 5_000) + "x](https://a.b)") // and this
	for _, cheap := range []string{"<b>`a`", "**`a`~~", "<a href='x'>*a*", "<b><i>`a`"} {
		started := time.Now()
		lines := markdown(strings.Repeat(cheap, 150_000/len(cheap)))
		require.Len(t, lines, 1)
		require.Equal(t, 150_000/len(cheap), strings.Count(lines[0].plain(), "a")-strings.Count(lines[0].plain(), "<a"), "nothing is lost")
		require.Less(t, time.Since(started), 10*time.Second, cheap) // a second or less
	}
}

func TestDrawCard(t *testing.T) {
	t.Parallel()
	d := draw(store.Message{Channel: "feishu_app", MsgType: "interactive", Body: `{"schema": "2.0",
		"header": {"template": "red", "title": {"tag": "plain_text", "content": "Title"}},
		"body": {"elements": [
			{"tag": "markdown", "content": "**hot**"},
			{"tag": "column_set", "columns": [{"tag": "column", "elements": [{"tag": "markdown", "content": "left"}]}]},
			{"tag": "button", "type": "primary_filled", "text": {"tag": "plain_text", "content": "Go"}, "url": "javascript:alert(1)"},
			{"tag": "collapsible_panel", "elements": [{"tag": "markdown", "content": "inside"}]},
			{"tag": 7}, "text", null]}}`})
	require.Equal(t, "card", d.Kind)
	require.Equal(t, "Title", d.Card.Title)
	require.Equal(t, "red", d.Card.Color)
	kinds := []string{}
	for _, b := range d.Card.Blocks {
		kinds = append(kinds, b.Kind)
	}
	require.Equal(t, []string{"text", "columns", "buttons", "other", "other"}, kinds)
	require.Equal(t, button{Text: "Go", Kind: "primary"}, d.Card.Blocks[2].Buttons[0], "without an address that runs")
	require.Equal(t, "inside", firstTextOf(d.Card.Blocks[3:]))
}

// What is no card, or one that nobody would draw, is shown all the same.
func TestDrawAnything(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"tag":"x","elements":[`, 1_000) + strings.Repeat(`]}`, 1_000)
	for _, kind := range []string{"interactive", "post", "text", "html", ""} {
		for _, channel := range []string{"feishu_app", "email", "inapp", "none"} {
			for _, body := range []string{
				"", "no JSON", "null", "[]", "{}", `{"elements":null}`, `{"elements":[` + deep + `]}`, `{"header":[],"elements":{}}`,
				`{"zh_cn":null}`, `{"zh_cn":{"content":[[{"tag":"text"},null,7]]}}`, `{"type":"template","data":{"template_id":"AAq"}}`,
			} {
				m := store.Message{Channel: channel, MsgType: kind, Body: body}
				require.Less(t, len(draw(m).Raw), 10*len(body)+2000)
				firstLine(m)
			}
		}
	}
}

func TestFirstLine(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]store.Message{
		"Subject":                      {Subject: "Subject", Body: "Body"},
		"first":                        {Body: "\n\n first\nsecond"},
		"SMS_1 · disk full · 3":        {TemplateCode: "SMS_1", Params: []byte(`{"what": "disk full", "n": 3}`)},
		"Heading":                      {Channel: "feishu_app", MsgType: "interactive", Body: `{"header":{"title":{"content":"Heading"}}}`},
		"text":                         {Channel: "feishu_app", MsgType: "interactive", Body: `{"elements":[{"tag":"hr"},{"tag":"markdown","content":"**text**"}]}`},
		"post":                         {Channel: "feishu_app", MsgType: "post", Body: `{"zh_cn":{"content":[[{"tag":"text","text":"post"}]]}}`},
		strings.Repeat("很", 120) + "…": {Body: strings.Repeat("很", 500)},
	} {
		require.Equal(t, want, firstLine(m))
	}
}

func TestVisible(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a⟨U+202E⟩b c⟨U+0000⟩ ⟨U+200B⟩\uFFFD", visible("a\u202eb\tc\x00\n\u200b\xff"))
	require.Equal(t, "👩\u200d🔧 很长", visible("👩\u200d🔧 很长"))
}
