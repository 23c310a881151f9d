package jobs

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// spansOf waits until n spans of the name have ended.
func (b *bundle) spansOf(name string, n int) []sdktrace.ReadOnlySpan {
	b.t.Helper()
	var found []sdktrace.ReadOnlySpan
	require.Eventually(b.t, func() bool {
		found = nil
		for _, s := range b.spans.Ended() {
			if s.Name() == name {
				found = append(found, s)
			}
		}
		return len(found) >= n
	}, 10*time.Second, 5*time.Millisecond, "no %d spans %q", n, name)
	require.Len(b.t, found, n)
	return found
}

func attributes(s sdktrace.ReadOnlySpan) map[attribute.Key]string {
	values := map[attribute.Key]string{}
	for _, a := range s.Attributes() {
		values[a.Key] = a.Value.String()
	}
	return values
}

// All that comes of a traced request is in its trace, over all attempts.
func TestTrace(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		b.provider.fail(&channels.Error{Class: channels.Transient, Code: "away", Message: "user0@example.com is away"})
		ctx, request := b.tracer.Start(t.Context(), "request")
		d := b.acceptIn(ctx, "k")
		request.End()
		b.start()
		b.until(d.ID, store.DeliveryDead)

		accept, deliver, send := b.spansOf("accept", 1)[0], b.spansOf("deliver", 4), b.spansOf("send", 4)
		committed, recorded := b.spansOf("batch accept", 1)[0], b.spansOf("batch record", 4)
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
		for _, s := range b.spans.Ended() {
			require.Equal(t, request.SpanContext().TraceID(), s.SpanContext().TraceID())
			for key, value := range attributes(s) {
				require.NotContains(t, value, "example.com", "%s of %s", key, s.Name())
			}
			require.NotContains(t, s.Status().Description, "example.com")
			require.Empty(t, s.Events())
		}
	})
}

// A request without a trace leaves none: no span, and nothing more in its jobs.
func TestNoTrace(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		d := b.accept("k")
		b.start()
		b.until(d.ID, store.DeliverySuccess)
		require.Empty(t, b.spans.Started())
		require.Nil(t, traceMetadata(t.Context()))
	})
}

// Jobs that were made while traces were on are worked as ever when they are off,
// or when somebody has spoilt what they say.
func TestTraceOfStrangeJobs(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		for i, metadata := range []string{`{"traceparent": "00-zz"}`, `{"traceparent": 1}`, `{}`} {
			d := b.accept("k" + string(rune('0'+i)))
			b.exec("UPDATE river_job SET metadata = $1 WHERE id = $2", metadata, d.JobID)
			defer b.until(d.ID, store.DeliverySuccess)
		}
		b.service.tracer = nil
		ctx, span := b.tracer.Start(t.Context(), "request")
		d := b.acceptIn(ctx, "traced")
		span.End()
		b.start()
		b.until(d.ID, store.DeliverySuccess)
	})
}

// Requests that are committed together are linked by the one commit.
func TestTraceOfAGroupCommit(t *testing.T) {
	t.Parallel()
	b := &bundle{t: t, spans: tracetest.NewSpanRecorder()}
	b.tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(b.spans)).Tracer("test")
	entered, release := make(chan struct{}), make(chan struct{})
	f := newFlusher(newMetrics(nil).batch("test"), time.Minute, func(int) int { return 1 }, func(_ context.Context, batch []int) ([]int, error) {
		entered <- struct{}{}
		<-release
		return batch, nil
	})
	var wg sync.WaitGroup
	var waiters []trace.Span
	call := func(i int) {
		ctx, span := b.tracer.Start(t.Context(), "waiter")
		waiters = append(waiters, span)
		wg.Go(func() {
			defer span.End()
			_, err := f.do(ctx, i)
			require.NoError(t, err)
		})
	}
	call(0)
	<-entered
	call(1)
	require.Eventually(t, func() bool { return len(f.queue) == 1 }, 10*time.Second, time.Millisecond)
	call(2)
	require.Eventually(t, func() bool { return len(f.queue) == 2 }, 10*time.Second, time.Millisecond)
	release <- struct{}{}
	<-entered
	close(release)
	wg.Wait()
	f.close()

	commits, spans := b.spansOf("batch test", 2), b.spansOf("waiter", 3)
	require.Equal(t, waiters[1].SpanContext().SpanID(), commits[1].Parent().SpanID())
	require.Equal(t, "2", attributes(commits[1])["size"])
	require.Len(t, commits[1].Links(), 1)
	require.Equal(t, waiters[2].SpanContext(), commits[1].Links()[0].SpanContext)
	for _, s := range spans {
		if s.SpanContext().SpanID() == waiters[2].SpanContext().SpanID() {
			require.Len(t, s.Links(), 1)
			require.Equal(t, commits[1].SpanContext(), s.Links()[0].SpanContext)
		}
	}
}
