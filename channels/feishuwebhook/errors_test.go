package feishuwebhook_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishubot"
)

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code  int
		text  string
		class channels.Class
	}{
		{11232, "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]", channels.Throttled},
		{9499, "too many request", channels.Throttled},
		{11233, "create message chat trigger rate limit", channels.Throttled},
		{9499, "Bad Request", channels.Permanent},
		{9499, "invalid param", channels.Permanent},
		{9499, "", channels.Permanent},
		{11246, "Create message content fail. ErrCode: 200621", channels.Permanent},
		{11246, "Service Internal Error", channels.Transient},
		{11248, "message is sensitive", channels.Permanent},
		{11312, "messages do not pass the audit", channels.Permanent},
		{11235, "this group is set to only admin can mention @All", channels.Permanent},
		{11237, "group chat dissolved", channels.Permanent},
		{11242, "this chat has been banned", channels.Permanent},
		{19036, "The message exceeds the size limit of 30KB", channels.Permanent},
		{1500, "internal error", channels.Transient},
		{2200, "internal error", channels.Transient},
		{9499, "fail to parse content", channels.Permanent},
		{19001, "param invalid", channels.Permanent},
		{19001, "param invalid: incoming webhook access token invalid", channels.Misconfigured},
		{19002, "params error, msg_type need", channels.Permanent},
		{19021, "sign match fail or timestamp is not within one hour from current time", channels.Misconfigured},
		{19022, "Ip Not Allowed", channels.Misconfigured},
		{19024, "Key Words Not Found", channels.Misconfigured},
		{424242, "what", channels.Transient},
		{-1, "what", channels.Transient},
	} {
		for _, form := range []string{`{"code":%d,"msg":%q,"data":{}}`, `{"StatusCode":%d,"StatusMessage":%q}`} {
			for _, status := range []int{200, 400, 500} {
				bot, sender := setup(t)
				bot.Fail(feishubot.Fault{
					HTTPStatus: status, Body: fmt.Sprintf(form, tc.code, tc.text),
					Header: http.Header{"X-Ogw-Ratelimit-Reset": {"12"}, "X-Tt-Logid": {"log-1"}},
				})
				_, err := sender.Send(t.Context(), toUser())
				channeltest.RequireError(t, err, tc.class, "feishu_"+strconv.Itoa(tc.code))
				e := channels.AsError(err)
				require.Equal(t, tc.text+" (log id log-1)", e.Message)
				require.Equal(t, 1, bot.Requests(feishubot.Hook), "one call an attempt")
				switch {
				case tc.class == channels.Throttled:
					require.Equal(t, 12*time.Second, e.RetryAfter)
				case tc.code == 2200: // the next tries come slowly
					require.Equal(t, time.Minute, e.RetryAfter)
				default:
					require.Zero(t, e.RetryAfter)
				}
				require.Equal(t, tc.text == "what", e.Unlisted)
			}
		}
	}
}

// The simulated bot answers codes of the vendor's pages only, and each of them is listed.
func TestEachCodeOfTheVendorIsListed(t *testing.T) {
	t.Parallel()
	bot, sender := setup(t)
	for _, code := range feishubot.Codes() {
		fault := bot.Fail(feishubot.Fault{Code: code})
		_, err := sender.Send(t.Context(), toUser())
		fault.Lift()
		require.False(t, channels.AsError(err).Unlisted, code)
	}
	require.Panics(t, func() { bot.Fail(feishubot.Fault{Code: "424242"}) })
}

// The bot's own checks.
func TestBotRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		bot   func() *feishubot.Bot
		class channels.Class
		code  string
	}{
		{func() *feishubot.Bot { return feishubot.New("other", secret, vendors.NewInbox()) }, channels.Misconfigured, "feishu_19001"},
		{func() *feishubot.Bot { return feishubot.New(token, "other", vendors.NewInbox()) }, channels.Misconfigured, "feishu_19021"},
		{func() *feishubot.Bot {
			b := feishubot.New(token, secret, vendors.NewInbox())
			b.RequireKeyword("alert")
			return b
		}, channels.Misconfigured, "feishu_19024"},
	} {
		_, err := open(t, tc.bot(), nil).Send(t.Context(), toUser())
		channeltest.RequireError(t, err, tc.class, tc.code)
	}

	bot, sender := setup(t)
	bot.Limit(1, time.Hour)
	_, err := sender.Send(t.Context(), toUser())
	require.NoError(t, err)
	_, err = sender.Send(t.Context(), toUser())
	channeltest.RequireError(t, err, channels.Throttled, "feishu_11232")
}

func TestAnswersWithoutCode(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status int
		body   string
		class  channels.Class
		code   string
	}{
		{200, `{"code":0}`, "", ""},
		{200, `{"StatusCode":0,"StatusMessage":"success"}`, "", ""},
		{200, `{"Extra":null,"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}`, "", ""},
		{200, `{"code":0,"StatusCode":19024,"StatusMessage":"Key Words Not Found"}`, channels.Misconfigured, "feishu_19024"},
		{200, `{}`, channels.Uncertain, "unexpected_answer"},
		{200, `[]`, channels.Uncertain, "unexpected_answer"},
		{200, `null`, channels.Uncertain, "unexpected_answer"},
		{200, `{"code":"0"}`, channels.Uncertain, "unexpected_answer"},
		{200, `{"code":null}`, channels.Uncertain, "unexpected_answer"},
		{401, `{"message":"x"}`, channels.Misconfigured, "http_401"},
		{500, `{"code":0}`, channels.Transient, "http_500"},
		{504, `{"code":0}`, channels.Uncertain, "http_504"},
	} {
		bot, sender := setup(t)
		bot.Fail(feishubot.Fault{HTTPStatus: tc.status, Body: tc.body})
		_, err := sender.Send(t.Context(), toUser())
		if tc.class == "" {
			require.NoError(t, err, tc.body)
		} else {
			channeltest.RequireError(t, err, tc.class, tc.code)
		}
	}
}

// The bot may repeat all it was sent: token, signature, recipient.
func TestNothingSecretIsRepeated(t *testing.T) {
	t.Parallel()
	for _, m := range []channels.Message{toUser(), toEmail()} {
		signature := ""
		sender := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			var signed struct {
				Sign string `json:"sign"`
			}
			_ = json.Unmarshal(body, &signed)
			signature = signed.Sign
			text := fmt.Sprintf("bad\x00 %s %s %s %s", r.URL, body, strings.ToUpper(string(body)), address+secret)
			_ = json.NewEncoder(w).Encode(map[string]any{"code": 19001, "msg": text})
		}), nil)
		_, err := sender.Send(t.Context(), m)
		channeltest.RequireError(t, err, channels.Permanent, "feishu_19001")
		require.NotEmpty(t, signature)
		for _, private := range []string{token, secret, m.Recipient.Value, signature, "\x00"} {
			require.NotContains(t, strings.ToLower(err.Error()), strings.ToLower(private))
		}
		require.Contains(t, err.Error(), "bad")
	}
}

// A lost answer is followed by a second message: nothing tells the bot that both are
// the same.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	bot, sender := setup(t)
	bot.Fail(feishubot.Fault{Times: 1, After: true, Reset: true})
	m := toUser()
	_, err := sender.Send(t.Context(), m)
	channeltest.RequireError(t, err, channels.Uncertain, "no_answer")
	m.Attempt = 2
	_, err = sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, vendors.Mark{Requests: 2, Arrivals: 2}, bot.Inbox().Mark(m.DeliveryID.String()))
}
