// Package promtest tests the alerts and the dashboard with Prometheus' own engine: the
// alerts fire when they should, and the metrics of the real program answer every query
// of the dashboard. It is a module of its own, so that the service does not depend on
// Prometheus.
package promtest
