package feishubot_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishubot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const hi = `{"msg_type":"text","content":{"text":"hi"}}`

// post sends a body to the webhook with the token and returns the status and the
// answer.
func post(t *testing.T, b *feishubot.Bot, token, body string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, feishubot.Path(token), strings.NewReader(body))
	r.Header.Set("X-Request-Id", "m1")
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	require.NotEmpty(t, w.Header().Get("X-Tt-Logid"))
	var answer map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	return w.Code, answer
}

func requireCode(t *testing.T, b *feishubot.Bot, body string, code int) {
	t.Helper()
	_, answer := post(t, b, "tok", body)
	require.EqualValues(t, code, answer["code"], answer)
}

func TestMessagesArrive(t *testing.T) {
	t.Parallel()
	b := feishubot.New("tok", "", vendors.NewInbox())
	for _, tc := range []struct{ body, kind, to, text string }{
		{hi, "text", "group", "hi"},
		{`{"msg_type":"text","content":{"text":"<at user_id=\"ou_1\"></at> hi"}}`, "text", "ou_1", `<at user_id="ou_1"></at> hi`},
		{`{"msg_type":"post","content":{"post":{"zh_cn":{}}}}`, "post", "group", `{"zh_cn":{}}`},
		{`{"msg_type":"interactive","card":{"elements":[]}}`, "interactive", "group", `{"elements":[]}`},
	} {
		status, answer := post(t, b, "tok", tc.body)
		require.Equal(t, http.StatusOK, status)
		require.EqualValues(t, 0, answer["code"])
		require.EqualValues(t, 0, answer["StatusCode"], "the older form is there, too")
		arrivals := b.Inbox().Arrivals()
		last := arrivals[len(arrivals)-1]
		require.Equal(t, []string{"feishu_webhook", tc.kind, tc.to, tc.text, "m1"},
			[]string{last.Channel, last.Kind, last.To, last.Text, last.Mark})
	}
	require.Equal(t, vendors.Mark{Requests: 4, Arrivals: 4}, b.Inbox().Mark("m1"), "nothing is deduplicated")
	require.Equal(t, 4, b.Requests(feishubot.Hook))
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, token, body string
		status, code      int
	}{
		{"token", "other", hi, 200, 19001},
		{"token before all else", "other", `{`, 200, 19001},
		{"not JSON", "tok", `{`, 400, 9499},
		{"too large", "tok", `{"msg_type":"text","content":{"text":"` + strings.Repeat("x", 30<<10) + `"}}`, 200, 19036},
		{"no type", "tok", `{"content":{"text":"hi"}}`, 200, 19002},
		{"unknown type", "tok", `{"msg_type":"fax"}`, 200, 19001},
		{"no text", "tok", `{"msg_type":"text"}`, 200, 19001},
		{"no post", "tok", `{"msg_type":"post","content":{"text":"hi"}}`, 200, 19001},
		{"no card", "tok", `{"msg_type":"interactive","content":{"text":"hi"}}`, 200, 19001},
	} {
		b := feishubot.New("tok", "", vendors.NewInbox())
		status, answer := post(t, b, tc.token, tc.body)
		require.Equal(t, tc.status, status, tc.name)
		require.EqualValues(t, tc.code, answer["code"], tc.name)
		require.Zero(t, b.Inbox().Total(), tc.name)
	}
}

func TestSignature(t *testing.T) {
	t.Parallel()
	signed := func(secret string, at time.Time) string {
		timestamp := strconv.FormatInt(at.Unix(), 10)
		mac := hmac.New(sha256.New, []byte(timestamp+"\n"+secret))
		return fmt.Sprintf(`{"timestamp":%q,"sign":%q,"msg_type":"text","content":{"text":"hi"}}`,
			timestamp, base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	b := feishubot.New("tok", "s3cret", vendors.NewInbox())
	requireCode(t, b, signed("s3cret", time.Now()), 0)
	requireCode(t, b, signed("s3cret", time.Now().Add(-59*time.Minute)), 0)
	requireCode(t, b, hi, 19021)
	requireCode(t, b, signed("other", time.Now()), 19021)
	requireCode(t, b, signed("s3cret", time.Now().Add(-61*time.Minute)), 19021)
	requireCode(t, b, signed("s3cret", time.Now().Add(61*time.Minute)), 19021)
	require.Equal(t, 2, b.Inbox().Total())
}

func TestKeyword(t *testing.T) {
	t.Parallel()
	b := feishubot.New("tok", "", vendors.NewInbox())
	b.RequireKeyword("alert")
	requireCode(t, b, hi, 19024)
	requireCode(t, b, strings.Replace(hi, "hi", "an alert", 1), 0)
}

func TestLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := feishubot.New("tok", "", vendors.NewInbox())
		b.Limit(2, time.Second)
		requireCode(t, b, hi, 0)
		time.Sleep(600 * time.Millisecond) // of the bubble's clock
		requireCode(t, b, hi, 0)
		requireCode(t, b, hi, 11232)
		time.Sleep(400 * time.Millisecond)
		requireCode(t, b, hi, 0)
		requireCode(t, b, hi, 11232)
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		b := feishubot.New("tok", "", vendors.NewInbox())
		b.Fail(feishubot.Fault{Where: feishubot.Hook, Times: 1, After: after, HTTPStatus: 400, Code: "9499", Message: "too many request"})
		status, answer := post(t, b, "tok", hi)
		require.Equal(t, http.StatusBadRequest, status)
		require.Equal(t, "too many request", answer["msg"])
		require.Equal(t, after, b.Inbox().Total() == 1)
		requireCode(t, b, hi, 0)
	}
}

// Each group has a bot, a limit and a place in the inbox of its own.
func TestGroups(t *testing.T) {
	t.Parallel()
	b := feishubot.New("tok", "", vendors.NewInbox())
	b.AddGroup("a", "tok-a")
	b.LimitGroup("tok-a", 1, time.Hour)
	for i, c := range []struct {
		token string
		code  int
	}{{"tok", 0}, {"tok-a", 0}, {"tok-a", 11232}, {"tok", 0}} {
		_, answer := post(t, b, c.token, hi)
		require.EqualValues(t, c.code, answer["code"], i)
	}
	arrivals := b.Inbox().Arrivals()
	require.Equal(t, []string{"group", "a", "group"}, []string{arrivals[0].Group, arrivals[1].Group, arrivals[2].Group})
	b.Remove("tok-a")
	_, answer := post(t, b, "tok-a", hi)
	require.EqualValues(t, 19001, answer["code"])
}

func TestMentions(t *testing.T) {
	t.Parallel()
	b := feishubot.New("tok", "", vendors.NewInbox())
	for body, mentions := range map[string][]string{
		`{"msg_type":"text","content":{"text":"<at user_id=\"ou_1\"></at> <at user_id=\"on_2\"></at><at user_id=\"u3\">x</at>"}}`:    {"ou_1", "u3"},
		`{"msg_type":"post","content":{"post":{"zh_cn":{"content":[[{"tag":"at","user_id":"ou_1"},{"tag":"at","user_id":"u2"}]]}}}}`: {"ou_1", "u2"},
		`{"msg_type":"interactive","card":{"elements":[{"tag":"markdown","content":"<at id=ou_1></at> <at id=\"u2\"></at>"}]}}`:      {"ou_1", "u2"},
		hi: nil,
	} {
		requireCode(t, b, body, 0)
		arrivals := b.Inbox().Arrivals()
		require.Equal(t, mentions, arrivals[len(arrivals)-1].Mentions, body)
	}
}
