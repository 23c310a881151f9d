package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/store"
)

func TestProbes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare              func(*bench)
		health, live, ready  int
		healthText, liveText string
	}{
		"well":          {func(*bench) {}, 200, 200, 200, `{"status":"healthy"}`, `{"status":"alive"}`},
		"database away": {func(b *bench) { b.store.fail(store.ErrUnavailable) }, 503, 200, 503, `{"status":"unhealthy"}`, `{"status":"alive"}`},
		"shutting down": {func(b *bench) { b.ready.Store(false) }, 200, 200, 503, `{"status":"healthy"}`, `{"status":"alive"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			c.prepare(b)
			health := b.call(t, request{method: "GET", path: "/health"})
			require.Equal(t, c.health, health.status)
			require.JSONEq(t, c.healthText, health.text)
			live := b.call(t, request{method: "GET", path: "/livez"})
			require.Equal(t, c.live, live.status)
			require.JSONEq(t, c.liveText, live.text)
			ready := b.call(t, request{method: "GET", path: "/readyz"})
			require.Equal(t, c.ready, ready.status)
			for _, a := range []answer{health, live, ready} {
				require.Equal(t, a.status == 503, a.header.Get("Retry-After") != "")
			}
		})
	}
}

func TestDatabaseAwayIs503Everywhere(t *testing.T) {
	t.Parallel()
	b := start(t)
	n := b.notificationOf("console", 1)
	b.store.fail(store.ErrUnavailable)
	for _, r := range []request{
		{method: "GET", path: "/api/v1/notifications/" + n.ID.String()},
		{method: "GET", path: "/api/v1/notifications/" + n.ID.String() + "/deliveries"},
		{method: "GET", path: "/api/v1/templates"},
		{method: "POST", path: "/api/v1/templates", body: goodTemplate},
		{method: "GET", path: "/api/v1/templates/x"},
		{method: "PUT", path: "/api/v1/templates/x", body: goodTemplate},
		{method: "DELETE", path: "/api/v1/templates/x"},
	} {
		r.app = "console"
		a := b.call(t, r)
		require.Equal(t, 503, a.status, r)
		code, _ := a.problem(t)
		require.Equal(t, "unavailable", code)
		require.Equal(t, "1", a.header.Get("Retry-After"))
	}
}

func TestProbesAreLoggedForDebuggingOnly(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.call(t, request{method: "GET", path: "/livez"})
	b.call(t, request{method: "GET", path: "/api/v1/templates", app: "console"})
	lines := b.logs.FilterMessage("request").All()
	require.Len(t, lines, 2)
	require.Equal(t, zap.DebugLevel, lines[0].Level)
	require.Equal(t, zap.InfoLevel, lines[1].Level)
}
