package feishuwebhook_test

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/feishuwebhook"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishubot"
)

const (
	token   = "canary-token-91c4"
	secret  = "canary-secret-0b7e"
	user    = "ou_canary_7c3a"
	address = "Canary.User@example.com"
)

// TestMain trusts the certificate of httptest's servers and sets a proxy that must not
// be used. Both are read from the environment once.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "feishuwebhook")
	if err != nil {
		panic(err)
	}
	server := httptest.NewTLSServer(nil)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	server.Close()
	file := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(file, certificate, 0o600); err != nil {
		panic(err)
	}
	for name, value := range map[string]string{
		"SSL_CERT_FILE": file, "HTTP_PROXY": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// newConfig returns the configuration of a bot at the address, with the defaults.
func newConfig(webhookURL string) *feishuwebhook.Config {
	c := feishuwebhook.Type.NewConfig().(*feishuwebhook.Config)
	c.WebhookURL = webhookURL
	return c
}

// setup starts a bot and opens a provider of it.
func setup(t *testing.T) (*feishubot.Bot, channels.Sender) {
	t.Helper()
	bot := feishubot.New(token, secret, vendors.NewInbox())
	return bot, open(t, bot, nil)
}

// open serves the bot and opens a provider of it.
func open(t *testing.T, bot http.Handler, change func(*feishuwebhook.Config)) channels.Sender {
	t.Helper()
	server := httptest.NewServer(bot)
	t.Cleanup(server.Close)
	return openAt(t, server.URL, change)
}

// openAt opens a provider of a bot behind the address.
func openAt(t *testing.T, base string, change func(*feishuwebhook.Config)) channels.Sender {
	t.Helper()
	u, err := url.Parse(base)
	require.NoError(t, err)
	c := newConfig(base + feishubot.Path(token))
	c.Secret, c.AllowedHosts, c.AllowPrivateNetworks = secret, []string{u.Host}, true
	if change != nil {
		change(c)
	}
	require.NoError(t, c.Validate())
	sender, err := c.Open()
	require.NoError(t, err)
	return sender
}

func textTo(recipientType, value string) channels.Message {
	return channels.Message{
		DeliveryID: uuid.Must(uuid.NewV7()), Attempt: 1,
		Recipient: channels.Recipient{Type: recipientType, Value: value},
		MsgType:   "text", Body: "disk <sda> is \"full\" & 数据库",
	}
}

func toUser() channels.Message  { return textTo(channels.RecipientFeishuUserID, user) }
func toEmail() channels.Message { return textTo(channels.RecipientEmail, address) }

func TestSendText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		message  channels.Message
		to, text string
	}{
		{toUser(), user, `<at user_id="` + user + `"></at> ` + toUser().Body},
		{toEmail(), "group", toEmail().Body},
	} {
		bot, sender := setup(t)
		receipt, err := sender.Send(t.Context(), tc.message)
		require.NoError(t, err)
		require.NotEmpty(t, receipt.Details["log_id"])
		arrivals := bot.Inbox().Arrivals()
		require.Len(t, arrivals, 1)
		require.Equal(t, tc.to, arrivals[0].To)
		require.Equal(t, tc.text, arrivals[0].Text)
		require.Equal(t, tc.message.DeliveryID.String(), arrivals[0].Mark)
	}
}

func TestSendJSON(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"post", "interactive"} {
		for _, m := range []channels.Message{toUser(), toEmail()} {
			bot, sender := setup(t)
			m.MsgType, m.Body = kind, `{"zh_cn": {"title": "数据库 <1>"}}`
			_, err := sender.Send(t.Context(), m)
			require.NoError(t, err)
			arrivals := bot.Inbox().Arrivals()
			require.Len(t, arrivals, 1)
			require.JSONEq(t, m.Body, arrivals[0].Text)
			require.Equal(t, kind, arrivals[0].Kind)
			require.Equal(t, "group", arrivals[0].To, "whom a card mentions is its author's choice")
		}
	}
}

// One message to a group mentions several people, in the form of each kind of message.
func TestMention(t *testing.T) {
	t.Parallel()
	people := []channels.Recipient{{Type: channels.RecipientFeishuUserID, Value: "ou_1"}, {Type: channels.RecipientFeishuUserID, Value: user}}
	for kind, body := range map[string]string{
		"text": "hello", "post": `{"zh_cn":{"content":[[{"tag":"text","text":"hello"}]]}}`, "interactive": `{"elements":[{"tag":"markdown","content":"hello"}]}`,
	} {
		bot, sender := setup(t)
		m := textTo(channels.RecipientFeishuGroup, "team-a")
		m.MsgType, m.Body, m.Mention = kind, body, people
		_, err := sender.Send(t.Context(), m)
		require.NoError(t, err, kind)
		arrivals := bot.Inbox().Arrivals()
		require.Len(t, arrivals, 1)
		require.Equal(t, []string{"ou_1", user}, arrivals[0].Mentions, kind)
		require.Contains(t, arrivals[0].Text, "hello")
	}
	bot, sender := setup(t)
	m := toUser()
	m.Mention = people
	_, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, []string{user, "ou_1"}, bot.Inbox().Arrivals()[0].Mentions, "the recipient is mentioned first, and once")
}

func TestMentionsThatAreRefused(t *testing.T) {
	t.Parallel()
	bot, sender := setup(t)
	for _, person := range []channels.Recipient{
		{Type: channels.RecipientFeishuUserID, Value: "all"}, {Type: channels.RecipientFeishuUserID, Value: "on_1"},
		{Type: channels.RecipientFeishuUserID, Value: `ou_1"></at><at user_id="all`}, {Type: channels.RecipientEmail, Value: address},
	} {
		m := textTo(channels.RecipientFeishuGroup, "team-a")
		m.Mention = []channels.Recipient{person}
		require.Error(t, sender.(channels.Mentioner).CheckMention(m.Recipient, person))
		requirePermanent(t, sender, m, "mention")
	}
	m := textTo(channels.RecipientFeishuGroup, "team-a")
	m.MsgType, m.Body, m.Mention = "interactive", `{"type":"template","data":{}}`, []channels.Recipient{{Type: channels.RecipientFeishuUserID, Value: "ou_1"}}
	requirePermanent(t, sender, m, "mention")
	require.Zero(t, bot.Inbox().Total())
}

// requirePermanent requires that a message is refused before the call.
func requirePermanent(t *testing.T, sender channels.Sender, m channels.Message, code string) {
	t.Helper()
	for _, err := range []error{sender.(channels.Checker).Check(m), sendError(t, sender, m)} {
		channeltest.RequireError(t, err, channels.Permanent, code)
		for _, person := range m.Mention {
			require.NotContains(t, err.Error(), person.Value)
		}
	}
}

func sendError(t *testing.T, sender channels.Sender, m channels.Message) error {
	t.Helper()
	_, err := sender.Send(t.Context(), m)
	return err
}

// A vendor's text that repeats whom a message mentions is redacted; the name of the group is not.
func TestMentionsAreRedacted(t *testing.T) {
	t.Parallel()
	bot, sender := setup(t)
	bot.Fail(feishubot.Fault{Where: feishubot.Hook, Code: "11248", Message: "ou_canary_1 in team-a"})
	m := textTo(channels.RecipientFeishuGroup, "team-a")
	m.Mention = []channels.Recipient{{Type: channels.RecipientFeishuUserID, Value: "ou_canary_1"}}
	err := sendError(t, sender, m)
	require.NotContains(t, err.Error(), "canary")
	require.Contains(t, err.Error(), "team-a")
}

func TestBotWasRemoved(t *testing.T) {
	t.Parallel()
	bot, sender := setup(t)
	bot.Remove(token)
	channeltest.RequireError(t, sendError(t, sender, textTo(channels.RecipientFeishuGroup, "team-a")), channels.Misconfigured, "feishu_19001")
}

func TestOverTLS(t *testing.T) {
	t.Parallel()
	bot := feishubot.New(token, secret, vendors.NewInbox())
	server := httptest.NewTLSServer(bot)
	t.Cleanup(server.Close)
	sender := openAt(t, server.URL, nil)
	_, err := sender.Send(t.Context(), toUser())
	require.NoError(t, err)
	require.Equal(t, 1, bot.Inbox().Total())
}

func TestWithoutSecret(t *testing.T) {
	t.Parallel()
	unsigned := func(c *feishuwebhook.Config) { c.Secret = "" }
	bot := feishubot.New(token, "", vendors.NewInbox())
	_, err := open(t, bot, unsigned).Send(t.Context(), toUser())
	require.NoError(t, err)
	require.Equal(t, 1, bot.Inbox().Total())

	_, err = open(t, feishubot.New(token, secret, vendors.NewInbox()), unsigned).Send(t.Context(), toUser())
	channeltest.RequireError(t, err, channels.Misconfigured, "feishu_19021")
}

func TestRefusedBeforeTheCall(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code   string
		change func(*channels.Message)
	}{
		{"recipient", func(m *channels.Message) { m.Recipient.Type = channels.RecipientPhone }},
		{"recipient", func(m *channels.Message) { m.Recipient.Value = `ou_1"></at><at user_id="all` }},
		{"msg_type", func(m *channels.Message) { m.MsgType = "image" }},
		{"too_long", func(m *channels.Message) { m.Body = strings.Repeat("x", 30<<10) }},
		{"too_long", func(m *channels.Message) { m.MsgType, m.Body = "post", `"`+strings.Repeat("x", 30<<10)+`"` }},
		{"not_json", func(m *channels.Message) { m.MsgType, m.Body = "post", `{"zh_cn":` }},
		{"not_json", func(m *channels.Message) { m.MsgType, m.Body = "interactive", "" }},
	} {
		bot, sender := setup(t)
		m := toUser()
		tc.change(&m)
		_, err := sender.Send(t.Context(), m)
		channeltest.RequireError(t, err, channels.Permanent, tc.code)
		require.Zero(t, bot.Requests(feishubot.Hook))
	}
}

// Escapes do not count towards a bot's limit. What is between the 20 KB of Feishu's page and
// the 30 KB of its error is sent, and the answer decides.
func TestLongestText(t *testing.T) {
	t.Parallel()
	bot, sender := setup(t)
	m := toEmail()
	m.Body = strings.Repeat("<", 30<<10-200) // 200: the rest of the request
	_, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, m.Body, bot.Inbox().Arrivals()[0].Text)

	m.Body = strings.Repeat("x", 21<<10)
	bot.Fail(feishubot.Fault{HTTPStatus: 400, Code: "9499"})
	_, err = sender.Send(t.Context(), m)
	channeltest.RequireError(t, err, channels.Permanent, "feishu_9499")
}

func TestCheckRecipient(t *testing.T) {
	t.Parallel()
	_, sender := setup(t)
	checker := sender.(channels.RecipientChecker)
	for _, id := range []string{user, "4d7a2b", "li.si@corp"} {
		require.NoError(t, checker.CheckRecipient(channels.Recipient{Type: channels.RecipientFeishuUserID, Value: id}))
	}
	require.NoError(t, checker.CheckRecipient(toEmail().Recipient))
	require.NoError(t, checker.CheckRecipient(channels.Recipient{Type: channels.RecipientFeishuGroup, Value: "team-a"}))
	for _, id := range []string{"all", "ALL", "", "on_94a1ee5551019f18cd73d9f111898cf2", `a"b`, "<at>", "a b", "用户"} {
		err := checker.CheckRecipient(channels.Recipient{Type: channels.RecipientFeishuUserID, Value: id})
		require.Error(t, err, id)
	}
	require.Error(t, checker.CheckRecipient(channels.Recipient{Type: channels.RecipientUserID, Value: "li"}))
}

func TestProbe(t *testing.T) {
	t.Parallel()
	bot := feishubot.New(token, secret, vendors.NewInbox())
	plain, secure := httptest.NewServer(bot), httptest.NewUnstartedServer(bot)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // about the client that hangs up
	secure.StartTLS()
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	gone := httptest.NewServer(bot)
	gone.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(secure.URL, "https://"), ":")

	probe := func(base string) error { return openAt(t, base, nil).(channels.Prober).Probe(t.Context()) }
	require.NoError(t, probe(plain.URL))
	require.NoError(t, probe(secure.URL))
	for base, text := range map[string]string{
		gone.URL:                     "cannot connect",
		"https://localhost:" + port:  "certificate is not trusted", // it is one for 127.0.0.1
		"https://no..such..host:443": "cannot be looked up",
	} {
		err := probe(base)
		channeltest.RequireError(t, err, channels.Transient, "connect_failed")
		require.ErrorContains(t, err, text)
	}
	require.Zero(t, bot.Requests(feishubot.Hook))
}

func TestProvider(t *testing.T) {
	t.Parallel()
	c := newConfig("https://open.feishu.cn" + feishubot.Path(token))
	c.MsgType = "post"
	p, err := channels.OpenProvider("bot", feishuwebhook.Type, c)
	require.NoError(t, err)
	require.Equal(t, "post", p.MsgType)
	require.Equal(t, channels.Resend, p.OnUncertain)
	require.Equal(t, "600ms", p.Interval.String(), "100 in a minute")
}

func TestValidate(t *testing.T) {
	t.Parallel()
	good := "https://open.feishu.cn" + feishubot.Path(token)
	for _, tc := range []struct {
		change func(*feishuwebhook.Config)
		key    string // the error names it; valid when empty
	}{
		{func(*feishuwebhook.Config) {}, ""},
		{func(c *feishuwebhook.Config) { c.WebhookURL = "https://open.larksuite.com" + feishubot.Path(token) }, ""},
		{func(c *feishuwebhook.Config) { c.MsgType = "interactive" }, ""},
		{func(c *feishuwebhook.Config) { c.MsgType = "image" }, "msgType"},
		{func(c *feishuwebhook.Config) { c.MsgType = "" }, "msgType"},
		{func(c *feishuwebhook.Config) { c.WebhookURL = "https://open.feishu.cn" }, "webhookUrl"},
		{func(c *feishuwebhook.Config) { c.WebhookURL = "https://open.feishu.cn/hook/" }, "webhookUrl"},
		{func(c *feishuwebhook.Config) { c.WebhookURL += "%41" }, "webhookUrl"},
		{func(c *feishuwebhook.Config) { c.WebhookURL = "http" + strings.TrimPrefix(good, "https") }, "webhookUrl"},
		{func(c *feishuwebhook.Config) { c.AllowedHosts = nil }, "webhookUrl"},
		{func(c *feishuwebhook.Config) { c.AllowedHosts = []string{"open.feishu.cn:443"} }, "webhookUrl"},
		{func(c *feishuwebhook.Config) { c.AllowedHosts = []string{"https://open.feishu.cn"} }, "allowedHosts[0]"},
		{func(c *feishuwebhook.Config) { c.AllowedHosts = []string{"open.feishu.cn/"} }, "allowedHosts[0]"},
		{func(c *feishuwebhook.Config) { c.AllowedHosts = []string{"me@open.feishu.cn"} }, "allowedHosts[0]"},
		{func(c *feishuwebhook.Config) { c.AllowedHosts = []string{"open.feishu.cn", ""} }, "allowedHosts[1]"},
		{func(c *feishuwebhook.Config) { c.AllowedHosts = []string{":443"} }, "allowedHosts[0]"},
		{func(c *feishuwebhook.Config) {
			c.WebhookURL, c.AllowedHosts = "https://10.0.0.1:8443/hook/"+token, []string{"10.0.0.1:8443"}
		}, "webhookUrl"},
		{func(c *feishuwebhook.Config) {
			c.WebhookURL, c.AllowedHosts, c.AllowPrivateNetworks = "http://10.0.0.1:8443/hook/"+token, []string{"10.0.0.1:8443"}, true
		}, ""},
		{func(c *feishuwebhook.Config) {
			c.WebhookURL, c.AllowPrivateNetworks = "http://10.0.0.1/hook/"+token, true
		}, "webhookUrl"},
	} {
		c := newConfig(good)
		tc.change(c)
		err := c.Validate()
		if tc.key == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, tc.key+":", fmt.Sprintf("%+v", c))
		require.NotContains(t, err.Error(), token)
	}
}
