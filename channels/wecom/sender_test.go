package wecom_test

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
	"github.com/labring/sealos-notify/channels/wecom"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors"
	simulated "github.com/labring/sealos-notify/internal/vendors/wecom"
)

const (
	token  = "canary-key-4e1f"
	user   = "canary.user7"
	mobile = "+8613800138000"
)

// setup starts a robot and opens a provider of it.
func setup(t *testing.T) (*simulated.Robot, channels.Sender) {
	t.Helper()
	robot := simulated.New(token, vendors.NewInbox())
	return robot, open(t, robot)
}

func open(t *testing.T, robot http.Handler) channels.Sender {
	t.Helper()
	server := httptest.NewServer(robot)
	t.Cleanup(server.Close)
	return openAt(t, server.URL, nil)
}

// openAt opens a provider of a robot behind the address.
func openAt(t *testing.T, base string, change func(*wecom.Config)) channels.Sender {
	t.Helper()
	u, err := url.Parse(base)
	require.NoError(t, err)
	c := wecom.Type.NewConfig().(*wecom.Config)
	c.WebhookURL, c.AllowedHosts, c.AllowPrivateNetworks = base+simulated.Path(token), []string{u.Host}, true
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
		Recipient: channels.Recipient{Type: channels.RecipientWeComGroup, Value: "team-a"},
	}
}

func toUser() channels.Message {
	m := toGroup()
	m.Recipient = channels.Recipient{Type: channels.RecipientWeComUserID, Value: user}
	return m
}

func last(robot *simulated.Robot) vendors.Arrival {
	arrivals := robot.Inbox().Arrivals()
	return arrivals[len(arrivals)-1]
}

var people = []channels.Recipient{
	{Type: channels.RecipientWeComUserID, Value: user}, {Type: channels.RecipientWeComUserID, Value: "li.si"}, {Type: channels.RecipientWeComUserID, Value: user},
}

func TestSend(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change   func(*channels.Message)
		text     string
		mentions []string
	}{
		"text":      {func(*channels.Message) {}, toGroup().Body, nil},
		"to a user": {func(m *channels.Message) { m.Recipient = toUser().Recipient }, toGroup().Body, []string{user}},
		"mentions": {func(m *channels.Message) {
			m.Mention = append([]channels.Recipient{{Type: channels.RecipientPhone, Value: mobile}}, people...)
		}, toGroup().Body, []string{"13800138000", user, "li.si"}},
		"markdown":             {func(m *channels.Message) { m.MsgType, m.Body = "markdown", "# **Disk**\n> full" }, "# **Disk**\n> full", nil},
		"mentions in markdown": {func(m *channels.Message) { m.MsgType, m.Body, m.Mention = "markdown", "# a", people }, "<@" + user + "> <@li.si> \n# a", []string{user, "li.si"}},
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
			require.Equal(t, c.mentions, a.Mentions)
			require.Equal(t, m.DeliveryID.String(), a.Mark)
		})
	}
}

// A lost answer is followed by a second message: nothing tells the robot that both are the same.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	robot, sender := setup(t)
	robot.Fail(vendors.Fault{Times: 1, After: true, Reset: true})
	m := toGroup()
	_, err := sender.Send(t.Context(), m)
	channeltest.RequireError(t, err, channels.Uncertain, "no_answer")
	_, err = sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, vendors.Mark{Requests: 2, Arrivals: 2}, robot.Inbox().Mark(m.DeliveryID.String()))
	require.False(t, wecom.Type.Dedupes)
}

func TestRefusedBeforeTheCall(t *testing.T) {
	t.Parallel()
	mention := func(kind string, person channels.Recipient) func(*channels.Message) {
		return func(m *channels.Message) { m.MsgType, m.Mention = kind, []channels.Recipient{person} }
	}
	for code, changes := range map[string][]func(*channels.Message){
		"recipient": {
			func(m *channels.Message) { m.Recipient.Type = channels.RecipientPhone },
			func(m *channels.Message) {
				m.Recipient = channels.Recipient{Type: channels.RecipientWeComUserID, Value: "(erased)"}
			},
		},
		"msg_type": {func(m *channels.Message) { m.MsgType = "image" }},
		"empty":    {func(m *channels.Message) { m.Body = " \n" }},
		"too_long": {
			func(m *channels.Message) { m.Body = strings.Repeat("x", 2049) },
			func(m *channels.Message) { m.Body = strings.Repeat("字", 683) },
			func(m *channels.Message) { m.MsgType, m.Body = "markdown", strings.Repeat("x", 4097) },
		},
		"mention": {
			mention("text", channels.Recipient{Type: channels.RecipientPhone, Value: "+85261234567"}),
			mention("text", channels.Recipient{Type: channels.RecipientDingTalkUserID, Value: "manager4220"}),
			mention("markdown", channels.Recipient{Type: channels.RecipientWeComUserID, Value: "a><@b"}),
			mention("text", channels.Recipient{Type: channels.RecipientWeComGroup, Value: "team-a"}),
			mention("markdown", channels.Recipient{Type: channels.RecipientPhone, Value: mobile}), // the page has no mark for it
		},
	} {
		for _, change := range changes {
			robot, sender := setup(t)
			m := toGroup()
			change(&m)
			_, sent := sender.Send(t.Context(), m)
			for _, err := range []error{sent, sender.(channels.Checker).Check(m)} {
				channeltest.RequireError(t, err, channels.Permanent, code)
				for _, person := range m.Mention {
					require.NotContains(t, err.Error(), person.Value)
				}
			}
			require.Zero(t, robot.Requests(simulated.Send), code)
		}
	}
}

// The limits are bytes of the text, whatever its JSON has. The longest body that a template may
// make arrives with its recipient and with 50 mentions, which are no part of a text.
func TestLongest(t *testing.T) {
	t.Parallel()
	m := toUser()
	m.Recipient.Value = strings.Repeat("r", 64)
	var addresses []string
	for i := range 50 {
		addresses = append(addresses, fmt.Sprintf("%064d", i))
		m.Mention = append(m.Mention, channels.Recipient{Type: channels.RecipientWeComUserID, Value: addresses[i]})
	}
	for _, kind := range wecom.Type.WithMentions(addresses).MsgTypes {
		robot, sender := setup(t)
		m.MsgType, m.Body = kind.Name, strings.Repeat("\n\"<", kind.MaxBody/3)+strings.Repeat("x", kind.MaxBody%3)
		_, err := sender.Send(t.Context(), m)
		require.NoError(t, err, kind.Name)
		require.Len(t, last(robot).Mentions, 51)
		require.Greater(t, kind.MaxBody, 600, kind.Name)
	}
	require.Equal(t, 2048, wecom.Type.WithMentions(addresses).MsgTypes[0].MaxBody)
}

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	for class, codes := range map[channels.Class][]int{
		channels.Throttled:     {45009, 45033},
		channels.Permanent:     {40008, 40058, 40063, 44004, 45002, 93017},
		channels.Misconfigured: {60020, 93000, 93001, 93004, 93008},
		channels.Transient:     {-1, 424242},
	} {
		for _, code := range codes {
			for _, status := range []int{200, 400, 500} {
				robot, sender := setup(t)
				robot.Fail(vendors.Fault{HTTPStatus: status, Body: fmt.Sprintf(`{"errcode":%d,"errmsg":"what, hint: [17]"}`, code)})
				_, err := sender.Send(t.Context(), toUser())
				channeltest.RequireError(t, err, class, "wecom_"+strconv.Itoa(code))
				e := channels.AsError(err)
				require.Equal(t, "what, hint: [17]", e.Message)
				require.Equal(t, code == 424242, e.Unlisted)
				require.Equal(t, class == channels.Throttled, e.RetryAfter == time.Minute, "a limit of a minute lasts a minute")
				require.Equal(t, 1, robot.Requests(simulated.Send), "one call an attempt")
			}
		}
	}
}

// The simulated robot answers codes of the vendor's page only, and each of them is listed.
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
	_, err := open(t, simulated.New("other", vendors.NewInbox())).Send(t.Context(), toUser())
	channeltest.RequireError(t, err, channels.Misconfigured, "wecom_93000")

	robot, sender := setup(t)
	robot.Limit(1, time.Hour)
	_, err = sender.Send(t.Context(), toUser())
	require.NoError(t, err)
	_, err = sender.Send(t.Context(), toUser())
	channeltest.RequireError(t, err, channels.Throttled, "wecom_45009")
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
		{200, `null`, channels.Uncertain, "unexpected_answer"},
		{200, `{"errcode":"0"}`, channels.Uncertain, "unexpected_answer"},
		{403, `{"message":"x"}`, channels.Misconfigured, "http_403"},
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

// The robot may repeat all it was sent: key, user, mobile number.
func TestNothingSecretIsRepeated(t *testing.T) {
	t.Parallel()
	m := toUser()
	m.Mention = []channels.Recipient{{Type: channels.RecipientPhone, Value: mobile}}
	sender := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_ = json.NewEncoder(w).Encode(map[string]any{"errcode": 40058, "errmsg": fmt.Sprintf("bad\x00 %s %s", r.URL, strings.ToUpper(string(body)))})
	}))
	_, err := sender.Send(t.Context(), m)
	channeltest.RequireError(t, err, channels.Permanent, "wecom_40058")
	for _, private := range []string{token, user, "13800138000", "\x00"} {
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
	robot := httptest.NewTLSServer(simulated.New(token, vendors.NewInbox()))
	t.Cleanup(robot.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(robot.URL, "https://"), ":")
	sender := openAt(t, "https://localhost:"+port, func(c *wecom.Config) { c.AllowPrivateNetworks = false })
	_, err := sender.Send(t.Context(), toUser())
	channeltest.RequireError(t, err, channels.Misconfigured, "internal_address")
}

func TestProvider(t *testing.T) {
	t.Parallel()
	c := wecom.Type.NewConfig().(*wecom.Config)
	c.WebhookURL, c.MsgType = "https://qyapi.weixin.qq.com"+simulated.Path(token), "markdown"
	require.NoError(t, c.Validate())
	p, err := channels.OpenProvider("robot", wecom.Type, c)
	require.NoError(t, err)
	require.Equal(t, "markdown", p.MsgType)
	require.Equal(t, channels.Resend, p.OnUncertain)
	require.Equal(t, "3s", p.Interval.String(), "20 in a minute")
	for _, change := range []func(*wecom.Config){
		func(c *wecom.Config) { c.MsgType = "news" },
		func(c *wecom.Config) { c.WebhookURL = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send" },
		func(c *wecom.Config) { c.WebhookURL += "&debug=1" },
		func(c *wecom.Config) { c.WebhookURL = strings.Replace(c.WebhookURL, "qyapi", "evil", 1) },
	} {
		bad := *c
		change(&bad)
		err := bad.Validate()
		require.Error(t, err)
		require.NotContains(t, err.Error(), token)
	}
}
