// Package clustertest applies deploy/kubernetes to a real Kubernetes API server with
// the real kubectl, as docs/kubernetes.md has an operator do it, and looks at what the
// service's account may do there. `make test-manifests` runs it; the first time builds
// Kubernetes, which takes minutes.
//
// Only the API server runs. Nothing schedules or starts pods.
package clustertest
