package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/store"
)

const limitedApps = `
apps:
  - appId: free
    appSecret: free-secret
  - appId: limited
    appSecret: limited-secret
    testSecrets: [other]
    name: Limited
    enabled: true
    limits: {requestsPerMinute: 0, deliveriesPerMinute: {voice: 1}, deliveriesPerDay: {sms: 100, email: 5}, highPriority: false}
  - appId: root
    appSecret: root-secret
    enabled: true
    roles: [admin]
`

func startLimited(t *testing.T) *bench {
	t.Helper()
	b := start(t)
	credentials, err := api.ParseCredentials([]byte(limitedApps))
	require.NoError(t, err)
	b.auth.Set(credentials)
	b.store.uses = []store.Use{
		{Counter: store.Counter{AppID: "limited", Channel: "sms", Period: store.PerDay}, Used: 7, Left: time.Hour},
		{Counter: store.Counter{AppID: "limited:test", Channel: "sms", Period: store.PerDay}, Used: 1, Left: time.Hour},
		{Counter: store.Counter{AppID: "limited", Channel: "fax", Period: store.PerDay}, Used: 3, Left: time.Hour}, // no limit any more
	}
	return b
}

// limitsOf returns the limits of an app as an answer shows them, without their times.
func limitsOf(t *testing.T, app map[string]any) []any {
	t.Helper()
	limits := app["limits"].([]any)
	for _, l := range limits {
		l := l.(map[string]any)
		resets, err := time.Parse(time.RFC3339Nano, l["resetsAt"].(string))
		require.NoError(t, err)
		require.Positive(t, time.Until(resets))
		require.LessOrEqual(t, time.Until(resets), 24*time.Hour)
		delete(l, "resetsAt")
	}
	return limits
}

func limitView(limit, channel string, most, used float64) map[string]any {
	return map[string]any{"limit": limit, "channel": channel, "most": most, "used": used}
}

func TestAppsShowTheirLimits(t *testing.T) {
	t.Parallel()
	b := startLimited(t)
	a := b.call(t, request{method: "GET", path: "/api/v1/apps", app: "root"})
	require.Equal(t, 200, a.status, a.text)
	require.NotContains(t, a.text, "secret")
	apps := a.json(t)["apps"].([]any)
	require.Len(t, apps, 3)
	limited := apps[1].(map[string]any)
	limits := []any{
		limitView("requestsPerMinute", "", 0, 0), limitView("deliveriesPerMinute", "voice", 1, 0),
		limitView("deliveriesPerDay", "email", 5, 0), limitView("deliveriesPerDay", "sms", 100, 7),
	}
	require.Equal(t, limits, limitsOf(t, limited))
	delete(limited, "limits")
	require.Equal(t, map[string]any{
		"appId": "limited", "name": "Limited", "enabled": true, "roles": []any{"send", "templates"}, "highPriority": false, "testSecrets": 1.0,
	}, limited)
	require.Empty(t, apps[0].(map[string]any)["limits"])
	require.Equal(t, true, apps[0].(map[string]any)["highPriority"])

	who := b.call(t, request{method: "GET", path: "/api/v1/whoami", app: "limited"}).json(t)
	require.Equal(t, limits, limitsOf(t, who))
	require.Equal(t, []any{"limited", false, false}, []any{who["appId"], who["test"], who["highPriority"]})
	limits[3] = limitView("deliveriesPerDay", "sms", 100, 1)
	who = b.call(t, request{method: "GET", path: "/api/v1/whoami", header: http.Header{"Authorization": {"Bearer limited:other"}}}).json(t)
	require.Equal(t, limits, limitsOf(t, who))
	require.Equal(t, []any{"limited:test", true, false}, []any{who["appId"], who["test"], who["highPriority"]})
}

// The code names the limit, and the field its channel. Alertmanager posts again after a 5xx only.
func TestBeyondALimit(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		quota store.Quota
		field string
	}{
		"limit_requests_per_minute":   {store.Quota{Period: store.PerMinute, Most: 3}, ""},
		"limit_deliveries_per_minute": {store.Quota{Channel: "sms", Period: store.PerMinute, Most: 3}, "channels.sms"},
		"limit_deliveries_per_day":    {store.Quota{Channel: "voice", Period: store.PerDay, Most: 3}, "channels.voice"},
	} {
		b := start(t)
		b.accepter.err = &store.QuotaError{Quota: c.quota, Used: 3, Wait: 61500 * time.Millisecond}
		a := b.call(t, post("sender", `{"idempotencyKey": "k", "channels": {"email": {"template": "t"}}, "recipients": [{"type": "email", "value": "a@example.com"}]}`))
		require.Equal(t, 429, a.status)
		gotCode, gotField := a.problem(t)
		require.Equal(t, []string{code, c.field}, []string{gotCode, gotField})
		require.Equal(t, "62", a.header.Get("Retry-After"))
	}
}
