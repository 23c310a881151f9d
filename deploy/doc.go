// Package deploy holds the files that operators apply: the manifests and the chart for Kubernetes,
// the compose file, Grafana's contact point. Its Go code is tests that check these
// files against the program and against each other. internal/test/clustertest applies
// the manifests to a real API server.
package deploy
