package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/apitest"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// A channel's own recipients and mentions reach the Accepter. The common recipients may be left
// out when each channel has its own, and only then.
func TestRecipientsOfAChannel(t *testing.T) {
	t.Parallel()
	b := start(t)
	body := with("recipients", "")
	a := b.call(t, post("console", body))
	code, field := a.problem(t)
	require.Equal(t, []any{400, "invalid_request", "recipients"}, []any{a.status, code, field})

	body = `{"idempotencyKey":"k","channels":{"email":{"template":"t","recipients":[{"type":"email","value":"a@b.c"}]},
		"feishu_webhook":{"template":"t","recipients":[{"type":"email","value":"d@e.f"}],"mention":[{"type":"feishu_user_id","value":"ou_1"}]}}}`
	require.True(t, apitest.Describes(t, "POST", "/api/v1/notifications", []byte(body)))
	require.Equal(t, 202, b.call(t, post("console", body)).status)
	require.Nil(t, b.accepter.requests[0].Recipients)
	require.Equal(t, map[string]accepting.ChannelRequest{
		"email":          {Template: "t", Recipients: accepting.To(store.Recipient{Type: "email", Value: "a@b.c"})},
		"feishu_webhook": {Template: "t", Recipients: accepting.To(store.Recipient{Type: "email", Value: "d@e.f"}), Mention: []store.Recipient{{Type: "feishu_user_id", Value: "ou_1"}}},
	}, b.accepter.requests[0].Channels)

	for code, status := range map[string]int{refusal.UnknownGroup: 422, refusal.GroupForbidden: 403, refusal.InvalidMention: 422} {
		b.accepter.err = &refusal.Error{Code: code, Field: "channels.x.recipients[0].value", Message: "no"}
		a := b.call(t, post("console", body))
		got, _ := a.problem(t)
		require.Equal(t, []any{status, code}, []any{a.status, got})
	}
}

// A retry does not take a message through a provider that names other apps.
func TestRetryThroughAProviderOfOthers(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.notificationOf("sender", 1)
	one := "/api/v1/deliveries/" + b.store.deliveries[0].ID.String() + "/retry"
	for path, body := range map[string]string{one: `{"provider":"team-b"}`, "/api/v1/deliveries/retry": `{"filter":{"code":"x"},"provider":"team-b"}`} {
		a := b.call(t, request{method: "POST", path: path, app: "sender", body: body})
		code, field := a.problem(t)
		require.Equal(t, []any{403, refusal.GroupForbidden, "provider"}, []any{a.status, code, field})
	}
	require.Empty(t, b.control.requests)
	require.Empty(t, b.control.retried)
	require.Equal(t, 202, b.call(t, request{method: "POST", path: one, app: "root", body: `{"provider":"team-b"}`}).status)
}

// Who is mentioned is shown with the message; whom the configuration names, to administrators.
func TestMentionIsShown(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.notificationOf("sender", 1)
	d := &b.store.deliveries[0]
	mention := func(app string) any {
		a := b.call(t, request{method: "GET", path: "/api/v1/deliveries/" + d.ID.String(), app: app})
		require.Equal(t, 200, a.status, a.text)
		return a.json(t)["message"].(map[string]any)["mention"]
	}
	require.Nil(t, mention("sender"))
	b.store.message.Mention = []store.Recipient{{Type: "feishu_user_id", Value: "ou_1"}, {Type: "feishu_user_id", Value: "ou_2", Configured: true}}
	shown := func(values ...string) []any {
		var list []any
		for _, value := range values {
			list = append(list, map[string]any{"type": "feishu_user_id", "value": value})
		}
		return list
	}
	require.Equal(t, shown("ou_1", "***"), mention("sender"))
	require.Equal(t, shown("ou_1", "ou_2"), mention("root"))
}
