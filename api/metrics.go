package api

import (
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are the metrics of the API.
type metrics struct {
	requests *prometheus.HistogramVec // by method, route, status
	refusals *prometheus.CounterVec   // by code
}

// newMetrics registers the metrics, unless registry is nil.
func newMetrics(registry prometheus.Registerer) *metrics {
	r := promauto.With(registry)
	return &metrics{
		requests: r.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sealos_notify_http_request_duration_seconds",
			Help:    "Duration of requests to the API, by route.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route", "status"}),
		refusals: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_refusals_total",
			Help: "Problem documents that the API returned, by code.",
		}, []string{"code"}),
	}
}

// countRequest counts an answered request.
func (m *metrics) countRequest(c *fiber.Ctx, took time.Duration) {
	m.requests.WithLabelValues(c.Method(), c.Route().Path, strconv.Itoa(c.Response().StatusCode())).Observe(took.Seconds())
}

// countProblem is a huma.Transformer: huma passes it every answer of an operation.
func (m *metrics) countProblem(_ huma.Context, _ string, answer any) (any, error) {
	if p, is := answer.(*Problem); is {
		m.refusals.WithLabelValues(p.Code).Inc()
	}
	return answer, nil
}
