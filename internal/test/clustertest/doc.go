// Package clustertest applies deploy/kubernetes to a real Kubernetes API server with
// the real kubectl, as docs/kubernetes.md tells an operator, and checks what the
// service's account may do there. It does the same with the Helm chart and the real helm.
// `make test-manifests` runs it. The first run builds Kubernetes, which takes minutes.
//
// Only the API server runs, for the chart's upgrade also Kubernetes' controllers. Nothing
// schedules or starts pods, but for node in that upgrade: it runs them as processes.
package clustertest
