package api

import (
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are what the API counts.
type metrics struct {
	requests *prometheus.HistogramVec // by method, route, status
	refusals *prometheus.CounterVec   // by code
}

// newMetrics registers the metrics; with nil they are counted and shown nowhere.
func newMetrics(registry prometheus.Registerer) *metrics {
	r := promauto.With(registry)
	return &metrics{
		requests: r.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sealos_notify_http_request_duration_seconds",
			Help:    "Time of requests to the API, by the route that answered.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route", "status"}),
		refusals: r.NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_refusals_total",
			Help: "Problem documents that the API answered with, by code.",
		}, []string{"code"}),
	}
}

// countRequest counts a request that was answered.
func (m *metrics) countRequest(c *fiber.Ctx, took time.Duration) {
	m.requests.WithLabelValues(c.Method(), c.Route().Path, strconv.Itoa(c.Response().StatusCode())).Observe(took.Seconds())
}

// countProblem is a huma.Transformer: every answer of an operation passes through.
func (m *metrics) countProblem(_ huma.Context, _ string, answer any) (any, error) {
	if p, is := answer.(*Problem); is {
		m.refusals.WithLabelValues(p.Code).Inc()
	}
	return answer, nil
}
