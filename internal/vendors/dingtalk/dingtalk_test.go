package dingtalk_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/dingtalk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const hi = `{"msgtype":"text","text":{"content":"hi"}}`

// post sends a body to a path of the robot and returns the answer's code and text.
func post(t *testing.T, r *dingtalk.Robot, path, body string) (code string, text string) {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("X-Request-Id", "m1")
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	require.Equal(t, http.StatusOK, w.Code, "refusals, too")
	var answer struct {
		Code json.Number `json:"errcode"`
		Text string      `json:"errmsg"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	return answer.Code.String(), answer.Text
}

func TestMessagesArrive(t *testing.T) {
	t.Parallel()
	r := dingtalk.New("tok", "", vendors.NewInbox())
	for _, tc := range []struct{ body, kind, subject, text string }{
		{hi, "text", "", "hi"},
		{`{"msgtype":"markdown","markdown":{"title":"t","text":"# hi @u1"},"at":{"atUserIds":["u1","u2"],"atMobiles":["138"]}}`, "markdown", "t", "# hi @u1"},
	} {
		code, text := post(t, r, dingtalk.Path("tok"), tc.body)
		require.Equal(t, []string{"0", "ok"}, []string{code, text})
		arrivals := r.Inbox().Arrivals()
		last := arrivals[len(arrivals)-1]
		require.Equal(t, []string{"dingtalk_group", tc.kind, "group", tc.subject, tc.text, "m1"},
			[]string{last.Channel, last.Kind, last.To, last.Subject, last.Text, last.Mark})
	}
	require.Equal(t, []string{"u1"}, r.Inbox().Arrivals()[1].Mentions, "who does not stand in the text is not mentioned")
	require.Equal(t, 2, r.Requests(dingtalk.Send))
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ path, body, code, text string }{
		"no token":           {"/robot/send", hi, "40035", "缺少参数 access_token"},
		"token":              {dingtalk.Path("other"), `{`, "300005", "token is not exist"},
		"not JSON":           {dingtalk.Path("tok"), `{`, "40035", "缺少参数 json"},
		"unknown type":       {dingtalk.Path("tok"), `{"msgtype":"fax"}`, "400105", "不支持的消息类型"},
		"no text":            {dingtalk.Path("tok"), `{"msgtype":"text"}`, "40035", "缺少参数 json"},
		"markdown, no title": {dingtalk.Path("tok"), `{"msgtype":"markdown","markdown":{"text":"x"}}`, "40035", "缺少参数 json"},
		"too long":           {dingtalk.Path("tok"), `{"msgtype":"text","text":{"content":"` + strings.Repeat("x", 20_000) + `"}}`, "460101", "message too long, exceed 20000 bytes"},
	} {
		r := dingtalk.New("tok", "", vendors.NewInbox())
		code, text := post(t, r, tc.path, tc.body)
		require.Equal(t, []string{tc.code, tc.text}, []string{code, text}, name)
		require.Zero(t, r.Inbox().Total(), name)
	}
}

func TestSignature(t *testing.T) {
	t.Parallel()
	r := dingtalk.New("tok", "s3cret", vendors.NewInbox())
	signed := func(secret string, at time.Time) string {
		timestamp := strconv.FormatInt(at.UnixMilli(), 10)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(timestamp + "\n" + secret))
		return dingtalk.Path("tok") + "&timestamp=" + timestamp + "&sign=" + url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	for path, text := range map[string]string{
		signed("s3cret", time.Now()):                                                         "ok",
		signed("s3cret", time.Now().Add(-59*time.Minute)):                                    "ok",
		signed("other", time.Now()):                                                          "sign not match",
		signed("s3cret", time.Now().Add(-61*time.Minute)):                                    "invalid timestamp",
		signed("s3cret", time.Now().Add(61*time.Minute)):                                     "invalid timestamp",
		dingtalk.Path("tok"):                                                                 "invalid timestamp",
		dingtalk.Path("tok") + "&timestamp=" + strconv.FormatInt(time.Now().UnixMilli(), 10): "sign not match",
	} {
		_, got := post(t, r, path, hi)
		require.Equal(t, text, got, path)
	}
}

// A repeated msgUuid arrives once in each group, and does not count towards the limit.
func TestRepeated(t *testing.T) {
	t.Parallel()
	r := dingtalk.New("tok", "", vendors.NewInbox())
	r.AddGroup("a", "tok-a")
	r.Limit(1, time.Hour)
	const body = `{"msgtype":"text","text":{"content":"hi"},"msgUuid":"u"}`
	for _, path := range []string{dingtalk.Path("tok"), dingtalk.Path("tok"), dingtalk.Path("tok-a")} {
		code, _ := post(t, r, path, body)
		require.Equal(t, "0", code)
	}
	require.Equal(t, 2, r.Inbox().Total())
	code, _ := post(t, r, dingtalk.Path("tok"), hi)
	require.Equal(t, "410100", code)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	r := dingtalk.New("tok", "", vendors.NewInbox())
	for _, name := range []string{vendors.Throttle, vendors.Refuse, vendors.Misconfigured} {
		r.Fail(dingtalk.Faults[name])
		code, _ := post(t, r, dingtalk.Path("tok"), hi)
		require.Equal(t, dingtalk.Faults[name].Code, code)
	}
	require.Zero(t, r.Inbox().Total())
}
