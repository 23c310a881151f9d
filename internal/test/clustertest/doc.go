// Package clustertest applies deploy/kubernetes to a real Kubernetes API server with
// the real kubectl, as docs/kubernetes.md tells an operator, and checks what the
// service's account may do there. `make test-manifests` runs it. The first run builds
// Kubernetes, which takes minutes.
//
// Only the API server runs. Nothing schedules or starts pods.
package clustertest
