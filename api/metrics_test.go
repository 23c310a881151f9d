package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/jobs/refusal"
)

// A problem is counted once, wherever it is found.
func TestRefusalsAreCounted(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	b := start(t, func(o *api.Options) { o.Metrics = registry })
	const valid = `{"idempotencyKey": "k", "channels": {"email": {"template": "t"}}, "recipients": [{"type": "email", "value": "a@example.com"}]}`

	b.call(t, request{method: http.MethodPost, path: "/api/v1/notifications", app: "console", body: valid})
	b.call(t, request{method: http.MethodPost, path: "/api/v1/notifications", app: "console", body: "{"})
	b.accepter.err = &refusal.Error{Code: refusal.MissingParam, Field: "channels.email.params.x", Message: "is missing"}
	b.call(t, request{method: http.MethodPost, path: "/api/v1/notifications", app: "console", body: valid})
	b.call(t, request{method: http.MethodPost, path: "/api/v1/notifications", body: valid})
	b.call(t, request{method: http.MethodPost, path: "/api/v1/notifications", app: "editor", body: valid})
	b.call(t, request{method: http.MethodGet, path: "/api/v1/templates?limit=0", app: "editor"})
	b.callUndescribed(t, request{method: http.MethodGet, path: "/api/v1/nothing", app: "editor"})

	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP sealos_notify_refusals_total Problem documents that the API returned, by code.
# TYPE sealos_notify_refusals_total counter
sealos_notify_refusals_total{code="forbidden"} 1
sealos_notify_refusals_total{code="invalid_json"} 1
sealos_notify_refusals_total{code="invalid_request"} 1
sealos_notify_refusals_total{code="missing_param"} 1
sealos_notify_refusals_total{code="not_found"} 1
sealos_notify_refusals_total{code="unauthorized"} 1
`), "sealos_notify_refusals_total"))
}

// Requests are counted by route, not by path: the number of paths has no bound.
func TestRequestsAreCountedByRoute(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	b := start(t, func(o *api.Options) { o.Metrics = registry })
	for _, path := range []string{"/api/v1/notifications/a", "/api/v1/notifications/b", "/api/v1/nothing", "/nothing", "/nothing/else"} {
		b.callUndescribed(t, request{method: http.MethodGet, path: path, app: "sender"})
	}
	families, err := registry.Gather()
	require.NoError(t, err)
	got := map[string]uint64{}
	for _, family := range families {
		if family.GetName() != "sealos_notify_http_request_duration_seconds" {
			continue
		}
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			got[strings.Join(labels, " ")] = m.GetHistogram().GetSampleCount()
		}
	}
	require.Equal(t, map[string]uint64{
		"GET /api/v1/notifications/:id 404": 2, "GET /api/v1 404": 1, "GET / 404": 2,
	}, got)
}
