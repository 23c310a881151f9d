// Package tracing makes spans of what happens to a notification. A delivery is traced when
// the request that made it was: the trace's name travels in the job's metadata, and every
// attempt is part of that trace. Outside a recorded trace nothing is done.
//
// A span names the class and the code of an error, never its text, which may hold an
// address.
package tracing

import (
	"context"
	"encoding/json"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

// scope is the instrumentation scope of these spans.
const scope = "github.com/labring/sealos-notify/jobs"

// none does nothing.
var none = trace.SpanFromContext(context.Background())

// Start starts a span inside that of ctx when it is recorded. Otherwise the span does
// nothing.
func Start(ctx context.Context, name string, kind trace.SpanKind) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, none
	}
	return parent.TracerProvider().Tracer(scope).Start(ctx, name, trace.WithSpanKind(kind))
}

// StartBatch starts the span of work that is done at once for several waiting spans. It is
// part of the first recorded one's trace and linked with the others, in both directions.
func StartBatch(ctx context.Context, name string, waiting []trace.Span) (context.Context, trace.Span) {
	span := none
	for _, w := range waiting {
		switch {
		case !w.IsRecording():
		case !span.IsRecording():
			ctx, span = Start(trace.ContextWithSpan(ctx, w), "batch "+name, trace.SpanKindInternal)
			span.SetAttributes(attribute.Int("size", len(waiting)))
		default:
			span.AddLink(trace.Link{SpanContext: w.SpanContext()})
			w.AddLink(trace.Link{SpanContext: span.SpanContext()})
		}
	}
	return ctx, span
}

// Metadata returns the job metadata that names the trace of ctx; nil without a trace.
func Metadata(ctx context.Context) []byte {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return nil
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	metadata, err := json.Marshal(carrier)
	if err != nil {
		return nil // a map of strings can always be encoded
	}
	return metadata
}

// StartJob starts the span of a job in the trace that its metadata names. Without a trace,
// or with a nil tracer, the span does nothing.
func StartJob(ctx context.Context, tracer trace.Tracer, metadata []byte, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	if tracer == nil {
		return ctx, none
	}
	var named struct {
		Traceparent string `json:"traceparent"`
		Tracestate  string `json:"tracestate"`
	}
	if err := json.Unmarshal(metadata, &named); err != nil || named.Traceparent == "" {
		return ctx, none
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{
		"traceparent": named.Traceparent, "tracestate": named.Tracestate,
	})
	return tracer.Start(ctx, "deliver", trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attributes...))
}

// Fail marks a span as failed.
func Fail(span trace.Span, class, code string) {
	span.SetAttributes(attribute.String("class", class), attribute.String("code", code))
	span.SetStatus(codes.Error, code)
}

// Field is the log field that names the trace of ctx.
func Field(ctx context.Context) zap.Field {
	if c := trace.SpanContextFromContext(ctx); c.IsValid() {
		return zap.Stringer("traceId", c.TraceID())
	}
	return zap.Skip()
}
