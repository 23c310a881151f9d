package feishuapp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/feishuapp"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	appID     = "cli_test"
	appSecret = "canary-secret-5d1e"
	openUser  = "ou_canary_7c3a"
	mailUser  = "Canary.User@example.com"
)

// setup starts a platform and opens a provider of it.
func setup(t *testing.T, change func(*feishuapp.Config)) (*feishu.Platform, channels.Sender) {
	t.Helper()
	platform := feishu.New(appID, appSecret, vendors.NewInbox())
	return platform, open(t, platform, change)
}

// open serves the platform and opens a provider of it.
func open(t *testing.T, platform http.Handler, change func(*feishuapp.Config)) channels.Sender {
	t.Helper()
	server := httptest.NewServer(platform)
	t.Cleanup(server.Close)
	c := newConfig()
	c.BaseURL = server.URL + "/"
	if change != nil {
		change(c)
	}
	require.NoError(t, c.Validate())
	sender, err := c.Open()
	require.NoError(t, err)
	return sender
}

func newConfig() *feishuapp.Config {
	c := feishuapp.Type.NewConfig().(*feishuapp.Config)
	c.AppID, c.AppSecret = appID, appSecret
	return c
}

func urgent(kind string) func(*feishuapp.Config) {
	return func(c *feishuapp.Config) { c.UrgentType = kind }
}

func textTo(recipientType, value string) channels.Message {
	return channels.Message{
		DeliveryID: uuid.Must(uuid.NewV7()), Attempt: 1,
		Recipient: channels.Recipient{Type: recipientType, Value: value},
		MsgType:   "text", Body: "disk <sda> is \"full\" & 数据库",
	}
}

func toOpenID() channels.Message { return textTo(channels.RecipientFeishuUserID, openUser) }
func toEmail() channels.Message  { return textTo(channels.RecipientEmail, mailUser) }

func TestSendText(t *testing.T) {
	t.Parallel()
	platform, sender := setup(t, nil)
	m := toOpenID()

	receipt, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	arrivals := platform.Inbox().Arrivals()
	require.Len(t, arrivals, 1)
	require.Equal(t, map[string]any{"message_id": arrivals[0].ID}, receipt.Details)
	require.Equal(t, m.Body, arrivals[0].Text)
	require.Equal(t, "text", arrivals[0].Kind)
	require.Equal(t, m.DeliveryID.String(), arrivals[0].Mark)
	require.Zero(t, platform.Requests(feishu.Urgent))
}

func TestSendJSON(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"post", "interactive"} {
		platform, sender := setup(t, nil)
		m := toOpenID()
		m.MsgType, m.Body = kind, `{"zh_cn": {"title": "数据库 <1>"}}`

		_, err := sender.Send(t.Context(), m)
		require.NoError(t, err)
		arrivals := platform.Inbox().Arrivals()
		require.Len(t, arrivals, 1)
		require.Equal(t, m.Body, arrivals[0].Text)
		require.Equal(t, kind, arrivals[0].Kind)
	}
}

func TestIDTypeFollowsRecipient(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ receiveIDType, recipient, value, want string }{
		{"open_id", channels.RecipientFeishuUserID, "ou_1", "open_id"},
		{"user_id", channels.RecipientFeishuUserID, "4d7a", "user_id"},
		{"union_id", channels.RecipientFeishuUserID, "on_1", "union_id"},
		{"email", channels.RecipientFeishuUserID, "ou_1", "open_id"},
		{"email", channels.RecipientFeishuUserID, "on_1", "union_id"},
		{"email", channels.RecipientFeishuUserID, "4d7a", "user_id"},
		{"open_id", channels.RecipientEmail, mailUser, "email"},
		{"user_id", channels.RecipientEmail, mailUser, "email"},
		{"union_id", channels.RecipientEmail, mailUser, "email"},
		{"email", channels.RecipientEmail, mailUser, "email"},
		{"open_id", channels.RecipientFeishuChatID, chat, "chat_id"},
		{"email", channels.RecipientFeishuChatID, chat, "chat_id"},
	} {
		t.Run(tc.receiveIDType+" "+tc.value, func(t *testing.T) {
			t.Parallel()
			platform, sender := setup(t, func(c *feishuapp.Config) { c.ReceiveIDType = tc.receiveIDType })
			_, err := sender.Send(t.Context(), textTo(tc.recipient, tc.value))
			require.NoError(t, err)
			arrivals := platform.Inbox().Arrivals()
			require.Len(t, arrivals, 1)
			require.Equal(t, tc.want, arrivals[0].ToType)
			require.Equal(t, tc.value, arrivals[0].To)
		})
	}
}

const chat = "oc_84983ff6516d731e5b5f68d4ea2e1da5"

// A message to a chat mentions several people, in the form of each kind of message.
func TestMentionInAChat(t *testing.T) {
	t.Parallel()
	for kind, body := range map[string]string{
		"text": "hello", "post": `{"zh_cn":{"content":[[{"tag":"text","text":"hello"}]]}}`, "interactive": `{"elements":[{"tag":"markdown","content":"hello"}]}`,
	} {
		platform, sender := setup(t, nil)
		m := textTo(channels.RecipientFeishuChatID, chat)
		m.MsgType, m.Body = kind, body
		for _, id := range []string{"ou_1", "on_2", "4d7a"} {
			m.Mention = append(m.Mention, channels.Recipient{Type: channels.RecipientFeishuUserID, Value: id})
		}
		_, err := sender.Send(t.Context(), m)
		require.NoError(t, err)
		arrival := platform.Inbox().Arrivals()[0]
		require.Equal(t, []string{"ou_1", "on_2", "4d7a"}, arrival.Mentions, kind)
		require.Contains(t, arrival.Text, "hello")
	}
}

// Nobody is urged by a message to a chat, and the receipt says so.
func TestChatIsNotUrged(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"app", "sms", "phone"} {
		platform, sender := setup(t, urgent(kind))
		receipt, err := sender.Send(t.Context(), textTo(channels.RecipientFeishuChatID, chat))
		require.NoError(t, err)
		require.NotEmpty(t, receipt.Details["urgent_skipped"])
		require.NotContains(t, receipt.Details, "urgent_type")
		require.NoError(t, receipt.Urgent)
		require.Zero(t, platform.Requests(feishu.Urgent))
	}
}

// The error says that the app's bot must be in the chat.
func TestBotIsNotInTheChat(t *testing.T) {
	t.Parallel()
	platform, sender := setup(t, nil)
	platform.RemoveBot(chat)
	_, err := sender.Send(t.Context(), textTo(channels.RecipientFeishuChatID, chat))
	channeltest.RequireError(t, err, channels.Permanent, "feishu_230002")
	require.ErrorContains(t, err, "the app's bot is not in the chat; add it there: The bot can not be outside the group.")
	require.Zero(t, platform.Inbox().Total())
}

func TestRefusedBeforeTheCall(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code   string
		change func(*channels.Message)
	}{
		{"recipient_type", func(m *channels.Message) { m.Recipient.Type = channels.RecipientPhone }},
		{"msg_type", func(m *channels.Message) { m.MsgType = "image" }},
		{"mention", func(m *channels.Message) { m.Mention = []channels.Recipient{m.Recipient} }}, // in a message to a user
		{"mention", func(m *channels.Message) {
			m.Recipient, m.Mention = channels.Recipient{Type: channels.RecipientFeishuChatID, Value: chat}, []channels.Recipient{{Type: channels.RecipientFeishuUserID, Value: "all"}}
		}},
		{"mention", func(m *channels.Message) {
			m.Recipient, m.Mention = channels.Recipient{Type: channels.RecipientFeishuChatID, Value: chat}, []channels.Recipient{{Type: channels.RecipientEmail, Value: mailUser}}
		}},
		{"mention", func(m *channels.Message) {
			m.Recipient, m.Mention = channels.Recipient{Type: channels.RecipientFeishuChatID, Value: chat}, []channels.Recipient{{Type: channels.RecipientFeishuUserID, Value: "ou_1"}}
			m.MsgType, m.Body = "interactive", `{"type":"template","data":{}}`
		}},
		{"too_long", func(m *channels.Message) { m.Body = strings.Repeat("x", 150<<10) }},
		{"too_long", func(m *channels.Message) { m.MsgType, m.Body = "post", `"`+strings.Repeat("x", 30<<10)+`"` }},
		{"too_long", func(m *channels.Message) { m.MsgType, m.Body = "interactive", `"`+strings.Repeat("x", 30<<10)+`"` }},
	} {
		platform, sender := setup(t, nil)
		m := toOpenID()
		tc.change(&m)
		_, err := sender.Send(t.Context(), m)
		channeltest.RequireError(t, err, channels.Permanent, tc.code)
		require.Zero(t, platform.Requests(feishu.Token)+platform.Requests(feishu.Messages))
	}
}

// Escapes do not count towards a text's limit.
func TestLongestText(t *testing.T) {
	t.Parallel()
	platform, sender := setup(t, nil)
	m := toOpenID()
	m.Body = strings.Repeat("<", 150<<10-len(`{"text":""}`))
	_, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, m.Body, platform.Inbox().Arrivals()[0].Text)
}

// A lost answer is followed by an attempt with the same uuid: one message.
func TestLostAnswerIsOneMessage(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]feishu.Fault{
		"cut":       {Where: feishu.Messages, Times: 1, After: true, Reset: true},
		"HTML":      {Where: feishu.Messages, Times: 1, After: true, Body: "<html>"},
		"not known": {Where: feishu.Messages, Times: 1, After: true, Body: `{"code":0}`},
		"hangs":     {Where: feishu.Messages, Times: 1, After: true, Hang: true},
		"gateway":   {Where: feishu.Messages, Times: 1, After: true, HTTPStatus: 504, Body: `{"code":0}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			platform, sender := setup(t, nil)
			platform.Fail(fault)
			m := toOpenID()

			ctx, cancel := context.WithCancel(t.Context())
			if fault.Hang {
				go func() {
					defer cancel()
					_ = platform.Inbox().Wait(ctx, 1) // ends with the test at the latest
				}()
			}
			_, err := sender.Send(ctx, m)
			cancel()
			require.Equal(t, channels.Uncertain, channels.AsError(err).Class, "%v", err)

			m.Attempt = 2
			receipt, err := sender.Send(t.Context(), m)
			require.NoError(t, err)
			require.Equal(t, vendors.Mark{Requests: 2, Arrivals: 1}, platform.Inbox().Mark(m.DeliveryID.String()))
			require.Equal(t, platform.Inbox().Arrivals()[0].ID, receipt.Details["message_id"])
		})
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		where string
		class channels.Class
	}{
		{feishu.Messages, channels.Uncertain},
		{feishu.Token, channels.Transient}, // the message was not sent
	} {
		t.Run(tc.where, func(t *testing.T) {
			t.Parallel()
			platform, sender := setup(t, nil)
			_, err := sender.Send(t.Context(), toOpenID()) // so that only the hanging call takes time
			require.NoError(t, err)
			if tc.where == feishu.Token {
				platform.RevokeToken()
			}
			platform.Fail(feishu.Fault{Where: tc.where, Hang: true})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()

			_, err = sender.Send(ctx, toOpenID())
			channeltest.RequireError(t, err, tc.class, "timeout")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, 1, platform.Inbox().Total())
		})
	}
}

// A message that waits for another one's token call ends with its deadline.
func TestDeadlineWhileAnotherGetsTheToken(t *testing.T) {
	t.Parallel()
	platform, sender := setup(t, nil)
	fault := platform.Fail(feishu.Fault{Where: feishu.Token, Hang: true})
	first := make(chan error, 1)
	go func() {
		_, err := sender.Send(t.Context(), toOpenID())
		first <- err
	}()
	require.NoError(t, fault.Wait(t.Context(), 1))

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := sender.Send(ctx, toOpenID())
	channeltest.RequireError(t, err, channels.Transient, "timeout")

	fault.Lift()
	require.NoError(t, <-first)
	require.Equal(t, 1, platform.Requests(feishu.Token))
}

func TestTokenThatIsRefusedIsReplaced(t *testing.T) {
	t.Parallel()
	platform, sender := setup(t, nil)
	_, err := sender.Send(t.Context(), toOpenID())
	require.NoError(t, err)
	platform.RevokeToken()

	_, err = sender.Send(t.Context(), toOpenID())
	require.NoError(t, err)
	require.Equal(t, 2, platform.Requests(feishu.Token))
	require.Equal(t, 3, platform.Requests(feishu.Messages))
	require.Equal(t, 2, platform.Inbox().Total())
}

func TestTokenThatIsAlwaysRefused(t *testing.T) {
	t.Parallel()
	platform, sender := setup(t, nil)
	platform.Fail(feishu.Fault{Where: feishu.Messages, HTTPStatus: 400, Code: "99991663", Message: "Invalid access token"})
	_, err := sender.Send(t.Context(), toOpenID())
	channeltest.RequireError(t, err, channels.Misconfigured, "feishu_99991663")
	require.Equal(t, 2, platform.Requests(feishu.Messages))
	require.Equal(t, 2, platform.Requests(feishu.Token))
}

// Providers share no token, so a new secret takes effect at once.
func TestEachProviderHasItsOwnToken(t *testing.T) {
	t.Parallel()
	platform, good := setup(t, nil)
	bad := open(t, platform, func(c *feishuapp.Config) { c.AppSecret = "old" })
	stranger := open(t, platform, func(c *feishuapp.Config) { c.AppID = "cli_other" })

	_, err := good.Send(t.Context(), toOpenID())
	require.NoError(t, err)
	_, err = bad.Send(t.Context(), toOpenID())
	channeltest.RequireError(t, err, channels.Misconfigured, "feishu_10014")
	_, err = stranger.Send(t.Context(), toOpenID())
	channeltest.RequireError(t, err, channels.Misconfigured, "feishu_10003")
	require.Equal(t, 1, platform.Requests(feishu.Messages))
}

func TestProbe(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		fault  feishu.Fault
		change func(*feishuapp.Config)
		class  channels.Class // empty when the probe succeeds
		code   string
	}{
		{name: "well"},
		{name: "bad secret", change: func(c *feishuapp.Config) { c.AppSecret = "old" }, class: channels.Misconfigured, code: "feishu_10014"},
		{name: "bad app", change: func(c *feishuapp.Config) { c.AppID = "cli_other" }, class: channels.Misconfigured, code: "feishu_10003"},
		{name: "another's page", fault: feishu.Fault{Where: feishu.Token, HTTPStatus: 404, Body: "<html>"}, class: channels.Misconfigured, code: "http_404"},
		{name: "down", fault: feishu.Fault{Where: feishu.Token, HTTPStatus: 503}, class: channels.Transient, code: "http_503"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			platform, sender := setup(t, tc.change)
			if tc.fault.Where != "" {
				platform.Fail(tc.fault)
			}
			err := sender.(channels.Prober).Probe(t.Context())
			require.Equal(t, 1, platform.Requests(feishu.Token))
			require.Zero(t, platform.Requests(feishu.Messages))
			if tc.class == "" {
				require.NoError(t, err)
			} else {
				channeltest.RequireError(t, err, tc.class, tc.code)
			}
		})
	}
}

func TestManyGoroutines(t *testing.T) {
	t.Parallel()
	const senders = 200
	platform, sender := setup(t, urgent("app"))
	errs := make(chan error, senders)
	var wg sync.WaitGroup
	for n := range senders {
		wg.Go(func() {
			m := textTo(channels.RecipientFeishuUserID, fmt.Sprintf("ou_%d", n))
			_, err := sender.Send(t.Context(), m)
			if err == nil && platform.Inbox().Mark(m.DeliveryID.String()) != (vendors.Mark{Requests: 1, Arrivals: 1}) {
				err = fmt.Errorf("%s: not one message", m.DeliveryID)
			}
			errs <- err
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, senders, platform.Inbox().Total())
	require.Equal(t, 1, platform.Requests(feishu.Token))
}

// A card goes without the button that it has no room for; a text and a post have none.
func TestButtonsThatAreLeftOut(t *testing.T) {
	t.Parallel()
	full := `{"elements":[{"tag":"markdown","content":"` + strings.Repeat("x", 30<<10-60) + `"}]}`
	for body, reason := range map[string]string{
		full: "bytes long",
		`{"type":"template","data":{"template_id":"AAq"}}`: "builder",
	} {
		platform, sender := setup(t, nil)
		receipt, err := sender.Send(t.Context(), card(body))
		require.NoError(t, err)
		require.Contains(t, receipt.Details["button_left_out"], reason)
		require.Equal(t, body, platform.Inbox().Arrivals()[0].Text)
	}
	platform, sender := setup(t, nil)
	m := toOpenID()
	m.Button, m.Note = &channels.Button{Label: "Acknowledge", Value: "signed"}, "seen"
	receipt, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.NotContains(t, receipt.Details, "button_left_out")
	require.Equal(t, m.Body, platform.Inbox().Arrivals()[0].Text)
}
