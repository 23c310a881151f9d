// Package deploy is what operators apply: the manifests for Kubernetes, the compose
// file, the contact point of Grafana. In Go it is tests only, which hold these files
// against the program and against each other. internal/test/clustertest applies the
// manifests to a real API server.
package deploy
