package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/tracing"
	"github.com/labring/sealos-notify/store"
)

// spansOf waits until n spans of the name have ended.
func spansOf(t *testing.T, b *jobstest.Bundle, name string, n int) []sdktrace.ReadOnlySpan {
	t.Helper()
	var found []sdktrace.ReadOnlySpan
	require.Eventually(t, func() bool {
		found = nil
		for _, s := range b.Spans.Ended() {
			if s.Name() == name {
				found = append(found, s)
			}
		}
		return len(found) >= n
	}, limit.Wait, 5*time.Millisecond, "there are not %d spans %q", n, name)
	require.Len(t, found, n)
	return found
}

func attributes(s sdktrace.ReadOnlySpan) map[attribute.Key]string {
	values := map[attribute.Key]string{}
	for _, a := range s.Attributes() {
		values[a.Key] = a.Value.String()
	}
	return values
}

// The trace of a request holds everything that it causes, over all attempts.
func TestTrace(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Provider.Fail(&channels.Error{Class: channels.Transient, Code: "away", Message: "user0@example.com is away"})
		ctx, request := b.Tracer.Start(t.Context(), "request")
		d := b.AcceptContext(ctx, "k")
		request.End()
		b.Start()
		b.WaitFor(d.ID, store.DeliveryDead)

		accept, deliver, send := spansOf(t, b, "accept", 1)[0], spansOf(t, b, "deliver", 4), spansOf(t, b, "send", 4)
		committed, recorded := spansOf(t, b, "batch accept", 1)[0], spansOf(t, b, "batch record", 4)
		require.Equal(t, request.SpanContext().SpanID(), accept.Parent().SpanID())
		require.Equal(t, accept.SpanContext().SpanID(), committed.Parent().SpanID())
		require.Equal(t, map[attribute.Key]string{
			"notification": d.NotificationID.String(), "deliveries": "1", "replayed": "false",
		}, attributes(accept))
		for i := range deliver {
			require.Equal(t, accept.SpanContext().SpanID(), deliver[i].Parent().SpanID())
			require.Equal(t, trace.SpanKindConsumer, deliver[i].SpanKind())
			require.Equal(t, deliver[i].SpanContext().SpanID(), send[i].Parent().SpanID())
			require.Equal(t, trace.SpanKindClient, send[i].SpanKind())
			require.Equal(t, map[attribute.Key]string{
				"channel": "test", "provider": "test-provider", "class": "transient", "code": "away",
			}, attributes(send[i]))
			require.Equal(t, deliver[i].SpanContext().SpanID(), recorded[i].Parent().SpanID())
		}
		require.Equal(t, "dead", attributes(deliver[3])["status"])
		for _, s := range b.Spans.Ended() {
			require.Equal(t, request.SpanContext().TraceID(), s.SpanContext().TraceID())
			for key, value := range attributes(s) {
				require.NotContains(t, value, "example.com", "%s of %s", key, s.Name())
			}
			require.NotContains(t, s.Status().Description, "example.com")
			require.Empty(t, s.Events())
		}
	})
}

// A request without a trace makes no span, and adds nothing to its jobs.
func TestNoTrace(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		d := b.Accept("k")
		b.Start()
		b.WaitFor(d.ID, store.DeliverySuccess)
		require.Empty(t, b.Spans.Started())
		require.Nil(t, tracing.Metadata(t.Context()))
	})
}

// Jobs with a trace are worked when tracing is off, and when their metadata is invalid.
func TestJobsWithUnusableTraces(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		for i, metadata := range []string{`{"traceparent": "00-zz"}`, `{"traceparent": 1}`, `{}`} {
			d := b.Accept("k" + string(rune('0'+i)))
			b.Exec("UPDATE river_job SET metadata = $1 WHERE id = $2", metadata, d.JobID)
			defer b.WaitFor(d.ID, store.DeliverySuccess)
		}
		ctx, span := b.Tracer.Start(t.Context(), "request")
		d := b.AcceptContext(ctx, "traced")
		span.End()
		b.Tracer = nil
		b.Rebuild(b.Store)
		b.Start()
		b.WaitFor(d.ID, store.DeliverySuccess)
	})
}
