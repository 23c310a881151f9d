package feishu_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// bot is a bare client of a platform.
type bot struct {
	*feishu.Platform
	token string
}

func newBot(t *testing.T) *bot {
	t.Helper()
	b := &bot{Platform: feishu.New("cli_1", "secret", vendors.NewInbox())}
	_, answer := b.call(t, "POST", "/open-apis/auth/v3/tenant_access_token/internal", `{"app_id":"cli_1","app_secret":"secret"}`)
	require.EqualValues(t, 7200, answer["expire"])
	b.token = answer["tenant_access_token"].(string)
	return b
}

func (b *bot) call(t *testing.T, method, path, body string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if b.token != "" {
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	require.Equal(t, "application/json; charset=utf-8", w.Header().Get("Content-Type"))
	require.NotEmpty(t, w.Header().Get("X-Tt-Logid"))
	var answer map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	return w.Code, answer
}

// send sends a text and returns the message's id.
func (b *bot) send(t *testing.T, uuid string) string {
	t.Helper()
	body := fmt.Sprintf(`{"receive_id":"ou_1","msg_type":"text","content":"{\"text\":\"hi\"}","uuid":%q}`, uuid)
	status, answer := b.call(t, "POST", "/open-apis/im/v1/messages?receive_id_type=open_id", body)
	require.Equal(t, http.StatusOK, status, answer)
	return answer["data"].(map[string]any)["message_id"].(string)
}

func TestUUIDStandsForOneMessageForAnHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBot(t)
		first := b.send(t, "u1")
		time.Sleep(time.Hour - time.Second) // of the bubble's clock
		require.Equal(t, first, b.send(t, "u1"))
		require.NotEqual(t, first, b.send(t, "u2"))
		time.Sleep(time.Second)
		require.NotEqual(t, first, b.send(t, "u1"))
		require.Equal(t, vendors.Mark{Requests: 3, Arrivals: 2}, b.Inbox().Mark("u1"))
		require.NotEqual(t, b.send(t, ""), b.send(t, ""))
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	const messages = "/open-apis/im/v1/messages?receive_id_type="
	const ok = `"content":"{\"text\":\"hi\"}"`
	long := `"content":"{\"text\":\"` + strings.Repeat("x", 150<<10) + `\"}"`
	for _, tc := range []struct {
		name, method, path, body string
		code                     int
	}{
		{"app id", "POST", "/open-apis/auth/v3/tenant_access_token/internal", `{"app_id":"x","app_secret":"secret"}`, 10003},
		{"app secret", "POST", "/open-apis/auth/v3/tenant_access_token/internal", `{"app_id":"cli_1","app_secret":"x"}`, 10014},
		{"not JSON", "POST", messages + "open_id", `{`, 230001},
		{"id type", "POST", messages + "phone", `{"receive_id":"ou_1","msg_type":"text",` + ok + `}`, 230001},
		{"email as open id", "POST", messages + "open_id", `{"receive_id":"a@b.c","msg_type":"text",` + ok + `}`, 230001},
		{"open id as email", "POST", messages + "email", `{"receive_id":"ou_1","msg_type":"text",` + ok + `}`, 230001},
		{"no receiver", "POST", messages + "user_id", `{"msg_type":"text",` + ok + `}`, 230001},
		{"message type", "POST", messages + "open_id", `{"receive_id":"ou_1","msg_type":"fax",` + ok + `}`, 230001},
		{"bare text", "POST", messages + "open_id", `{"receive_id":"ou_1","msg_type":"text","content":"hi"}`, 230001},
		{"no text", "POST", messages + "open_id", `{"receive_id":"ou_1","msg_type":"text","content":"{}"}`, 230001},
		{"card is a list", "POST", messages + "open_id", `{"receive_id":"ou_1","msg_type":"interactive","content":"[]"}`, 230001},
		{"too long", "POST", messages + "open_id", `{"receive_id":"ou_1","msg_type":"text",` + long + `}`, 230025},
		{"long uuid", "POST", messages + "open_id", `{"receive_id":"ou_1","msg_type":"text",` + ok + `,"uuid":"` + strings.Repeat("u", 51) + `"}`, 230001},
		{"urgent for no message", "PATCH", "/open-apis/im/v1/messages/om_0/urgent_app?user_id_type=open_id", `{"user_id_list":["ou_1"]}`, 230001},
		{"users", "POST", "/open-apis/contact/v3/users/batch_get_id", `{`, 40001},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBot(t)
			status, answer := b.call(t, tc.method, tc.path, tc.body)
			require.Equal(t, http.StatusBadRequest, status)
			require.EqualValues(t, tc.code, answer["code"], answer)
			require.Zero(t, b.Inbox().Total())
		})
	}
}

func TestEdits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBot(t)
		send := func(msgType, content string) string {
			_, answer := b.call(t, "POST", "/open-apis/im/v1/messages?receive_id_type=open_id",
				fmt.Sprintf(`{"receive_id":"ou_1","msg_type":%q,"content":%q}`, msgType, content))
			return "/open-apis/im/v1/messages/" + answer["data"].(map[string]any)["message_id"].(string)
		}
		edit := func(method, path, body string, code int) {
			t.Helper()
			_, answer := b.call(t, method, path, body)
			require.EqualValues(t, code, answer["code"], answer)
		}
		const shared, text = `{"content":"{\"config\":{\"update_multi\":true}}"}`, `{"msg_type":"text","content":"{\"text\":\"new\"}"}`
		card, single, plain := send("interactive", `{"config":{"update_multi":true}}`), send("interactive", `{}`), send("text", `{"text":"old"}`)
		edit("PATCH", card, shared, 0)
		edit("PATCH", card, `{"content":"{}"}`, 230001) // not shared any more
		edit("PATCH", single, shared, 230001)
		edit("PATCH", plain, shared, 230001) // no card
		edit("PATCH", card+"x", shared, 230001)
		edit("PUT", card, text, 230054)
		edit("PUT", card, `{"msg_type":"interactive","content":"{}"}`, 230001)
		edit("PUT", plain, `{"msg_type":"text","content":"{}"}`, 230001)
		for range 20 {
			edit("PUT", plain, text, 0)
		}
		edit("PUT", plain, text, 230072)
		require.Equal(t, "new", b.Inbox().Arrivals()[2].Text)
		require.Equal(t, 3+21, b.Inbox().Changes())
		time.Sleep(14*24*time.Hour + time.Second) // of the bubble's clock
		edit("PATCH", card, shared, 230031)
	})
}

func TestTokenIsChecked(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	b.RevokeToken()
	_, answer := b.call(t, "POST", "/open-apis/im/v1/messages?receive_id_type=open_id", `{}`)
	require.EqualValues(t, 99991663, answer["code"])
	b.token = ""
	_, answer = b.call(t, "POST", "/open-apis/contact/v3/users/batch_get_id", `{}`)
	require.EqualValues(t, 99991661, answer["code"])
}

func TestUrgent(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	id := b.send(t, "u1")
	b.InvalidUser("ou_2")
	path := "/open-apis/im/v1/messages/" + id + "/"

	_, answer := b.call(t, "PATCH", path+"urgent_sms?user_id_type=open_id", `{"user_id_list":["ou_1","ou_2","on_3"]}`)
	require.EqualValues(t, 0, answer["code"])
	require.Equal(t, map[string]any{"invalid_user_id_list": []any{"ou_2", "on_3"}}, answer["data"])
	require.Equal(t, []string{"urgent sms to ou_1"}, b.Inbox().Arrivals()[0].Notes)

	_, answer = b.call(t, "PATCH", path+"urgent_sms?user_id_type=open_id", `{"user_id_list":["ou_2","on_3"]}`)
	require.EqualValues(t, 230001, answer["code"], "every id is invalid")

	for _, bad := range []string{"urgent_fax?user_id_type=open_id", "urgent_app?user_id_type=email"} {
		_, answer = b.call(t, "PATCH", path+bad, `{"user_id_list":["ou_1"]}`)
		require.EqualValues(t, 230001, answer["code"])
	}
	_, answer = b.call(t, "PATCH", path+"urgent_app?user_id_type=open_id", `{}`)
	require.EqualValues(t, 230001, answer["code"])
}

func TestUsersAreFoundByEmail(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	b.UnknownEmail("no@b.c")
	_, answer := b.call(t, "POST", "/open-apis/contact/v3/users/batch_get_id?user_id_type=union_id", `{"emails":["a@b.c","no@b.c"]}`)
	require.Equal(t, map[string]any{"user_list": []any{
		map[string]any{"email": "a@b.c", "user_id": feishu.UserID("union_id", "a@b.c")},
		map[string]any{"email": "no@b.c"},
	}}, answer["data"])
}

func TestFaultBeforeAndAfterTheEffect(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		b := newBot(t)
		b.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, After: after, HTTPStatus: 500, Code: "2200", Message: "told to"})
		body := `{"receive_id":"ou_1","msg_type":"text","content":"{\"text\":\"hi\"}","uuid":"u1"}`
		status, answer := b.call(t, "POST", "/open-apis/im/v1/messages?receive_id_type=open_id", body)
		require.Equal(t, 500, status)
		require.EqualValues(t, 2200, answer["code"])
		require.Equal(t, after, b.Inbox().Total() == 1)

		b.send(t, "u1")
		require.Equal(t, 1, b.Inbox().Total())
		require.Equal(t, 2, b.Requests(feishu.Messages))
	}
}

func TestInboxIsServed(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	b.send(t, "u1")
	server := httptest.NewServer(b)
	defer server.Close()
	resp, err := server.Client().Get(server.URL + "/inbox.json")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

func BenchmarkMessages(b *testing.B) {
	platform := feishu.New("cli_1", "secret", vendors.NewInbox())
	w := httptest.NewRecorder()
	platform.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/open-apis/auth/v3/tenant_access_token/internal",
		strings.NewReader(`{"app_id":"cli_1","app_secret":"secret"}`)))
	var token struct {
		Value string `json:"tenant_access_token"`
	}
	require.NoError(b, json.Unmarshal(w.Body.Bytes(), &token))
	for n := 0; b.Loop(); n++ {
		r := httptest.NewRequest(http.MethodPost, "/open-apis/im/v1/messages?receive_id_type=open_id", strings.NewReader(
			fmt.Sprintf(`{"receive_id":"ou_1","msg_type":"text","content":"{\"text\":\"hi\"}","uuid":"%d"}`, n)))
		r.Header.Set("Authorization", "Bearer "+token.Value)
		w := httptest.NewRecorder()
		platform.ServeHTTP(w, r)
		require.Equal(b, http.StatusOK, w.Code)
	}
}
