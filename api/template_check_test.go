package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/apitest"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
)

// Whatever creating or replacing refuses, checking refuses in the same words, and it stores
// nothing.
func TestCheckTemplateRefusesWhatAWriteRefuses(t *testing.T) {
	t.Parallel()
	b := start(t)
	check := func(body string) answer { return b.template(t, "POST", "check", body) }
	const fresh = `{"name":"fresh","channel":"feishu_app","body":"x"}`
	require.JSONEq(t, `{}`, check(fresh).text)
	require.Equal(t, 404, b.template(t, "GET", "fresh", "").status, "nothing is stored")
	require.Equal(t, 201, b.template(t, "POST", "", goodTemplate).status)
	require.Equal(t, 200, check(goodTemplate).status, "it would be replaced")

	for _, body := range []string{
		`{"name":"fresh","channel":"feishu_app"}`, `{"name":"-","channel":"feishu_app","body":"x"}`, `{"name":"fresh","body":"x"}`,
		`{"name":"fresh","channel":"feishu_app","body":"x","bodi":"x"}`, `{"name":"fresh","channel":"feishu_app","body":1}`, `{`,
	} {
		written, checked := b.template(t, "POST", "", body), check(body)
		require.GreaterOrEqual(t, written.status, 400, body)
		require.Equal(t, []any{written.status, written.text}, []any{checked.status, checked.text}, body)
		if body != "{" {
			require.Equal(t, apitest.Describes(t, "POST", "/api/v1/templates", []byte(body)), apitest.Describes(t, "POST", "/api/v1/templates/check", []byte(body)), body)
		}
	}
	const moved = `{"name":"feishu-incident","channel":"email","body":"x"}`
	written, checked := b.template(t, "PUT", "feishu-incident", moved), check(moved)
	require.Equal(t, 422, written.status)
	require.Equal(t, written.text, checked.text)

	b.rules.err = refusal.New(refusal.InvalidTemplate, "body", "line 1: no")
	written, checked = b.template(t, "POST", "", fresh), check(fresh)
	require.Equal(t, 400, written.status)
	require.Equal(t, written.text, checked.text)
	require.Equal(t, 403, b.call(t, request{method: "POST", path: "/api/v1/templates/check", app: "sender", body: fresh}).status)
}

// With params the template is rendered, too.
func TestCheckTemplateRenders(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.rules.preview = rendering.Preview{MsgType: "text", Body: "x ‹b›", Missing: []string{"b"}}
	a := b.template(t, "POST", "check", `{"name":"fresh","channel":"feishu_app","body":"{{.a}} {{.b}}","params":{"a":"x"}}`)
	require.Equal(t, 200, a.status, a.text)
	require.JSONEq(t, `{"preview":{"msgType":"text","subject":"","body":"x ‹b›","templateCode":"","params":null,"missing":["b"],"unused":[]}}`, a.text)
	require.Equal(t, map[string]any{"a": "x"}, b.rules.params)
	require.Contains(t, b.template(t, "POST", "check", `{"name":"fresh","channel":"feishu_app","body":"x","params":{}}`).text, "preview")
}

func TestWhoAmI(t *testing.T) {
	t.Parallel()
	b := start(t)
	for app, want := range map[string]string{
		"sender": `{"appId":"sender","roles":["send"],"test":false,"highPriority":true,"limits":[]}`,
		"root":   `{"appId":"root","roles":["admin"],"test":false,"highPriority":true,"limits":[]}`,
	} {
		a := b.call(t, request{method: "GET", path: "/api/v1/whoami", app: app})
		require.Equal(t, 200, a.status, a.text)
		require.JSONEq(t, want, a.text)
	}
}
