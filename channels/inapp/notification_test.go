package inapp_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/inapp"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// created sends the message and returns the object that the API got.
func created(t *testing.T, change func(*inapp.Config), m channels.Message) map[string]any {
	t.Helper()
	bodies := make(chan []byte, 1)
	sender := open(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body json.RawMessage
		if json.NewDecoder(r.Body).Decode(&body) == nil {
			bodies <- body
			_, _ = w.Write(body)
		}
	})), change)
	_, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	var object map[string]any
	require.NoError(t, json.Unmarshal(limit.Receive(t, bodies, "the request"), &object))
	return object
}

func TestObject(t *testing.T) {
	t.Parallel()
	m := text()
	object := created(t, nil, m)
	require.Equal(t, "notification.sealos.io/v1", object["apiVersion"])
	require.Equal(t, "Notification", object["kind"])
	require.Equal(t, map[string]any{
		"name": "notify-" + m.DeliveryID.String(), "namespace": "ns-" + user,
		"annotations": map[string]any{"notify.sealos.io/delivery-id": m.DeliveryID.String()},
	}, object["metadata"])
	seconds, _ := m.DeliveryID.Time().UnixTime()
	require.Equal(t, map[string]any{
		"title": m.Subject, "message": m.Body, "timestamp": float64(seconds),
		"from": "Sealos", "importance": "Medium", "desktopPopup": true,
	}, object["spec"])
}

// The desktop hides a notification from its endTime on.
func TestExpiresAtIsTheEnd(t *testing.T) {
	t.Parallel()
	m := text()
	m.ExpiresAt = time.Date(2030, 1, 2, 11, 4, 5, 999_000_000, time.FixedZone("CST", 8*60*60))
	object := created(t, nil, m)
	require.Equal(t, "2030-01-02T03:04:05Z", object["spec"].(map[string]any)["endTime"])
	require.NotContains(t, created(t, nil, text())["spec"], "endTime")
}

// The template overrides the provider.
func TestTemplateComesFirst(t *testing.T) {
	t.Parallel()
	m := text()
	m.MsgType = "json"
	quiet := func(c *inapp.Config) { c.From, c.Importance, c.DesktopPopup = "", "Low", false }
	for _, tc := range []struct {
		name, body string
		change     func(*inapp.Config)
		want       map[string]any
	}{
		{"all", `{"title": "T", "message": "M", "from": "Billing", "importance": "High", "desktopPopup": false, "i18ns": {
			"zh": {"title": "题", "message": "文", "from": "账单"}, "ja": {"title": "件名", "message": "本文"}}}`, nil,
			map[string]any{
				"title": "T", "message": "M", "from": "Billing", "importance": "High", "desktopPopup": false,
				"i18ns": map[string]any{
					"zh": map[string]any{"title": "题", "message": "文", "from": "账单"},
					"ja": map[string]any{"title": "件名", "message": "本文", "from": "Billing"},
				},
			}},
		{"the least", `{"message": "M"}`, quiet,
			map[string]any{"title": m.Subject, "message": "M", "importance": "Low", "desktopPopup": false}},
		{"pops up", `{"title": "T", "desktopPopup": true}`, quiet,
			map[string]any{"title": "T", "message": "", "importance": "Low", "desktopPopup": true}},
		{"null is nothing", `{"title": null, "message": "M", "from": null, "desktopPopup": null, "i18ns": null}`, nil,
			map[string]any{"title": m.Subject, "message": "M", "from": "Sealos", "importance": "Medium", "desktopPopup": true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m := m
			m.Body = tc.body
			spec := created(t, tc.change, m)["spec"].(map[string]any)
			delete(spec, "timestamp")
			require.Equal(t, tc.want, spec)
		})
	}
}

func TestTitle(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("磁", 81)
	for _, tc := range []struct{ subject, body, title string }{
		{"Subject", "first\nsecond", "Subject"},
		{"", "first\nsecond", "first"},
		{"", "\n  first \r\nsecond", "first"},
		{"", long[3:], long[3:]},
		{"", long, long[6:] + "…"},
	} {
		m := text()
		m.Subject, m.Body = tc.subject, tc.body
		spec := created(t, nil, m)["spec"].(map[string]any)
		require.Equal(t, tc.title, spec["title"])
		require.Equal(t, tc.body, spec["message"], "the message is whole")
	}
}

func TestRefusedBeforeTheCall(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ msgType, subject, body, code string }{
		{"markdown", "T", "M", "msg_type"},
		{"text", "", " \n", "empty"},
		{"json", "", `{}`, "empty"},
		{"json", "", `null`, "empty"},
		{"json", "T", `[]`, "invalid_body"},
		{"json", "T", `"M"`, "invalid_body"},
		{"json", "T", `{`, "invalid_body"},
		{"json", "T", `{"titel": "T"}`, "invalid_body"},
		{"json", "T", `{"timestamp": 1}`, "invalid_body"},
		{"json", "T", `{"title": 7}`, "invalid_body"},
		{"json", "T", `{"desktopPopup": "yes"}`, "invalid_body"},
		{"json", "T", `{"importance": "high"}`, "invalid_body"},
		{"json", "T", `{"i18ns": [{"language": "zh", "title": "题", "message": "文"}]}`, "invalid_body"},
		{"json", "T", `{"i18ns": {"zh": {"title": "题"}}}`, "invalid_body"},
		{"json", "T", `{"i18ns": {"zh": {"message": "文"}}}`, "invalid_body"},
	} {
		cluster, sender := setup(t, nil)
		m := text()
		m.MsgType, m.Subject, m.Body = tc.msgType, tc.subject, tc.body
		_, err := sender.Send(t.Context(), m)
		channeltest.RequireError(t, err, channels.Permanent, tc.code)
		require.Zero(t, cluster.Requests("create"))
	}
}

// The desktop shows title and message to those who read English, and i18ns.zh in Chinese. So all
// texts are in i18ns, also under the language alone, and the English one is title and message.
func TestCombine(t *testing.T) {
	t.Parallel()
	zh, en := channels.Text{Subject: "题", Body: "文"}, channels.Text{Subject: "T", Body: "M"}
	for name, tc := range map[string]struct {
		msgType, own string
		texts        map[string]channels.Text
		want         string
	}{
		"English is shown": {"text", "zh", map[string]channels.Text{"zh": zh, "en": en},
			`{"title": "T", "message": "M", "i18ns": {"zh": {"title": "题", "message": "文"}, "en": {"title": "T", "message": "M"}}}`},
		"without English the recipient's": {"text", "ja", map[string]channels.Text{"zh": zh, "ja": {Body: "本文\n二"}},
			`{"title": "本文", "message": "本文\n二", "i18ns": {"zh": {"title": "题", "message": "文"}, "ja": {"title": "本文", "message": "本文\n二"}}}`},
		"regions": {"text", "zh-TW", map[string]channels.Text{"zh-TW": zh, "en-US": en},
			`{"title": "T", "message": "M", "i18ns": {"zh-TW": {"title": "题", "message": "文"}, "zh": {"title": "题", "message": "文"},
				"en-US": {"title": "T", "message": "M"}, "en": {"title": "T", "message": "M"}}}`},
		"JSON, with translations of its own": {"json", "zh", map[string]channels.Text{
			"zh": {Body: `{"title": "题", "message": "文", "from": "账单", "importance": "Low"}`},
			"en": {Body: `{"title": "T", "message": "M", "importance": "High", "desktopPopup": false, "i18ns": {"zh": {"title": "own", "message": "own"}}}`},
		}, `{"title": "T", "message": "M", "importance": "High", "desktopPopup": false,
			"i18ns": {"zh": {"title": "own", "message": "own"}, "en": {"title": "T", "message": "M"}}}`},
	} {
		msgType, body, err := inapp.Type.Combine(tc.msgType, tc.own, tc.texts)
		require.NoError(t, err, name)
		require.Equal(t, "json", msgType)
		require.JSONEq(t, tc.want, body, name)
		m := text()
		m.MsgType, m.Body = msgType, body
		require.Contains(t, created(t, nil, m)["spec"], "i18ns", "what is combined can be sent")
	}
	for body, wrong := range map[string]string{
		`{"title": "T"}`: "en: has no title or no message", `{"titel": "T"}`: "en: ", `[`: "en: ",
	} {
		_, _, err := inapp.Type.Combine("json", "zh", map[string]channels.Text{"zh": {Body: `{"message": "M"}`}, "en": {Body: body}})
		require.ErrorContains(t, err, wrong)
	}
}
