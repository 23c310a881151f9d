// Package promtest holds the alerts and the dashboard against Prometheus' own
// engine: the alerts fire when they should, and every query of the dashboard is
// answered by the metrics of the real program. It is a module of its own, so that
// the service does not depend on Prometheus.
package promtest
