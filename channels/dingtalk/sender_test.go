package dingtalk_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/dingtalk"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors"
	simulated "github.com/labring/sealos-notify/internal/vendors/dingtalk"
)

const (
	token  = "canary-token-4e1f"
	secret = "SECcanary-secret-77aa"
	user   = "canary.user7"
	mobile = "+8613800138000"
)

// setup starts a robot and opens a provider of it.
func setup(t *testing.T) (*simulated.Robot, channels.Sender) {
	t.Helper()
	robot := simulated.New(token, secret, vendors.NewInbox())
	return robot, open(t, robot, nil)
}

func open(t *testing.T, robot http.Handler, change func(*dingtalk.Config)) channels.Sender {
	t.Helper()
	server := httptest.NewServer(robot)
	t.Cleanup(server.Close)
	return openAt(t, server.URL, change)
}

// openAt opens a provider of a robot behind the address.
func openAt(t *testing.T, base string, change func(*dingtalk.Config)) channels.Sender {
	t.Helper()
	u, err := url.Parse(base)
	require.NoError(t, err)
	c := dingtalk.Type.NewConfig().(*dingtalk.Config)
	c.WebhookURL, c.Secret, c.AllowedHosts, c.AllowPrivateNetworks = base+simulated.Path(token), secret, []string{u.Host}, true
	if change != nil {
		change(c)
	}
	require.NoError(t, c.Validate())
	sender, err := c.Open()
	require.NoError(t, err)
	return sender
}

func toGroup() channels.Message {
	return channels.Message{
		DeliveryID: uuid.Must(uuid.NewV7()), Attempt: 1, MsgType: "text", Body: "disk <sda> is \"full\" & 数据库",
		Recipient: channels.Recipient{Type: channels.RecipientDingTalkGroup, Value: "team-a"},
	}
}

func toUser() channels.Message {
	m := toGroup()
	m.Recipient = channels.Recipient{Type: channels.RecipientDingTalkUserID, Value: user}
	return m
}

func last(robot *simulated.Robot) vendors.Arrival {
	arrivals := robot.Inbox().Arrivals()
	return arrivals[len(arrivals)-1]
}

func TestSend(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change   func(*channels.Message)
		text     string
		title    string
		mentions []string
	}{
		"text":        {func(*channels.Message) {}, toGroup().Body, "", nil},
		"to a user":   {func(m *channels.Message) { m.Recipient = toUser().Recipient }, "@" + user + " " + toGroup().Body, "", []string{user}},
		"markdown":    {func(m *channels.Message) { m.MsgType, m.Body = "markdown", "\n### **Disk** `sda`\n- full" }, "\n### **Disk** `sda`\n- full", "Disk sda", nil},
		"its subject": {func(m *channels.Message) { m.MsgType, m.Body, m.Subject = "markdown", "# a", "Disk full" }, "# a", "Disk full", nil},
		"mentions": {func(m *channels.Message) {
			m.MsgType, m.Body, m.Mention = "markdown", "# a", []channels.Recipient{
				{Type: channels.RecipientPhone, Value: mobile}, {Type: channels.RecipientDingTalkUserID, Value: user}, {Type: channels.RecipientDingTalkUserID, Value: user},
			}
		}, "@13800138000 @" + user + " \n\n# a", "a", []string{"13800138000", user}},
		"a recipient who is mentioned": {func(m *channels.Message) { *m = toUser(); m.Mention = []channels.Recipient{m.Recipient} }, "@" + user + " " + toGroup().Body, "", []string{user}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			robot, sender := setup(t)
			m := toGroup()
			c.change(&m)
			_, err := sender.Send(t.Context(), m)
			require.NoError(t, err)
			a := last(robot)
			require.Equal(t, c.text, a.Text)
			require.Equal(t, c.title, a.Subject)
			require.Equal(t, c.mentions, a.Mentions)
			require.Equal(t, m.DeliveryID.String(), a.Mark)
		})
	}
}

// A lost answer is followed by a second request with the same msgUuid, of which one arrives.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	robot, sender := setup(t)
	robot.Fail(vendors.Fault{Times: 1, After: true, Reset: true})
	m := toGroup()
	_, err := sender.Send(t.Context(), m)
	channeltest.RequireError(t, err, channels.Uncertain, "no_answer")
	m.Attempt = 2
	_, err = sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, vendors.Mark{Requests: 2, Arrivals: 1}, robot.Inbox().Mark(m.DeliveryID.String()))
	require.True(t, dingtalk.Type.Dedupes)
}

func TestRefusedBeforeTheCall(t *testing.T) {
	t.Parallel()
	for code, changes := range map[string][]func(*channels.Message){
		"recipient": {
			func(m *channels.Message) { m.Recipient.Type = channels.RecipientPhone },
			func(m *channels.Message) {
				m.Recipient = channels.Recipient{Type: channels.RecipientDingTalkUserID, Value: "(erased)"}
			},
		},
		"msg_type": {func(m *channels.Message) { m.MsgType = "link" }},
		"empty":    {func(m *channels.Message) { m.Body = " \n" }},
		"too_long": {
			func(m *channels.Message) { m.Body = strings.Repeat("x", 20_000) },
			func(m *channels.Message) { m.MsgType, m.Body = "markdown", strings.Repeat("字", 6_700) },
		},
		"mention": {
			func(m *channels.Message) {
				m.Mention = []channels.Recipient{{Type: channels.RecipientPhone, Value: "+85261234567"}}
			},
			func(m *channels.Message) {
				m.Mention = []channels.Recipient{{Type: channels.RecipientPhone, Value: "+861088886666"}}
			},
			func(m *channels.Message) {
				m.Mention = []channels.Recipient{{Type: channels.RecipientFeishuUserID, Value: "ou_1"}}
			},
			func(m *channels.Message) {
				m.Mention = []channels.Recipient{{Type: channels.RecipientDingTalkGroup, Value: "team-a"}}
			},
		},
	} {
		for i, change := range changes {
			robot, sender := setup(t)
			m := toGroup()
			change(&m)
			_, sent := sender.Send(t.Context(), m)
			for _, err := range []error{sent, sender.(channels.Checker).Check(m)} {
				channeltest.RequireError(t, err, channels.Permanent, code)
				for _, person := range m.Mention {
					require.NotContains(t, err.Error(), person.Value)
					require.Error(t, sender.(channels.Mentioner).CheckMention(m.Recipient, person), i)
				}
			}
			require.Zero(t, robot.Requests(simulated.Send), code)
		}
	}
	_, sender := setup(t)
	require.NoError(t, sender.(channels.RecipientChecker).CheckRecipient(toUser().Recipient))
	require.Error(t, sender.(channels.RecipientChecker).CheckRecipient(channels.Recipient{Type: channels.RecipientUserID, Value: user}))
}

// The longest body that a template may make arrives with 50 mentions of the longest ids.
func TestLongest(t *testing.T) {
	t.Parallel()
	for _, kind := range dingtalk.Type.MsgTypes {
		robot, sender := setup(t)
		m := toUser()
		m.Recipient.Value, m.MsgType = strings.Repeat("r", 64), kind.Name
		var addresses []string
		for i := range 50 {
			person := channels.Recipient{Type: channels.RecipientDingTalkUserID, Value: fmt.Sprintf("%064d", i)}
			m.Mention = append(m.Mention, person)
			addresses = append(addresses, person.Value)
		}
		m.Body, m.Subject = strings.Repeat("x", dingtalk.Type.WithMentions(addresses).MsgTypes[0].MaxBody-2), strings.Repeat("字", 100)
		_, err := sender.Send(t.Context(), m)
		require.NoError(t, err, kind.Name)
		require.Len(t, last(robot).Mentions, 51)
	}
}

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code  int
		text  string
		class channels.Class
	}{
		{130101, "send too fast, exceed 20 times per minute", channels.Throttled},
		{410100, "发送速度太快而限流", channels.Throttled},
		{310000, "sign not match, more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]", channels.Misconfigured},
		{310000, "invalid timestamp", channels.Misconfigured},
		{310000, "keywords not in content", channels.Misconfigured},
		{310000, "ip 203.0.113.7 not in whitelist", channels.Misconfigured},
		{300001, "token is not exist", channels.Misconfigured},
		{300005, "token is not exist", channels.Misconfigured},
		{400101, "access_token不存在", channels.Misconfigured},
		{400102, "机器人已停用", channels.Misconfigured},
		{400106, "机器人不存在", channels.Misconfigured},
		{43004, "无效的HTTP HEADER Content-Type", channels.Misconfigured},
		{40035, "缺少参数 access_token", channels.Misconfigured},
		{40035, "缺少参数 json", channels.Permanent},
		{400013, "群已被解散", channels.Permanent},
		{400105, "不支持的消息类型", channels.Permanent},
		{430101, "含有不安全的外链", channels.Permanent},
		{430102, "含有不合适的文本", channels.Permanent},
		{430103, "含有不合适的图片", channels.Permanent},
		{430104, "含有不合适的内容", channels.Permanent},
		{460101, "message too long, exceed 20000 bytes", channels.Permanent},
		{-1, "系统繁忙", channels.Transient},
		{424242, "what", channels.Transient},
	} {
		for _, status := range []int{200, 400, 500} {
			robot, sender := setup(t)
			robot.Fail(vendors.Fault{HTTPStatus: status, Body: fmt.Sprintf(`{"errcode":%d,"errmsg":%q}`, tc.code, tc.text)})
			_, err := sender.Send(t.Context(), toUser())
			channeltest.RequireError(t, err, tc.class, "dingtalk_"+strconv.Itoa(tc.code))
			e := channels.AsError(err)
			require.Equal(t, tc.text, e.Message)
			require.Equal(t, tc.text == "what", e.Unlisted)
			require.Equal(t, tc.class == channels.Throttled, e.RetryAfter == 10*time.Minute, "a robot that was too fast is stopped for ten minutes")
			require.Equal(t, 1, robot.Requests(simulated.Send), "one call an attempt")
		}
	}
}

// The simulated robot answers codes of the vendor's pages only, and each of them is listed.
func TestEachCodeOfTheVendorIsListed(t *testing.T) {
	t.Parallel()
	robot, sender := setup(t)
	for _, code := range simulated.Codes() {
		fault := robot.Fail(vendors.Fault{Code: code})
		_, err := sender.Send(t.Context(), toUser())
		fault.Lift()
		require.False(t, channels.AsError(err).Unlisted, code)
	}
	require.Panics(t, func() { robot.Fail(vendors.Fault{Code: "424242"}) })
}

// The robot's own checks.
func TestRobotRefuses(t *testing.T) {
	t.Parallel()
	keyword := simulated.New(token, secret, vendors.NewInbox())
	keyword.RequireKeyword("alert")
	for code, robot := range map[string]*simulated.Robot{
		"dingtalk_300005":  simulated.New("other", secret, vendors.NewInbox()),
		"dingtalk_310000":  simulated.New(token, "other", vendors.NewInbox()),
		"dingtalk_310000 ": keyword,
	} {
		_, err := open(t, robot, nil).Send(t.Context(), toUser())
		channeltest.RequireError(t, err, channels.Misconfigured, strings.TrimSpace(code))
	}
	unsigned := func(c *dingtalk.Config) { c.Secret = "" }
	_, err := open(t, simulated.New(token, "", vendors.NewInbox()), unsigned).Send(t.Context(), toUser())
	require.NoError(t, err)
	_, err = open(t, simulated.New(token, secret, vendors.NewInbox()), unsigned).Send(t.Context(), toUser())
	channeltest.RequireError(t, err, channels.Misconfigured, "dingtalk_310000")

	robot, sender := setup(t)
	robot.Limit(1, time.Hour)
	_, err = sender.Send(t.Context(), toUser())
	require.NoError(t, err)
	_, err = sender.Send(t.Context(), toUser())
	channeltest.RequireError(t, err, channels.Throttled, "dingtalk_410100")
	robot.Remove(token)
	_, err = sender.Send(t.Context(), toUser())
	channeltest.RequireError(t, err, channels.Misconfigured, "dingtalk_300005")
}

func TestAnswersWithoutCode(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status int
		body   string
		class  channels.Class
		code   string
	}{
		{200, `{"errcode":0}`, "", ""},
		{200, `{}`, channels.Uncertain, "unexpected_answer"},
		{200, `[]`, channels.Uncertain, "unexpected_answer"},
		{200, `{"errcode":"0"}`, channels.Uncertain, "unexpected_answer"},
		{401, `{"message":"x"}`, channels.Misconfigured, "http_401"},
		{500, `{"errcode":0}`, channels.Transient, "http_500"},
	} {
		robot, sender := setup(t)
		robot.Fail(vendors.Fault{HTTPStatus: tc.status, Body: tc.body})
		_, err := sender.Send(t.Context(), toUser())
		if tc.class == "" {
			require.NoError(t, err, tc.body)
		} else {
			channeltest.RequireError(t, err, tc.class, tc.code)
		}
	}
}

// The robot may repeat all it was sent: token, signature, user, mobile number.
func TestNothingSecretIsRepeated(t *testing.T) {
	t.Parallel()
	m := toUser()
	m.Mention = []channels.Recipient{{Type: channels.RecipientPhone, Value: mobile}}
	signature := ""
	sender := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		signature = r.URL.Query().Get("sign")
		text := fmt.Sprintf("bad\x00 %s %s %s %s", r.URL, body, signature, strings.ToUpper(string(body))+secret)
		_ = json.NewEncoder(w).Encode(map[string]any{"errcode": 430104, "errmsg": text})
	}), nil)
	_, err := sender.Send(t.Context(), m)
	channeltest.RequireError(t, err, channels.Permanent, "dingtalk_430104")
	require.NotEmpty(t, signature)
	for _, private := range []string{token, secret, user, "13800138000", signature, url.QueryEscape(signature), "\x00"} {
		require.NotContains(t, strings.ToLower(err.Error()), strings.ToLower(private))
	}
	require.Contains(t, err.Error(), "bad")
}

func TestProbe(t *testing.T) {
	t.Parallel()
	robot, sender := setup(t)
	require.NoError(t, sender.(channels.Prober).Probe(t.Context()))
	require.Zero(t, robot.Requests(simulated.Send))
}

// The robot's address is checked at each connection, as that of every hook is.
func TestNoInternalAddress(t *testing.T) {
	t.Parallel()
	robot := httptest.NewTLSServer(simulated.New(token, secret, vendors.NewInbox()))
	t.Cleanup(robot.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(robot.URL, "https://"), ":")
	sender := openAt(t, "https://localhost:"+port, func(c *dingtalk.Config) { c.AllowPrivateNetworks = false })
	_, err := sender.Send(t.Context(), toUser())
	channeltest.RequireError(t, err, channels.Misconfigured, "internal_address")
}

func TestProvider(t *testing.T) {
	t.Parallel()
	c := dingtalk.Type.NewConfig().(*dingtalk.Config)
	c.WebhookURL, c.MsgType, c.Apps = "https://oapi.dingtalk.com"+simulated.Path(token), "markdown", []string{"team-a"}
	require.NoError(t, c.Validate())
	p, err := channels.OpenProvider("robot", dingtalk.Type, c)
	require.NoError(t, err)
	require.Equal(t, "markdown", p.MsgType)
	require.Equal(t, []string{"team-a"}, p.Apps)
	require.Equal(t, "3s", p.Interval.String(), "20 in a minute")
}

func TestValidate(t *testing.T) {
	t.Parallel()
	const good = "https://oapi.dingtalk.com/robot/send?access_token=" + token
	for _, tc := range []struct {
		change func(*dingtalk.Config)
		key    string // the error names it; valid when empty
	}{
		{func(*dingtalk.Config) {}, ""},
		{func(c *dingtalk.Config) { c.MsgType = "link" }, "msgType"},
		{func(c *dingtalk.Config) { c.MsgType = "" }, "msgType"},
		{func(c *dingtalk.Config) { c.WebhookURL = "https://oapi.dingtalk.com/robot/send" }, "webhookUrl"},
		{func(c *dingtalk.Config) { c.WebhookURL = "https://oapi.dingtalk.com/robot/send?access_token=" }, "webhookUrl"},
		{func(c *dingtalk.Config) { c.WebhookURL += "&timestamp=1" }, "webhookUrl"},
		{func(c *dingtalk.Config) { c.WebhookURL += "%41" }, "webhookUrl"},
		{func(c *dingtalk.Config) { c.WebhookURL = "http" + strings.TrimPrefix(good, "https") }, "webhookUrl"},
		{func(c *dingtalk.Config) { c.WebhookURL = strings.Replace(good, "oapi", "evil", 1) }, "webhookUrl"},
		{func(c *dingtalk.Config) { c.AllowedHosts = []string{"/"} }, "allowedHosts[0]"},
		{func(c *dingtalk.Config) { c.Apps = []string{} }, "apps"},
	} {
		c := dingtalk.Type.NewConfig().(*dingtalk.Config)
		c.WebhookURL = good
		tc.change(c)
		err := c.Validate()
		if tc.key == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, tc.key+":")
		require.NotContains(t, err.Error(), token)
	}
}
