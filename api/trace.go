package api

import (
	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

// traced runs the request of an authenticated app in a span. It continues the
// caller's trace when the request names one.
func (s *Server) traced(c *fiber.Ctx) error {
	if s.tracer == nil {
		return c.Next()
	}
	ctx := propagation.TraceContext{}.Extract(c.UserContext(), propagation.MapCarrier{
		"traceparent": c.Get("traceparent"), "tracestate": c.Get("tracestate"),
	})
	ctx, span := s.tracer.Start(ctx, c.Method(), trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()
	c.SetUserContext(ctx)

	err := c.Next()
	caller, _ := c.Locals(callerKey{}).(Caller)
	span.SetName(c.Method() + " " + c.Route().Path)
	span.SetAttributes(attribute.String("http.request.method", c.Method()), attribute.String("http.route", c.Route().Path),
		attribute.String("app", caller.AppID))
	if err != nil {
		return err // no such route; observe answers it
	}
	status := c.Response().StatusCode()
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= fiber.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	return nil
}

// traceField returns the log field of a request's trace.
func traceField(c *fiber.Ctx) zap.Field {
	if sc := trace.SpanContextFromContext(c.UserContext()); sc.IsValid() {
		return zap.Stringer("traceId", sc.TraceID())
	}
	return zap.Skip()
}
