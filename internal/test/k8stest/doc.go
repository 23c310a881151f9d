// Package k8stest tests the inapp channel with a real Kubernetes API server: the one
// for custom resources, with etcd, in the test's process. It is a module of its own, so
// that the service does not depend on the API server's packages.
//
// Authentication, admission of namespaces, the resource's schema and the storage are
// real. The server has no RBAC and serves no namespaces; the test defines permissions
// and namespaces.
package k8stest
