package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

func TestProviders(t *testing.T) {
	t.Parallel()
	b := start(t)
	a := b.call(t, request{method: http.MethodGet, path: "/api/v1/providers", app: "root"})
	require.Equal(t, http.StatusOK, a.status, a.text)
	require.Equal(t, []any{map[string]any{
		"name": "smtp", "type": "smtp", "channel": "email", "inUse": true, "place": 1.0, "weight": 0.0, "onUncertain": "resend", "connections": 3.0, "canProbe": true,
		"settings": []any{
			map[string]any{"key": "host", "value": "mail.example.com"}, map[string]any{"key": "maxConnections", "value": "10"},
			map[string]any{"key": "password", "value": "***"},
		},
	}}, a.json(t)["providers"])
}

func TestProbe(t *testing.T) {
	t.Parallel()
	b := start(t)
	probe := func(provider string) answer {
		return b.call(t, request{method: http.MethodPost, path: "/api/v1/providers/" + provider + "/probe", app: "root"})
	}
	require.Equal(t, map[string]any{
		"provider": "smtp", "ok": false, "tookMs": 1500.0, "class": "misconfigured", "code": "smtp_535", "error": "wrong <b>password</b>",
	}, probe("smtp").json(t))
	require.Equal(t, true, probe("spare").json(t)["ok"])
	busy := probe("busy")
	code, _ := busy.problem(t)
	require.Equal(t, "probed_just_now", code)
	require.Equal(t, http.StatusTooManyRequests, busy.status)
	require.Equal(t, "7", busy.header.Get("Retry-After"))
	require.Equal(t, http.StatusNotFound, probe("none").status)

	require.Len(t, b.store.entries, 2)
	want := actorOf("root").Did(store.AuditProviderProbe, "smtp")
	want.Detail = "smtp_535"
	require.Equal(t, want, b.store.entries[0])
}
