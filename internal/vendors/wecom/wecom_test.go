package wecom_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/wecom"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const hi = `{"msgtype":"text","text":{"content":"hi"}}`

// requireCode sends a body to the robot with the key and requires the code of its answer.
func requireCode(t *testing.T, r *wecom.Robot, key, body, code string) {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, wecom.Path(key), strings.NewReader(body))
	req.Header.Set("X-Request-Id", "m1")
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	require.Equal(t, http.StatusOK, w.Code, "refusals, too")
	var answer struct {
		Code json.Number `json:"errcode"`
		Text string      `json:"errmsg"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.Equal(t, code, answer.Code.String(), answer.Text)
	require.NotEmpty(t, answer.Text)
}

func TestMessagesArrive(t *testing.T) {
	t.Parallel()
	r := wecom.New("k", vendors.NewInbox())
	for _, tc := range []struct {
		body, kind, text string
		mentions         []string
	}{
		{hi, "text", "hi", nil},
		{`{"msgtype":"text","text":{"content":"hi <@u3>","mentioned_list":["u1"],"mentioned_mobile_list":["138"]}}`, "text", "hi <@u3>", []string{"138", "u1", "u3"}},
		{`{"msgtype":"markdown","markdown":{"content":"# hi <@u1>"}}`, "markdown", "# hi <@u1>", []string{"u1"}},
	} {
		requireCode(t, r, "k", tc.body, "0")
		arrivals := r.Inbox().Arrivals()
		last := arrivals[len(arrivals)-1]
		require.Equal(t, []string{"wecom_group", tc.kind, "group", tc.text, "m1"}, []string{last.Channel, last.Kind, last.To, last.Text, last.Mark})
		require.Equal(t, tc.mentions, last.Mentions)
	}
	require.Equal(t, vendors.Mark{Requests: 3, Arrivals: 3}, r.Inbox().Mark("m1"), "nothing is deduplicated")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ key, body, code string }{
		"key":           {"other", `{`, "93000"},
		"nothing":       {"k", "", "93017"},
		"not JSON":      {"k", `{`, "40058"},
		"unknown type":  {"k", `{"msgtype":"fax"}`, "40008"},
		"no text":       {"k", `{"msgtype":"text","markdown":{"content":"x"}}`, "44004"},
		"long text":     {"k", `{"msgtype":"text","text":{"content":"` + strings.Repeat("x", 2049) + `"}}`, "45002"},
		"long markdown": {"k", `{"msgtype":"markdown","markdown":{"content":"` + strings.Repeat("x", 4097) + `"}}`, "45002"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := wecom.New("k", vendors.NewInbox())
			requireCode(t, r, tc.key, tc.body, tc.code)
			require.Zero(t, r.Inbox().Total())
		})
	}
}

// Each group has a robot and a limit of its own.
func TestGroups(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := wecom.New("k", vendors.NewInbox())
		r.AddGroup("a", "k-a")
		r.LimitGroup("k-a", 1, time.Minute)
		requireCode(t, r, "k-a", hi, "0")
		requireCode(t, r, "k-a", hi, "45009")
		requireCode(t, r, "k", hi, "0")
		time.Sleep(time.Minute) // of the bubble's clock
		requireCode(t, r, "k-a", hi, "0")
		r.Remove("k-a")
		requireCode(t, r, "k-a", hi, "93000")
		arrivals := r.Inbox().Arrivals()
		require.Equal(t, []string{"a", "group", "a"}, []string{arrivals[0].Group, arrivals[1].Group, arrivals[2].Group})
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	r := wecom.New("k", vendors.NewInbox())
	for _, name := range []string{vendors.Throttle, vendors.Refuse, vendors.Misconfigured} {
		r.Fail(wecom.Faults[name])
		requireCode(t, r, "k", hi, wecom.Faults[name].Code)
	}
	require.Zero(t, r.Inbox().Total())
}
