package webhook_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/webhook"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors"
	simulated "github.com/labring/sealos-notify/internal/vendors/webhook"
)

const (
	token = "canary-token-5d20"
	query = "canary-query-93bb"
)

func setup(t *testing.T) (*simulated.Receiver, channels.Sender) {
	t.Helper()
	receiver := simulated.New(token, vendors.NewInbox())
	return receiver, open(t, receiver, nil)
}

func open(t *testing.T, receiver http.Handler, change func(*webhook.Config)) channels.Sender {
	t.Helper()
	server := httptest.NewServer(receiver)
	t.Cleanup(server.Close)
	return openAt(t, server.URL, change)
}

// openAt opens a provider of a receiver behind the address.
func openAt(t *testing.T, base string, change func(*webhook.Config)) channels.Sender {
	t.Helper()
	u, err := url.Parse(base)
	require.NoError(t, err)
	c := newConfig(base + simulated.Path + "?" + query)
	c.Authorization, c.Secret = "Bearer "+token, simulated.Secret(token)
	c.Success = webhook.Success{Path: "$.ok", Value: "true"}
	c.AllowedHosts, c.AllowPrivateNetworks = []string{u.Host}, true
	if change != nil {
		change(c)
	}
	require.NoError(t, c.Validate())
	sender, err := c.Open()
	require.NoError(t, err)
	return sender
}

func newConfig(address string) *webhook.Config {
	c := webhook.Type.NewConfig().(*webhook.Config)
	c.URL, c.AllowedHosts = address, []string{"hooks.example.com"}
	return c
}

func message() channels.Message {
	return channels.Message{
		DeliveryID: uuid.Must(uuid.NewV7()), Attempt: 1, MsgType: "json", Body: `{"title": "数据库 <1>", "n": 12345678901234567890}`,
		Recipient: channels.Recipient{Type: channels.RecipientWebhook, Value: "ticket-system"},
	}
}

// JSON is sent byte by byte, a text as the member text.
func TestSend(t *testing.T) {
	t.Parallel()
	receiver, sender := setup(t)
	m := message()
	receipt, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"status": 200}, receipt.Details)
	m.DeliveryID, m.MsgType, m.Body = uuid.Must(uuid.NewV7()), "text", "disk <full>"
	_, err = sender.Send(t.Context(), m)
	require.NoError(t, err)
	m.DeliveryID, m.Subject = uuid.Must(uuid.NewV7()), "Alert"
	_, err = sender.Send(t.Context(), m)
	require.NoError(t, err)
	arrivals := receiver.Inbox().Arrivals()
	require.Equal(t, []string{message().Body, `{"text":"disk <full>"}`, `{"subject":"Alert","text":"disk <full>"}`},
		[]string{arrivals[0].Text, arrivals[1].Text, arrivals[2].Text})
	require.Equal(t, m.DeliveryID.String(), arrivals[2].Mark)
}

// The request has the configured method, address and headers, and is signed as Standard Webhooks'
// own library checks it. Without a secret it has the id and the time all the same.
func TestRequest(t *testing.T) {
	t.Parallel()
	m := message()
	for _, secret := range []string{"", simulated.Secret(token), strings.TrimPrefix(simulated.Secret(token), "whsec_")} {
		var got *http.Request
		receiver := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Clone(r.Context()) })
		sender := open(t, receiver, func(c *webhook.Config) {
			c.Method, c.Success, c.Secret, c.Authorization = "PUT", webhook.Success{}, secret, ""
			c.Headers = map[string]string{"authorization": "Token x", "X-Team": "a b", "Content-Type": "application/vnd.example+json"}
		})
		_, err := sender.Send(t.Context(), m)
		require.NoError(t, err, "the status is the answer")
		require.Equal(t, []string{"PUT", simulated.Path + "?" + query}, []string{got.Method, got.URL.RequestURI()})
		for name, value := range map[string]string{
			"Authorization": "Token x", "X-Team": "a b", "Content-Type": "application/vnd.example+json", "User-Agent": "sealos-notify", "Webhook-Id": m.DeliveryID.String(),
		} {
			require.Equal(t, []string{value}, got.Header.Values(name), name)
		}
		require.Regexp(t, `^\d{10}$`, got.Header.Get("Webhook-Timestamp"))
		verifier, err := standardwebhooks.NewWebhook(simulated.Secret(token))
		require.NoError(t, err)
		if secret == "" {
			require.Empty(t, got.Header.Get("Webhook-Signature"))
		} else {
			require.NoError(t, verifier.Verify([]byte(m.Body), got.Header))
		}
	}
}

// A lost answer is followed by a second request with the same webhook-id, of which one arrives.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	receiver, sender := setup(t)
	receiver.Fail(vendors.Fault{Times: 1, After: true, Reset: true})
	m := message()
	_, err := sender.Send(t.Context(), m)
	channeltest.RequireError(t, err, channels.Uncertain, "no_answer")
	_, err = sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, vendors.Mark{Requests: 2, Arrivals: 1}, receiver.Inbox().Mark(m.DeliveryID.String()))
	require.False(t, webhook.Type.Dedupes, "other receivers may take both")
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	path := func(path, value string, status ...int) webhook.Success {
		return webhook.Success{Path: path, Value: value, Status: status}
	}
	for _, tc := range []struct {
		success webhook.Success
		status  int
		body    string
		class   channels.Class
		code    string
	}{
		// The status alone.
		{webhook.Success{}, 200, "", "", ""},
		{webhook.Success{}, 202, "accepted", "", ""},
		{webhook.Success{}, 200, "<html>", "", ""},
		{webhook.Success{}, 204, "", "", ""},
		{webhook.Success{Status: []int{202, 409}}, 409, "there already", "", ""},
		{webhook.Success{Status: []int{202}}, 200, "ok", channels.Uncertain, "unexpected_answer"},
		{webhook.Success{}, 400, `{"error":"x"}`, channels.Permanent, "http_400"},
		{webhook.Success{}, 413, "", channels.Permanent, "http_413"},
		{webhook.Success{}, 422, "", channels.Permanent, "http_422"},
		{webhook.Success{}, 401, "", channels.Misconfigured, "http_401"},
		{webhook.Success{}, 404, "", channels.Misconfigured, "http_404"},
		{webhook.Success{}, 409, "", channels.Misconfigured, "http_409"},
		{webhook.Success{}, 410, "gone", channels.Misconfigured, "http_410"},
		{webhook.Success{}, 408, "", channels.Transient, "http_408"},
		{webhook.Success{}, 429, "", channels.Throttled, "http_429"},
		{webhook.Success{}, 500, "", channels.Transient, "http_500"},
		{webhook.Success{}, 504, "", channels.Uncertain, "http_504"},
		{webhook.Success{}, 307, "", channels.Misconfigured, "unexpected_redirect"},
		{webhook.Success{}, 200, strings.Repeat("x", 2<<20), channels.Uncertain, "unexpected_answer"},
		// A value in the answer.
		{path("$.code", "0"), 200, `{"code":0}`, "", ""},
		{path("$.code", "0"), 200, `{"code":"0"}`, "", ""},
		{path("$.data[0].state", "done"), 200, `{"data":[{"state":"done"}]}`, "", ""},
		{path("$.ok", "true", 200, 400), 400, `{"ok":true}`, "", ""},
		{path("$.error", "null"), 200, `{"error":null}`, "", ""},
		{path("$.n", "12345678901234567890"), 200, `{"n":12345678901234567890}`, "", ""},
		{path("$.a[?@.b == 1].c", "x"), 200, `{"a":[{"b":2},{"b":1,"c":"x"}]}`, "", ""},
		{path("$.code", "0"), 200, `{"code":7}`, channels.Transient, "webhook_refused"},
		{path("$.code", "0"), 500, `{"code":0}`, channels.Transient, "http_500"},
		{path("$.code", "0"), 200, `{}`, channels.Uncertain, "unexpected_answer"},
		{path("$.code", "0"), 200, `ok`, channels.Uncertain, "unexpected_answer"},
		{path("$..code", "0"), 200, `{"a":{"code":0},"code":0}`, channels.Uncertain, "unexpected_answer"},
		{path("$.code", "0"), 200, `{"code":0,"a":[` + strings.Repeat("1,", 20_000) + `1]}`, channels.Uncertain, "unexpected_answer"},
	} {
		name := fmt.Sprintf("%+v %d %.40s", tc.success, tc.status, tc.body)
		receiver := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tc.status)
			_, _ = w.Write([]byte(tc.body))
		})
		_, err := open(t, receiver, func(c *webhook.Config) { c.Success = tc.success }).Send(t.Context(), message())
		if tc.class == "" {
			require.NoError(t, err, name)
		} else {
			channeltest.RequireError(t, err, tc.class, tc.code)
			require.True(t, len(tc.body) > 1<<20 || !strings.Contains(err.Error(), "vendor's API"), name)
		}
	}
}

// A receiver may repeat all it was sent, in the value that it is asked for, too. Of other answers
// nothing is shown.
func TestNothingSecretIsRepeated(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 400, 401, 500} {
		receiver := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			said := fmt.Sprintf("bad\x00 %s %s %s", r.URL, r.Header, simulated.Secret(token))
			_ = json.NewEncoder(w).Encode(map[string]any{"ok": said})
		})
		sender := open(t, receiver, func(c *webhook.Config) { c.Headers = map[string]string{"X-Key": "Key canary-header-1"} })
		_, err := sender.Send(t.Context(), message())
		require.Error(t, err)
		for _, private := range []string{token, query, simulated.Secret(token), "canary-header-1", "\x00"} {
			require.NotContains(t, strings.ToLower(err.Error()), strings.ToLower(private))
		}
	}
}

func TestRefusedBeforeTheCall(t *testing.T) {
	t.Parallel()
	for code, change := range map[string]func(*channels.Message){
		"recipient_type": func(m *channels.Message) { m.Recipient.Type = channels.RecipientEmail },
		"msg_type":       func(m *channels.Message) { m.MsgType = "xml" },
		"not_json":       func(m *channels.Message) { m.Body = `{"a":` },
	} {
		receiver, sender := setup(t)
		m := message()
		change(&m)
		_, err := sender.Send(t.Context(), m)
		channeltest.RequireError(t, err, channels.Permanent, code)
		channeltest.RequireError(t, sender.(channels.Checker).Check(m), channels.Permanent, code)
		require.Zero(t, receiver.Requests(simulated.Hook))
	}
	_, sender := setup(t)
	_, mentions := sender.(channels.Mentioner)
	require.False(t, mentions)
}

// The receiver's own checks.
func TestReceiverRefuses(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*webhook.Config){
		func(c *webhook.Config) { c.Authorization = "Bearer other" },
		func(c *webhook.Config) { c.Secret = "" },
		func(c *webhook.Config) { c.Secret = simulated.Secret("other") },
	} {
		receiver := simulated.New(token, vendors.NewInbox())
		_, err := open(t, receiver, change).Send(t.Context(), message())
		channeltest.RequireError(t, err, channels.Misconfigured, "http_401")
		require.Zero(t, receiver.Inbox().Total())
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	receiver, sender := setup(t)
	require.NoError(t, sender.(channels.Prober).Probe(t.Context()))
	require.Zero(t, receiver.Requests(simulated.Hook))
}

// The receiver's address is checked at each connection, as that of every hook is.
func TestNoInternalAddress(t *testing.T) {
	t.Parallel()
	receiver := httptest.NewTLSServer(simulated.New(token, vendors.NewInbox()))
	t.Cleanup(receiver.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(receiver.URL, "https://"), ":")
	sender := openAt(t, "https://localhost:"+port, func(c *webhook.Config) { c.AllowPrivateNetworks = false })
	_, err := sender.Send(t.Context(), message())
	channeltest.RequireError(t, err, channels.Misconfigured, "internal_address")
}

func TestValidate(t *testing.T) {
	t.Parallel()
	headers := func(pairs ...string) func(*webhook.Config) {
		return func(c *webhook.Config) {
			c.Headers = map[string]string{}
			for i := 0; i < len(pairs); i += 2 {
				c.Headers[pairs[i]] = pairs[i+1]
			}
		}
	}
	for i, tc := range []struct {
		change func(*webhook.Config)
		key    string // the error names it; valid when empty
	}{
		{func(*webhook.Config) {}, ""},
		{func(c *webhook.Config) { c.Method = "PATCH" }, ""},
		{func(c *webhook.Config) { c.Method = "GET" }, "method"},
		{func(c *webhook.Config) { c.Method = "post" }, "method"},
		{func(c *webhook.Config) { c.MsgType = "xml" }, "msgType"},
		{func(c *webhook.Config) { c.AllowedHosts = nil }, "allowedHosts"},
		{func(c *webhook.Config) { c.AllowedHosts = []string{"other.example.com"} }, "url"},
		{func(c *webhook.Config) { c.URL = "http://hooks.example.com/canary" }, "url"},
		{func(c *webhook.Config) { c.URL = "https://canary@hooks.example.com/" }, "url"},
		{func(c *webhook.Config) { c.URL = "canary" }, "url"},
		{headers("X-Team", "a", "X-Key", "b"), ""},
		{headers("X-Key", "canary\r\nHost: evil"), "headers"},
		{headers("X Key", "canary"), "headers"},
		{headers("canary: x", "y"), "headers"},
		{headers("host", "canary"), "headers"},
		{headers("Content-Length", "canary"), "headers"},
		{headers("Webhook-ID", "canary"), "headers"},
		{headers("Proxy-Authorization", "canary"), "headers"},
		{headers("X-Key", "canary", "x-key", "canary"), "headers"},
		{func(c *webhook.Config) { headers("authorization", "canary")(c); c.Authorization = "canary" }, "headers"},
		{func(c *webhook.Config) {
			c.Headers = map[string]string{}
			for n := range 21 {
				c.Headers[fmt.Sprint("X-", n)] = "canary"
			}
		}, "headers"},
		{func(c *webhook.Config) { c.Authorization = "canary\n" }, "authorization"},
		{func(c *webhook.Config) { c.Secret = simulated.Secret("x") }, ""},
		{func(c *webhook.Config) { c.Secret = "whsec_canary" }, "secret"},
		{func(c *webhook.Config) { c.Secret = "whsec_Y2FuYXJ5" }, "secret"},
		{func(c *webhook.Config) { c.Success.Status = []int{200, 299, 409} }, ""},
		{func(c *webhook.Config) { c.Success.Status = []int{200, 302} }, "success.status[1]"},
		{func(c *webhook.Config) { c.Success.Status = []int{429} }, "success.status[0]"},
		{func(c *webhook.Config) { c.Success = webhook.Success{Path: "$.a", Value: "b"} }, ""},
		{func(c *webhook.Config) { c.Success.Value = "b" }, "success.path"},
		{func(c *webhook.Config) { c.Success.Path = "$.a" }, "success.value"},
		{func(c *webhook.Config) { c.Success = webhook.Success{Path: "a.b", Value: "b"} }, "success.path"},
	} {
		c := newConfig("https://hooks.example.com/canary?x=canary")
		tc.change(c)
		err := c.Validate()
		if tc.key == "" {
			require.NoError(t, err, i)
			continue
		}
		require.ErrorContains(t, err, tc.key+":", i)
		require.NotContains(t, err.Error(), "canary", i)
	}
}

func TestProvider(t *testing.T) {
	t.Parallel()
	c := newConfig("https://hooks.example.com/x")
	c.MsgType, c.Apps = "json", []string{"team-a"}
	p, err := channels.OpenProvider("ticket-system", webhook.Type, c)
	require.NoError(t, err)
	require.Equal(t, "json", p.MsgType)
	require.Equal(t, []string{"team-a"}, p.Apps)
	require.Zero(t, p.Interval, "the operator knows the receiver's limit")
}
