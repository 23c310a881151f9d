package webhook_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// post sends a signed body to the receiver and returns the status.
func post(t *testing.T, r *webhook.Receiver, id, body string, at time.Time, change func(http.Header)) int {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, webhook.Path, strings.NewReader(body))
	signer, err := standardwebhooks.NewWebhook(webhook.Secret("tok"))
	require.NoError(t, err)
	signature, err := signer.Sign(id, at, []byte(body))
	require.NoError(t, err)
	for name, value := range map[string]string{
		"Authorization": "Bearer tok", "Webhook-Id": id, "Webhook-Timestamp": strconv.FormatInt(at.Unix(), 10), "Webhook-Signature": signature,
	} {
		req.Header.Set(name, value)
	}
	if change != nil {
		change(req.Header)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	require.Equal(t, w.Code == http.StatusOK, strings.Contains(w.Body.String(), `"ok":true`))
	return w.Code
}

func TestReceiver(t *testing.T) {
	t.Parallel()
	r := webhook.New("tok", vendors.NewInbox())
	now := time.Now()
	require.Equal(t, 200, post(t, r, "m1", `{"a":1}`, now, nil))
	require.Equal(t, 200, post(t, r, "m1", `{"a":1}`, now, nil), "it has the message")
	require.Equal(t, 200, post(t, r, "m2", `{"a":2}`, now.Add(-4*time.Minute), nil))
	require.Equal(t, 400, post(t, r, "m3", `{`, now, nil))
	require.Equal(t, 401, post(t, r, "m4", `{}`, now.Add(-6*time.Minute), nil), "too old")
	for name := range map[string]int{"Authorization": 0, "Webhook-Id": 0, "Webhook-Signature": 0, "Webhook-Timestamp": 0} {
		require.Equal(t, 401, post(t, r, "m5", `{}`, now, func(h http.Header) { h.Set(name, "1") }), name)
	}
	arrivals := r.Inbox().Arrivals()
	require.Len(t, arrivals, 2)
	require.Equal(t, []string{"webhook", webhook.Path, "json", `{"a":1}`, "m1"},
		[]string{arrivals[0].Channel, arrivals[0].To, arrivals[0].Kind, arrivals[0].Text, arrivals[0].Mark})
	require.Equal(t, vendors.Mark{Requests: 2, Arrivals: 1}, r.Inbox().Mark("m1"))
}

func TestFaults(t *testing.T) {
	t.Parallel()
	r := webhook.New("tok", vendors.NewInbox())
	for name, status := range map[string]int{vendors.Throttle: 429, vendors.Refuse: 422, vendors.Misconfigured: 401, vendors.Down: 503} {
		r.Fail(webhook.Faults[name])
		require.Equal(t, status, post(t, r, "m1", `{}`, time.Now(), nil), name)
	}
	require.Zero(t, r.Inbox().Total())
}
