// Package telemetry has the registry of metrics, the server that shows it, and the
// tracer that exports spans.
package telemetry

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
	"golang.org/x/net/netutil"
)

// NewRegistry returns a registry with the metrics of the Go runtime and of the process.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

const (
	// scrapesAtOnce bounds the scrapes in flight. Further ones are answered 503.
	scrapesAtOnce = 4
	// maxConnections bounds the open connections, so that this port cannot take the files that
	// the API needs. Further ones wait.
	maxConnections = 64
)

// MetricsServer serves /metrics on its own port.
type MetricsServer struct {
	server   *http.Server
	listener net.Listener
}

// ServeMetrics listens on the address and serves the registry until Close.
func ServeMetrics(ctx context.Context, address string, registry *prometheus.Registry, log *zap.Logger) (*MetricsServer, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("metrics.address: %w", err)
	}
	errorLog := zap.NewStdLog(log.Named("metrics"))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: errorLog, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: scrapesAtOnce,
	}))
	s := &MetricsServer{listener: listener, server: &http.Server{
		Handler: mux, ErrorLog: errorLog, MaxHeaderBytes: 8 << 10,
		ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
	}}
	go func() { _ = s.server.Serve(netutil.LimitListener(listener, maxConnections)) }() // it ends with Close
	return s, nil
}

// Address returns the address that the metrics are served on.
func (s *MetricsServer) Address() net.Addr { return s.listener.Addr() }

// Close stops the server and cuts scrapes in flight.
func (s *MetricsServer) Close() { _ = s.server.Close() }
