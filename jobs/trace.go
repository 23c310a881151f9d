package jobs

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// A delivery is traced when the request that made it was: the trace's name
// travels in the job's metadata, and every attempt is a part of that trace. Spans
// are made inside a recorded one only, so that nothing is done without tracing.

// tracerName names the tracer of this package's spans.
const tracerName = "github.com/labring/sealos-notify/jobs"

// startSpan starts a span inside the one of ctx, if that is recorded.
func startSpan(ctx context.Context, name string, kind trace.SpanKind) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, noSpan
	}
	return parent.TracerProvider().Tracer(tracerName).Start(ctx, name, trace.WithSpanKind(kind))
}

// noSpan does nothing.
var noSpan = trace.SpanFromContext(context.Background())

// traceMetadata is the metadata of jobs that are made under the span of ctx; nil
// without one.
func traceMetadata(ctx context.Context) []byte {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return nil
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	metadata, err := json.Marshal(carrier)
	if err != nil {
		return nil // texts can be encoded
	}
	return metadata
}

// traceJob starts the span of a job in the trace of the request that made it.
func (s *Service) traceJob(ctx context.Context, job *rivertype.JobRow) (context.Context, trace.Span) {
	if s.tracer == nil {
		return ctx, noSpan
	}
	var metadata struct {
		Traceparent string `json:"traceparent"`
		Tracestate  string `json:"tracestate"`
	}
	if err := json.Unmarshal(job.Metadata, &metadata); err != nil || metadata.Traceparent == "" {
		return ctx, noSpan
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{
		"traceparent": metadata.Traceparent, "tracestate": metadata.Tracestate,
	})
	return s.tracer.Start(ctx, "deliver", trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("channel", job.Queue), attribute.Int64("job", job.ID), attribute.Int("attempt", job.Attempt)))
}

// traceBatch starts the span of what is done for a batch at once: in the trace of
// the first who waits for it, and linked with the spans of the others, both ways.
func traceBatch[In, Out any](ctx context.Context, name string, batch []*flushCall[In, Out]) (context.Context, trace.Span) {
	span := noSpan
	for _, c := range batch {
		switch {
		case !c.span.IsRecording():
		case !span.IsRecording():
			ctx, span = startSpan(trace.ContextWithSpan(ctx, c.span), "batch "+name, trace.SpanKindInternal)
			span.SetAttributes(attribute.Int("size", len(batch)))
		default:
			span.AddLink(trace.Link{SpanContext: c.span.SpanContext()})
			c.span.AddLink(trace.Link{SpanContext: span.SpanContext()})
		}
	}
	return ctx, span
}

// What spans say of an error is its class and code, never its text: that may hold
// an address.

// endAccept ends the span of an acceptance.
func endAccept(span trace.Span, a Accepted, err error) {
	defer span.End()
	var refusal *Refusal
	switch {
	case !span.IsRecording():
	case errors.As(err, &refusal):
		span.SetStatus(codes.Error, refusal.Code)
	case err != nil:
		span.SetStatus(codes.Error, "not committed")
	default:
		span.SetAttributes(attribute.String("notification", a.NotificationID.String()),
			attribute.Int("deliveries", a.Deliveries), attribute.Bool("replayed", a.Replayed))
	}
}

// endSend ends the span of a call to a vendor.
func endSend(span trace.Span, p channels.Provider, err error) {
	defer span.End()
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("channel", p.Type.Channel), attribute.String("provider", p.Name))
	if err != nil {
		e := channels.AsError(err)
		traceError(span, string(e.Class), channels.CleanText(e.Code))
	}
}

// traceOutcome completes the span of a job.
func traceOutcome(ctx context.Context, d store.Delivery, o store.Outcome) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("delivery", d.ID.String()), attribute.String("notification", d.NotificationID.String()),
		attribute.String("provider", o.Attempt.Provider), attribute.String("status", string(o.Status)))
	if o.Attempt.Class != "" {
		traceError(span, o.Attempt.Class, o.Attempt.Code)
	}
}

func traceError(span trace.Span, class, code string) {
	span.SetAttributes(attribute.String("class", class), attribute.String("code", code))
	span.SetStatus(codes.Error, code)
}

// traceField is the log's word for the trace of ctx.
func traceField(ctx context.Context) zap.Field {
	if c := trace.SpanContextFromContext(ctx); c.IsValid() {
		return zap.Stringer("traceId", c.TraceID())
	}
	return zap.Skip()
}
