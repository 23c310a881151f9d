package telemetry

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

// serviceName is the service of the spans, unless OTEL_SERVICE_NAME is set.
const serviceName = "sealos-notify"

// FlushTime bounds the export of the last spans.
const FlushTime = 2 * time.Second

// NewTracer returns a tracer that exports to the endpoint over OTLP/HTTP, and a
// function that exports the last spans and stops it. The endpoint can also come from
// OpenTelemetry's environment variables, which set headers, certificates and the
// sampler, too. Without an endpoint the tracer is nil. Spans carry the program's version.
func NewTracer(ctx context.Context, endpoint, version string, log *zap.Logger) (trace.Tracer, func(), error) {
	var options []otlptracehttp.Option
	switch {
	case endpoint != "":
		options = append(options, otlptracehttp.WithEndpointURL(strings.TrimSuffix(endpoint, "/")+"/v1/traces"))
	case os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "":
		return nil, func() {}, nil
	}
	// Spans are exported in the background. By default errors would go to stderr.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces could not be exported", zap.Error(err)) }))
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, nil, fmt.Errorf("tracing: %w", err)
	}
	source, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", serviceName), attribute.String("service.version", version)),
		resource.WithHost(), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, nil, fmt.Errorf("tracing: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(source))
	stop := func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), FlushTime)
		defer cancel()
		_ = provider.Shutdown(ctx) // only spans are lost
	}
	return provider.Tracer("github.com/labring/sealos-notify"), stop, nil
}
