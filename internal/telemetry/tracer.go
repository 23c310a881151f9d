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

// serviceName is what spans say they come from, unless OTEL_SERVICE_NAME does.
const serviceName = "sealos-notify"

// FlushTime is how long the last spans may take to leave.
const FlushTime = 2 * time.Second

// NewTracer returns a tracer that exports to the endpoint over OTLP/HTTP, and the
// function that exports what is left and ends it. Without an endpoint, neither
// given nor in OpenTelemetry's environment variables, the tracer is nil. Those
// variables also set headers, certificates and the sampler.
func NewTracer(ctx context.Context, endpoint string, log *zap.Logger) (trace.Tracer, func(), error) {
	var options []otlptracehttp.Option
	switch {
	case endpoint != "":
		options = append(options, otlptracehttp.WithEndpointURL(strings.TrimSuffix(endpoint, "/")+"/v1/traces"))
	case os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "":
		return nil, func() {}, nil
	}
	// Export happens behind our back; without this its errors would go to stderr as they are.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces could not be exported", zap.Error(err)) }))
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, nil, fmt.Errorf("tracing: %w", err)
	}
	from, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", serviceName)),
		resource.WithHost(), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, nil, fmt.Errorf("tracing: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(from))
	stop := func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), FlushTime)
		defer cancel()
		_ = provider.Shutdown(ctx) // spans that cannot leave are lost, and nothing else
	}
	return provider.Tracer("github.com/labring/sealos-notify"), stop, nil
}
