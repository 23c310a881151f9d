package api

import (
	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

// traced puts a span around what a known app asks for: strangers leave no
// traces. It continues the caller's trace when the request names one.
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
		return err // there is no such route; observe answers
	}
	status := c.Response().StatusCode()
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= fiber.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	return nil
}

// traceField is the log's word for the trace of a request.
func traceField(c *fiber.Ctx) zap.Field {
	if sc := trace.SpanContextFromContext(c.UserContext()); sc.IsValid() {
		return zap.Stringer("traceId", sc.TraceID())
	}
	return zap.Skip()
}
