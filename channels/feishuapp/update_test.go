package feishuapp_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// inThread returns a message of a thread.
func inThread(msgType, body string) channels.Message {
	m := toOpenID()
	m.MsgType, m.Body, m.InThread = msgType, body, true
	return m
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	const builder = `{"type":"template","data":{"template_id":"ctp_1"}}`
	for _, tc := range []struct{ name, msgType, before, after, shown string }{
		{"text", "text", "fires", "is over", "is over"},
		{"post", "post", `{"zh_cn":{"content":[]}}`, `{"zh_cn":{"content":[[{"tag":"text","text":"over"}]]}}`, `{"zh_cn":{"content":[[{"tag":"text","text":"over"}]]}}`},
		{"card", "interactive", `{"elements":[]}`, `{"config":{"update_multi":false,"x":1},"elements":[{"tag":"hr"}]}`,
			`{"config":{"update_multi":true,"x":1},"elements":[{"tag":"hr"}]}`},
		{"card of the builder", "interactive", builder, builder, builder},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			platform, sender := setup(t, urgent("app"))
			sent, err := sender.Send(t.Context(), inThread(tc.msgType, tc.before))
			require.NoError(t, err)
			urged := platform.Requests(feishu.Urgent)
			for range 2 { // an edit may be repeated
				updated, err := sender.(channels.Updater).Update(t.Context(), sent.Reference, inThread(tc.msgType, tc.after))
				require.NoError(t, err)
				require.Equal(t, sent.Reference, updated.Reference)
				require.Equal(t, map[string]any{"message_id": sent.Details["message_id"]}, updated.Details)
			}
			arrivals := platform.Inbox().Arrivals()
			require.Len(t, arrivals, 1)
			require.Equal(t, tc.shown, arrivals[0].Text)
			require.Len(t, arrivals[0].Was, 2)
			require.Equal(t, urged, platform.Requests(feishu.Urgent), "an edit urges nobody")
		})
	}
}

// What cannot be edited is refused for good, so a new message is sent.
func TestUpdateIsRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spoil   func(*feishu.Platform, string)
		changed func(*channels.Message)
		code    string
	}{
		"recalled":     {spoil: (*feishu.Platform).Recall, code: "feishu_230011"},
		"deleted":      {spoil: (*feishu.Platform).Delete, code: "feishu_230110"},
		"another type": {changed: func(m *channels.Message) { m.MsgType, m.Body = "post", `{"zh_cn":{"content":[]}}` }, code: "other_type"},
		"too long":     {changed: func(m *channels.Message) { m.Body = strings.Repeat("x", 150<<10) }, code: "too_long"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			platform, sender := setup(t, nil)
			m := inThread("text", "fires")
			sent, err := sender.Send(t.Context(), m)
			require.NoError(t, err)
			if tc.spoil != nil {
				tc.spoil(platform, sent.Details["message_id"].(string))
			}
			if tc.changed != nil {
				tc.changed(&m)
			}
			_, err = sender.(channels.Updater).Update(t.Context(), sent.Reference, m)
			channeltest.RequireError(t, err, channels.Permanent, tc.code)
		})
	}
	_, sender := setup(t, nil)
	_, err := sender.(channels.Updater).Update(t.Context(), "", inThread("text", "fires"))
	channeltest.RequireError(t, err, channels.Permanent, "reference")
}

// A card that was not sent as one of a thread cannot be edited.
func TestCardsOutsideOfThreadsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	platform, sender := setup(t, nil)
	m := inThread("interactive", `{"elements":[]}`)
	m.InThread = false
	sent, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, m.Body, platform.Inbox().Arrivals()[0].Text)
	m.InThread = true
	_, err = sender.(channels.Updater).Update(t.Context(), sent.Reference, m)
	channeltest.RequireError(t, err, channels.Permanent, "feishu_230001")
}

// Failures of an edit that may go away are not refusals.
func TestUpdateFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault feishu.Fault
		class channels.Class
	}{
		"the message's limit": {feishu.Fault{HTTPStatus: 400, Code: "230020"}, channels.Throttled},
		"no answer":           {feishu.Fault{Reset: true}, channels.Uncertain},
		"no permission":       {feishu.Fault{HTTPStatus: 400, Code: "230027"}, channels.Misconfigured},
		"internal":            {feishu.Fault{HTTPStatus: 500, Code: "1500"}, channels.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			platform, sender := setup(t, nil)
			m := inThread("text", "fires")
			sent, err := sender.Send(t.Context(), m)
			require.NoError(t, err)
			tc.fault.Where = feishu.Edit
			platform.Fail(tc.fault)
			_, err = sender.(channels.Updater).Update(t.Context(), sent.Reference, m)
			require.Equal(t, tc.class, channels.AsError(err).Class, "%v", err)
		})
	}
}
