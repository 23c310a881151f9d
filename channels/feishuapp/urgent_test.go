package feishuapp_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/feishuapp"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

func TestUrgent(t *testing.T) {
	t.Parallel()
	mailID := feishu.UserID("open_id", mailUser)
	for _, tc := range []struct {
		name    string
		kind    string
		config  func(*feishuapp.Config)
		message channels.Message
		note    string
		lookUps int
	}{
		{name: "app", kind: "app", message: toOpenID(), note: "urgent app to " + openUser},
		{name: "sms", kind: "sms", message: toOpenID(), note: "urgent sms to " + openUser},
		{name: "phone", kind: "phone", message: toOpenID(), note: "urgent phone to " + openUser},
		{name: "follows the message's id type", kind: "app", message: textTo(channels.RecipientFeishuUserID, "on_1"),
			config: func(c *feishuapp.Config) { c.ReceiveIDType = "union_id" }, note: "urgent app to on_1"},
		{name: "id type told by its prefix", kind: "app", message: textTo(channels.RecipientFeishuUserID, "on_1"),
			config: func(c *feishuapp.Config) { c.ReceiveIDType = "email" }, note: "urgent app to on_1"},
		{name: "email is looked up", kind: "phone", message: toEmail(), note: "urgent phone to " + mailID, lookUps: 1},
		{name: "email is looked up as the configured type", kind: "app", message: toEmail(),
			config: func(c *feishuapp.Config) { c.UrgentUserIDType = "union_id" },
			note:   "urgent app to " + feishu.UserID("union_id", mailUser), lookUps: 1},
		{name: "email although ids are user ids", kind: "app", message: toEmail(),
			config: func(c *feishuapp.Config) { c.ReceiveIDType = "user_id" }, note: "urgent app to " + mailID, lookUps: 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			platform, sender := setup(t, func(c *feishuapp.Config) {
				c.UrgentType = tc.kind
				if tc.config != nil {
					tc.config(c)
				}
			})
			receipt, err := sender.Send(t.Context(), tc.message)
			require.NoError(t, err)
			arrivals := platform.Inbox().Arrivals()
			require.Len(t, arrivals, 1)
			require.Equal(t, []string{tc.note}, arrivals[0].Notes)
			require.Equal(t, map[string]any{"message_id": arrivals[0].ID, "urgent_type": tc.kind}, receipt.Details)
			require.Equal(t, tc.lookUps, platform.Requests(feishu.Users))
			require.Equal(t, 1, platform.Requests(feishu.Urgent))
		})
	}
}

// When an urgent call fails, the message stays delivered, once.
func TestUrgentFails(t *testing.T) {
	t.Parallel()
	throttled := feishu.Fault{Where: feishu.Urgent, HTTPStatus: 429}
	throttledLong := throttled
	throttledLong.Header = http.Header{"X-Ogw-Ratelimit-Reset": {"3600"}}
	for _, tc := range []struct {
		name    string
		fault   feishu.Fault
		message channels.Message
		calls   int    // of the urgent call
		reason  string // in urgent_error; none when empty
	}{
		{"refused", feishu.Fault{Where: feishu.Urgent, HTTPStatus: 400, Code: "230001"}, toOpenID(), 1, "feishu_230001"},
		{"no permission", feishu.Fault{Where: feishu.Urgent, HTTPStatus: 400, Code: "99991672"}, toOpenID(), 1, "feishu_99991672"},
		{"quota used up", feishu.Fault{Where: feishu.Urgent, HTTPStatus: 400, Code: "230024"}, toOpenID(), 1, "feishu_230024 (misconfigured)"},
		{"too many unread", feishu.Fault{Where: feishu.Urgent, HTTPStatus: 400, Code: "230023"}, toOpenID(), 1, "feishu_230023 (permanent)"},
		{"not allowed", feishu.Fault{Where: feishu.Urgent, HTTPStatus: 400, Code: "230052"}, toOpenID(), 1, "feishu_230052 (permanent)"},
		{"folded", feishu.Fault{Where: feishu.Urgent, HTTPStatus: 400, Code: "230098"}, toOpenID(), 1, "feishu_230098 (permanent)"},
		{"deleted", feishu.Fault{Where: feishu.Urgent, HTTPStatus: 400, Code: "230110"}, toOpenID(), 1, "feishu_230110 (permanent)"},
		{"another's message", feishu.Fault{Where: feishu.Urgent, HTTPStatus: 400, Code: "230012"}, toOpenID(), 1, "feishu_230012 (permanent)"},
		{"unlisted", feishu.Fault{Where: feishu.Urgent, HTTPStatus: 400, Code: "424242", Raw: true}, toOpenID(), 3, "feishu_424242 (transient)"},
		{"a part is reached", feishu.Fault{Where: feishu.Urgent, Body: `{"code":0,"data":{"invalid_user_id_list":["ou_x"]}}`}, toOpenID(), 1, "urgent_unreached"},
		{"down", feishu.Fault{Where: feishu.Urgent, HTTPStatus: 503}, toOpenID(), 3, "http_503"},
		{"down for a moment", feishu.Fault{Where: feishu.Urgent, HTTPStatus: 503, Times: 2}, toOpenID(), 3, ""},
		{"throttled for a moment", feishu.Fault{Where: feishu.Urgent, HTTPStatus: 429, Times: 1}, toOpenID(), 2, ""},
		{"throttled", throttled, toOpenID(), 3, "http_429"},
		{"throttled for longer than there is time", throttledLong, toOpenID(), 1, "http_429"},
		{"answer lost", feishu.Fault{Where: feishu.Urgent, Reset: true, After: true}, toOpenID(), 1, "no_answer"},
		{"hangs", feishu.Fault{Where: feishu.Urgent, Hang: true}, toOpenID(), 1, "timeout"},
		{"look-up refused", feishu.Fault{Where: feishu.Users, HTTPStatus: 400, Code: "99991672"}, toEmail(), 0, "feishu_99991672"},
		{"look-up down for a moment", feishu.Fault{Where: feishu.Users, HTTPStatus: 503, Times: 1}, toEmail(), 1, ""},
		{"look-up finds nobody", feishu.Fault{Where: feishu.Users, Body: `{"code":0,"data":{}}`}, toEmail(), 0, "user_not_found"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			platform, sender := setup(t, urgent("phone"))
			platform.Fail(tc.fault)
			timeout := 30 * time.Second
			if tc.fault.Hang {
				timeout = 2 * time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()

			receipt, err := sender.Send(ctx, tc.message)
			require.NoError(t, err)
			require.Equal(t, platform.Inbox().Arrivals()[0].ID, receipt.Details["message_id"])
			require.Equal(t, "phone", receipt.Details["urgent_type"])
			require.Equal(t, tc.calls, platform.Requests(feishu.Urgent))
			require.Equal(t, 1, platform.Requests(feishu.Messages))
			if tc.reason == "" {
				require.NotContains(t, receipt.Details, "urgent_error")
				require.NoError(t, receipt.Urgent)
			} else {
				require.ErrorContains(t, receipt.Urgent, tc.reason)
				require.Contains(t, receipt.Details["urgent_error"], tc.reason)
			}
		})
	}
}

// When every id of an urgent call is invalid, the platform answers 230001.
func TestUrgentReachesNobody(t *testing.T) {
	t.Parallel()
	platform, sender := setup(t, urgent("sms"))
	platform.InvalidUser(openUser)
	receipt, err := sender.Send(t.Context(), toOpenID())
	require.NoError(t, err)
	require.Contains(t, receipt.Details["urgent_error"], "feishu_230001")
	require.NotContains(t, receipt.Details["urgent_error"], openUser)
	channeltest.RequireError(t, receipt.Urgent, channels.Permanent, "feishu_230001")
	require.Equal(t, 1, platform.Requests(feishu.Urgent))
	require.Empty(t, platform.Inbox().Arrivals()[0].Notes)
}

func TestUrgentForUnknownEmail(t *testing.T) {
	t.Parallel()
	platform, sender := setup(t, urgent("phone"))
	platform.UnknownEmail(mailUser)
	receipt, err := sender.Send(t.Context(), toEmail())
	require.NoError(t, err)
	require.Contains(t, receipt.Details["urgent_error"], "user_not_found")
	require.Zero(t, platform.Requests(feishu.Urgent))
}

// A token that ends between the message and the urgent call is replaced.
func TestUrgentWithNewToken(t *testing.T) {
	t.Parallel()
	platform, sender := setup(t, urgent("app"))
	fault := platform.Fail(feishu.Fault{Where: feishu.Urgent, Times: 1, HTTPStatus: 400, Code: "99991663"})
	receipt, err := sender.Send(t.Context(), toOpenID())
	require.NoError(t, err)
	require.NoError(t, fault.Wait(t.Context(), 1))
	require.NotContains(t, receipt.Details, "urgent_error")
	require.Equal(t, 2, platform.Requests(feishu.Token))
}

// A slow message leaves time for the urgent call.
func TestTimeIsKeptForTheUrgentCall(t *testing.T) {
	t.Parallel()
	platform, sender := setup(t, urgent("app"))
	platform.Fail(feishu.Fault{Where: feishu.Messages, Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	_, err := sender.Send(ctx, toOpenID())
	channeltest.RequireError(t, err, channels.Uncertain, "timeout")
	require.NoError(t, ctx.Err(), "a quarter of the time is left")
}

// A message may say how it is urged, in place of the provider.
func TestUrgentOfTheMessage(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"", "app"} {
		platform, sender := setup(t, urgent(provider))
		m := toOpenID()
		m.Urgent = "phone"
		receipt, err := sender.Send(t.Context(), m)
		require.NoError(t, err)
		require.Equal(t, "phone", receipt.Details["urgent_type"])
		require.Equal(t, []string{"urgent phone to " + openUser}, platform.Inbox().Arrivals()[0].Notes)
	}
}

// A message that is there is urged without another one.
func TestUrge(t *testing.T) {
	t.Parallel()
	platform, sender := setup(t, nil)
	m := toEmail()
	sent, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	id, ref := sent.Details["message_id"].(string), sent.Reference
	urger := sender.(channels.Urger)
	_, err = urger.Urge(t.Context(), ref, m)
	channeltest.RequireError(t, err, channels.Permanent, "urgent")
	_, err = urger.Urge(t.Context(), "om_x", m)
	channeltest.RequireError(t, err, channels.Permanent, "reference")

	m.Urgent = "sms"
	receipt, err := urger.Urge(t.Context(), ref, m)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"message_id": id, "urged": true, "urgent_type": "sms"}, receipt.Details)
	require.Equal(t, []string{"urgent sms to " + feishu.UserID("open_id", mailUser)}, platform.Inbox().Arrivals()[0].Notes)
	require.Equal(t, 1, platform.Inbox().Total())

	platform.Fail(feishu.Fault{Where: feishu.Urgent, Times: 1, HTTPStatus: 400, Code: "230110"})
	_, err = urger.Urge(t.Context(), ref, m)
	channeltest.RequireError(t, err, channels.Permanent, "feishu_230110")
	chat := textTo(channels.RecipientFeishuChatID, chat)
	chat.Urgent = "app"
	_, err = urger.Urge(t.Context(), ref, chat)
	channeltest.RequireError(t, err, channels.Permanent, "urgent")

	// The answer is lost: what costs money is not repeated, the other is.
	platform.Fail(feishu.Fault{Where: feishu.Urgent, Times: 2, After: true, Reset: true})
	receipt, err = urger.Urge(t.Context(), ref, m)
	require.NoError(t, err)
	channeltest.RequireError(t, receipt.Urgent, channels.Uncertain, "no_answer")
	require.Contains(t, receipt.Details["urgent_error"], "no_answer")
	m.Urgent = "app"
	_, err = urger.Urge(t.Context(), ref, m)
	channeltest.RequireError(t, err, channels.Uncertain, "no_answer")
}
