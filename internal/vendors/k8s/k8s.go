// Package k8s is a simulated Kubernetes API with the one resource that the inapp
// channel creates. It serves for trying the service and for failures that a real API
// server does not have on demand. internal/test/k8stest tests with a real one.
//
// It follows https://kubernetes.io/docs/reference/using-api/api-concepts/ and the
// resource definition controllers/pkg/notification of https://github.com/labring/sealos.
package k8s

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/labring/sealos-notify/internal/vendors"
)

// Operations, for Fault.Where and Requests.
const (
	Create = "create"
	Get    = "get"
	Patch  = "patch"
	List   = "list"
	Delete = "delete"
)

// Fault is a misbehaviour of the API. Code is the reason of a Status ("Forbidden"),
// and HTTPStatus its code.
type Fault = vendors.Fault

// Faults are the API's faults by name.
var Faults = vendors.Named(Create,
	Fault{HTTPStatus: http.StatusTooManyRequests, Code: "TooManyRequests", Message: "Too many requests, please try again later."},
	Fault{HTTPStatus: http.StatusUnprocessableEntity, Code: "Invalid", Message: "Notification.notification.sealos.io is invalid"},
	Fault{HTTPStatus: http.StatusForbidden, Code: "Forbidden", Message: "notifications.notification.sealos.io is forbidden: User cannot create resource"},
)

// Cluster is a simulated cluster with one client, in which every namespace exists
// until it is deleted.
type Cluster struct {
	*vendors.API
	token string

	mu      sync.Mutex
	objects map[string]object // by namespace and name
	deleted map[string]bool   // namespaces
}

// New returns a cluster that knows one bearer token and delivers to the inbox. Without
// a token it accepts every client, as an API behind `kubectl proxy` does. Clients send
// tokens over TLS only.
func New(token string, inbox *vendors.Inbox) *Cluster {
	c := &Cluster{API: vendors.NewAPI(inbox), token: token, objects: map[string]object{}, deleted: map[string]bool{}}
	const group = "/apis/notification.sealos.io/v1"
	const path = group + "/namespaces/{namespace}/notifications"
	c.HandleFunc("POST "+path, c.serve(Create, c.create))
	c.HandleFunc("GET "+path+"/{name}", c.serve(Get, c.get))
	c.HandleFunc("PATCH "+path+"/{name}", c.serve(Patch, c.patch))
	c.HandleFunc("DELETE "+path+"/{name}", c.serve(Delete, c.delete))
	c.HandleFunc("GET "+path, c.serve(List, c.list))
	c.HandleFunc("GET "+group+"/notifications", c.serve(List, c.list))
	return c
}

// Kubeconfig returns a kubeconfig file for the API at serverURL. The token and the
// authority (PEM) of the server's certificate are for an https URL.
func Kubeconfig(serverURL, token string, authority []byte) []byte {
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: simulated
contexts: [{name: simulated, context: {cluster: simulated, user: simulated}}]
clusters: [{name: simulated, cluster: {server: %q, certificate-authority-data: %q}}]
users: [{name: simulated, user: {token: %q}}]
`, serverURL, base64.StdEncoding.EncodeToString(authority), token)
}

// DeleteNamespace deletes the namespace.
func (c *Cluster) DeleteNamespace(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deleted[name] = true
}

// refused returns the answer of an error of the API.
func refused(err *apierrors.StatusError) vendors.Answer {
	s := err.ErrStatus
	s.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	return answer(int(s.Code), s)
}

func answer(status int, body any) vendors.Answer {
	return vendors.Answer{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
}

// serve returns the handler of an operation. The handler checks the token.
func (c *Cluster) serve(operation string, effect func(*http.Request, []byte) vendors.Answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		authorized := func(body []byte) vendors.Answer {
			if c.token != "" && r.Header.Get("Authorization") != "Bearer "+c.token {
				return refused(apierrors.NewUnauthorized("Unauthorized"))
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			return effect(r, body)
		}
		c.Answer(w, r, operation, authorized, refuse)
	}
}

// refuse returns the answer of a fault with a code.
func refuse(f Fault) vendors.Answer {
	return refused(&apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: int32(cmp.Or(f.HTTPStatus, http.StatusOK)), //nolint:gosec // an HTTP status is small
		Reason: metav1.StatusReason(f.Code), Message: f.Message,
	}})
}

var (
	namespaces    = schema.GroupResource{Resource: "namespaces"}
	notifications = schema.GroupResource{Group: "notification.sealos.io", Resource: "notifications"}
	kind          = schema.GroupKind{Group: notifications.Group, Kind: "Notification"}
)
