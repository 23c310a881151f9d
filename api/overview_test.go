package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

func TestOverview(t *testing.T) {
	b := start(t)
	b.store.deadGroups = []store.DeadGroup{{Channel: "email", Provider: "smtp", Code: "smtp_550", Count: 3, Last: time.Now()}}
	a := b.call(t, request{method: http.MethodGet, path: "/api/v1/overview", app: "console"})
	require.Equal(t, http.StatusOK, a.status, a.text)
	v := a.json(t)
	require.Equal(t, false, v["deadMore"])
	dead := v["dead"].([]any)[0].(map[string]any)
	require.Equal(t, "smtp_550", dead["code"])
	require.EqualValues(t, 3, dead["count"])
	require.Equal(t, []any{0., 7.}, dead["hours"], "of the caller's app")
	recent := v["recent"].([]any)[0].(map[string]any)
	require.Equal(t, "email", recent["channel"])
	for _, window := range []string{"hour", "day"} {
		require.Subset(t, recent[window], map[string]any{"accepted": 3., "arrived": 1., "success": .5, "p50": 1.5, "p99": 1.5})
	}
	email := v["channels"].([]any)[0].(map[string]any)
	require.Equal(t, "smtp", email["provider"])
	require.EqualValues(t, 2, email["waiting"])
	require.NotNil(t, email["oldest"])

	list := b.call(t, request{method: http.MethodGet, path: "/api/v1/channels", app: "console"})
	require.Equal(t, v["channels"], list.json(t)["channels"])

	b.store.deadGroups[0].Count = 10_000
	require.Equal(t, true, b.call(t, request{method: http.MethodGet, path: "/api/v1/overview", app: "root"}).json(t)["deadMore"])
	for path, status := range map[string]int{"/api/v1/overview?app=sender": 403, "/api/v1/overview?ap=console": 400, "/api/v1/overview": 200} {
		require.Equal(t, status, b.call(t, request{method: http.MethodGet, path: path, app: "console"}).status, path)
	}
	require.Equal(t, http.StatusForbidden, b.call(t, request{method: http.MethodGet, path: "/api/v1/channels", app: "editor"}).status)
}
