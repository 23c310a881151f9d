package feishucard_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels/feishucard"
)

func TestMentionInText(t *testing.T) {
	t.Parallel()
	require.Equal(t, "hi", feishucard.MentionInText("hi", nil))
	require.Equal(t, `<at user_id="ou_1"></at> <at user_id="u2"></at> hi`, feishucard.MentionInText("hi", []string{"ou_1", "u2"}))
}

// What is mentioned comes first, in each language; everything else stays as it is written.
func TestMention(t *testing.T) {
	t.Parallel()
	const at, element = `[{"tag":"at","user_id":"ou_1"},{"tag":"at","user_id":"u2"}]`, `{"tag":"markdown","content":"<at id=ou_1></at> <at id=u2></at>"}`
	for _, c := range []struct {
		mention        func(string, []string) (string, error)
		body, expected string
	}{
		{feishucard.MentionInPost, `{"zh_cn":{"title":"t <1>","content":[[{"tag":"hr"}]]},"en_us":{"content":[]}}`,
			`{"zh_cn":{"title":"t <1>","content":[` + at + `,[{"tag":"hr"}]]},"en_us":{"content":[` + at + `]}}`},
		{feishucard.MentionInPost, `{"zh_cn":{"title":"t"}}`, `{"zh_cn":{"title":"t","content":[` + at + `]}}`},
		{feishucard.MentionInCard, `{"header":{},"elements":[{"tag":"x","n":12345678901234567890}]}`,
			`{"header":{},"elements":[` + element + `,{"tag":"x","n":12345678901234567890}]}`},
		{feishucard.MentionInCard, `{}`, `{"elements":[` + element + `]}`},
		{feishucard.MentionInCard, `{"i18n_elements":{"zh_cn":[],"en_us":[{"tag":"hr"}]}}`,
			`{"i18n_elements":{"zh_cn":[` + element + `],"en_us":[` + element + `,{"tag":"hr"}]}}`},
		{feishucard.MentionInCard, `{"schema":"1.0","elements":[],"i18n_elements":{"zh_cn":[]}}`,
			`{"schema":"1.0","elements":[` + element + `],"i18n_elements":{"zh_cn":[` + element + `]}}`},
		{feishucard.MentionInCard, `{"schema":"2.0","body":{"elements":[{"tag":"hr"}]}}`, `{"schema":"2.0","body":{"elements":[` + element + `,{"tag":"hr"}]}}`},
		{feishucard.MentionInCard, `{"schema":"2.0"}`, `{"schema":"2.0","body":{"elements":[` + element + `]}}`},
	} {
		got, err := c.mention(c.body, []string{"ou_1", "u2"})
		require.NoError(t, err, c.body)
		require.JSONEq(t, c.expected, got)
		require.NotContains(t, got, `\u003c`, "what is escaped takes more of the vendor's limit")
		require.Equal(t, strings.Contains(c.body, "12345678901234567890"), strings.Contains(got, "12345678901234567890"))
		got, err = c.mention(c.body, nil)
		require.NoError(t, err)
		require.Equal(t, c.body, got, "without mentions the body is not touched")
	}
	for _, c := range []struct {
		mention func(string, []string) (string, error)
		body    string
	}{
		{feishucard.MentionInCard, `{"type":"template","data":{}}`}, {feishucard.MentionInCard, `[]`}, {feishucard.MentionInCard, `{"elements":{}}`},
		{feishucard.MentionInCard, `{"schema":"2.0","body":{"elements":[` + strings.Repeat(`{"tag":"hr"},`, 199) + `{"tag":"hr"}]}}`},
		{feishucard.MentionInPost, `{"zh_cn":[]}`}, {feishucard.MentionInPost, `{"zh_cn":{"content":{}}}`}, {feishucard.MentionInPost, `x`},
	} {
		_, err := c.mention(c.body, []string{"ou_1"})
		require.Error(t, err, c.body)
	}
}

func TestCheckUser(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"ou_7d8a", "on_1", "a.b-c@d"} {
		require.NoError(t, feishucard.CheckUser(id))
	}
	for _, id := range []string{"", "all", "ALL", `ou_"`, "ou<1>", "ou 1", "用户", "(erased)", "a\n"} {
		require.Error(t, feishucard.CheckUser(id), id)
	}
}

// FuzzMention checks that a body that passes the check of its kind can be mentioned in, or is
// refused, and passes the check again.
func FuzzMention(f *testing.F) {
	for _, body := range []string{
		`{}`, `{"elements":[{"tag":"hr"}]}`, `{"schema":"2.0","body":{}}`, `{"i18n_elements":{"zh_cn":[]}}`, `{"zh_cn":{"content":[[]]}}`,
		`{"type":null}`, `{"schema":null,"elements":null}`, `{"elements":[{"tag":"a","b":1e400}]}`, `{"zh_cn":null}`,
	} {
		f.Add(body, true)
		f.Add(body, false)
	}
	f.Fuzz(func(t *testing.T, body string, card bool) {
		mention, check := feishucard.MentionInPost, feishucard.Post
		if card {
			mention, check = feishucard.MentionInCard, feishucard.Card
		}
		if check(body) != nil {
			return
		}
		got, err := mention(body, []string{"ou_1"})
		if err != nil {
			return
		}
		if len(got) < 30<<10 {
			require.NoError(t, check(got))
		}
		require.Contains(t, got, "ou_1")
	})
}
