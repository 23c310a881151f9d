// Package k8stest tests the inapp channel with a real Kubernetes API server: the
// one for custom resources, with etcd behind it, in the test's own process. It is
// a module of its own, so that the service does not depend on a server's parts.
//
// Real are the credentials' check, the permission's refusal, the admission of
// namespaces, the resource's schema and the storage. That server has no RBAC and
// serves no namespaces; the test says who may do what and which namespaces exist.
package k8stest
