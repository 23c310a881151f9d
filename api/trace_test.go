package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/store"
)

// A known app's request continues the trace that it names; others leave none.
func TestTrace(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	b := start(t, func(o *api.Options) {
		o.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test")
	})
	const caller = "0af7651916cd43dd8448eb211c80319c"
	header := http.Header{"Traceparent": {"00-" + caller + "-b7ad6b7169203331-01"}}
	next := func() sdktrace.ReadOnlySpan {
		// The span ends just after the answer is written.
		var ended []sdktrace.ReadOnlySpan
		require.Eventually(t, func() bool { ended = spans.Ended(); return len(ended) > 0 }, 10*time.Second, time.Millisecond)
		require.Len(t, ended, 1)
		spans.Reset()
		return ended[0]
	}

	b.call(t, request{method: http.MethodGet, path: "/api/v1/templates", header: header})
	b.call(t, request{method: http.MethodGet, path: "/health", header: header})
	b.call(t, request{method: http.MethodGet, path: "/api/v1/templates/none", header: header, app: "editor"})
	span := next()
	require.Equal(t, caller, span.SpanContext().TraceID().String())
	require.Equal(t, "b7ad6b7169203331", span.Parent().SpanID().String())
	require.Equal(t, "GET /api/v1/templates/:name", span.Name())
	require.Equal(t, trace.SpanKindServer, span.SpanKind())
	attributes := map[string]string{}
	for _, a := range span.Attributes() {
		attributes[string(a.Key)] = a.Value.String()
	}
	require.Equal(t, map[string]string{
		"http.request.method": "GET", "http.route": "/api/v1/templates/:name", "http.response.status_code": "404", "app": "editor",
	}, attributes)
	lines := b.logs.FilterMessage("request").All()
	require.Equal(t, caller, lines[len(lines)-1].ContextMap()["traceId"])
	require.NotContains(t, lines[0].ContextMap(), "traceId")

	b.store.fail(store.ErrUnavailable)
	b.call(t, request{method: http.MethodGet, path: "/api/v1/templates", app: "editor"})
	span = next()
	require.NotEqual(t, caller, span.SpanContext().TraceID().String())
	require.False(t, span.Parent().IsValid())
	require.Equal(t, "Error", span.Status().Code.String())
}
