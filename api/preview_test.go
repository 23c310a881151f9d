package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/apitest"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

func TestPreviewTemplate(t *testing.T) {
	t.Parallel()
	b := start(t)
	require.Equal(t, 201, b.template(t, "POST", "", goodTemplate).status)
	b.rules.preview = rendering.Preview{
		MsgType: "text", Subject: "s", Body: "[‹severity›]", TemplateCode: "SMS_1", Params: []byte(`{"a":1.0}`),
		Missing: []string{"severity"}, Unused: []string{"a"},
	}
	a := b.template(t, "POST", "feishu-incident/preview", `{"params":{"a":1.0}}`)
	require.Equal(t, 200, a.status, a.text)
	require.JSONEq(t, `{"msgType":"text","subject":"s","body":"[‹severity›]","templateCode":"SMS_1","params":{"a":1.0},
		"missing":["severity"],"unused":["a"]}`, a.text)
	require.Equal(t, map[string]any{"a": json.Number("1.0")}, b.rules.params)

	b.rules.preview = rendering.Preview{MsgType: "text"}
	for _, body := range []string{`{}`, `{"params":null}`, `{"params":{}}`} {
		a = b.template(t, "POST", "feishu-incident/preview", body)
		require.Equal(t, 200, a.status, a.text)
		require.JSONEq(t, `{"msgType":"text","subject":"","body":"","templateCode":"","params":null,"missing":[],"unused":[]}`, a.text)
	}

	require.Equal(t, 404, b.template(t, "POST", "none/preview", `{}`).status)
	for body, field := range map[string]string{`{"params":[]}`: "params", `{"param":{}}`: "param"} {
		a := b.template(t, "POST", "feishu-incident/preview", body)
		require.Equal(t, 400, a.status)
		_, at := a.problem(t)
		require.Equal(t, field, at)
		require.False(t, apitest.Describes(t, "POST", "/api/v1/templates/feishu-incident/preview", []byte(body)), body)
	}
	for from, field := range map[string]string{".params": "params", ".template": "path.name"} {
		b.rules.err = &refusal.Error{Code: refusal.RenderFailed, Field: from, Message: "m"}
		a := b.template(t, "POST", "feishu-incident/preview", `{}`)
		require.Equal(t, 422, a.status)
		_, at := a.problem(t)
		require.Equal(t, field, at)
	}
}

func (b *bench) test(t *testing.T, name, body string) answer {
	t.Helper()
	return b.call(t, request{method: "POST", path: "/api/v1/templates/" + name + "/test", app: "console", body: body})
}

func TestTestTemplate(t *testing.T) {
	t.Parallel()
	b := start(t)
	require.Equal(t, 201, b.template(t, "POST", "", goodTemplate).status)
	b.accepter.accepted = accepting.Accepted{NotificationID: uuid.Must(uuid.NewV7()), Deliveries: 1}
	const body = `{"params":{"severity":"P0"},"recipient":{"type":"feishu_user_id","value":"ou_alice"}`
	a := b.test(t, "feishu-incident", body+`,"idempotencyKey":"k"}`)
	require.Equal(t, http.StatusAccepted, a.status, a.text)
	want := accepting.Request{
		AppID: "console", IdempotencyKey: "k", Test: true,
		Channels:   map[string]accepting.ChannelRequest{"feishu_app": {Template: "feishu-incident", Params: map[string]any{"severity": "P0"}}},
		Recipients: accepting.To(store.Recipient{Type: "feishu_user_id", Value: "ou_alice"}),
	}
	require.Equal(t, want, b.accepter.requests[0])

	for range 2 {
		require.Equal(t, http.StatusAccepted, b.test(t, "feishu-incident", body+`}`).status)
	}
	first, second := b.accepter.requests[1].IdempotencyKey, b.accepter.requests[2].IdempotencyKey
	require.True(t, strings.HasPrefix(first, "test-"))
	require.NotEqual(t, first, second, "each is one of its own")

	b.accepter.accepted.Replayed = true
	a = b.test(t, "feishu-incident", body+`,"idempotencyKey":"k"}`)
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "true", a.header.Get("Idempotent-Replayed"))
	require.Equal(t, 404, b.test(t, "none", body+`}`).status)
}

func TestRefusedTests(t *testing.T) {
	t.Parallel()
	b := start(t)
	require.Equal(t, 201, b.template(t, "POST", "", goodTemplate).status)
	for body, field := range map[string]string{
		`{}`: "recipient", `{"recipient":null}`: "recipient", `{"recipient":{"type":"fax","value":"1"}}`: "recipient.type",
		`{"recipient":{"type":"phone"}}`:                                             "recipient.value",
		`{"recipient":{"type":"phone","value":"1","x":1}}`:                           "recipient.x",
		`{"recipient":{"type":"phone","value":"1"},"idempotencyKey":""}`:             "idempotencyKey",
		`{"recipient":{"type":"phone","value":"1"},"priority":"high"}`:               "priority",
		`{"recipient":{"type":"phone","value":"1"},"params":"none","recipients":[]}`: "params",
	} {
		a := b.test(t, "feishu-incident", body)
		require.Equal(t, 400, a.status, body)
		_, at := a.problem(t)
		require.Equal(t, field, at, body)
		require.False(t, apitest.Describes(t, "POST", "/api/v1/templates/feishu-incident/test", []byte(body)), body)
	}
	require.Empty(t, b.accepter.requests)
	for from, to := range map[string]string{
		"channels.feishu_app.params.severity": "params.severity", "channels.feishu_app.template": "path.name",
		"channels.feishu_app": "path.name", "recipients[0].value": "recipient.value", "recipients": "recipient",
		"idempotencyKey": "idempotencyKey",
	} {
		b.accepter.err = &refusal.Error{Code: refusal.RenderFailed, Field: from, Message: "m"}
		a := b.test(t, "feishu-incident", `{"recipient":{"type":"phone","value":"1"}}`)
		require.Equal(t, 422, a.status)
		_, at := a.problem(t)
		require.Equal(t, to, at, from)
	}
}
