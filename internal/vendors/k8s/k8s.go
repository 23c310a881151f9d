// Package k8s is a simulated Kubernetes API with the one resource that the inapp
// channel creates, and an inbox of what arrived. It is for trying the service and
// for the failures that a real API server does not have on demand; how a real one
// behaves is tested with a real one (internal/test/k8stest).
package k8s

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
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
)

// Fault is a misbehaviour of the API. Its Code is the reason of a Status
// ("Forbidden"), and its HTTPStatus the code of it.
type Fault = vendors.Fault

// Cluster is a simulated cluster with one client, in which every namespace exists
// until it is deleted.
type Cluster struct {
	token  string
	inbox  *vendors.Inbox
	faults vendors.Faults
	mux    *http.ServeMux

	mu       sync.Mutex
	objects  map[string]object // by namespace and name
	deleted  map[string]bool   // namespaces
	requests map[string]int    // by operation
}

// New returns a cluster that knows one bearer token and delivers to the inbox.
// Without a token it takes everybody, as an API behind `kubectl proxy` does:
// clients send their tokens by TLS only.
func New(token string, inbox *vendors.Inbox) *Cluster {
	c := &Cluster{
		token: token, inbox: inbox, mux: http.NewServeMux(),
		objects: map[string]object{}, deleted: map[string]bool{}, requests: map[string]int{},
	}
	const path = "/apis/notification.sealos.io/v1/namespaces/{namespace}/notifications"
	c.mux.HandleFunc("POST "+path, c.serve(Create, c.create))
	c.mux.HandleFunc("GET "+path+"/{name}", c.serve(Get, c.get))
	return c
}

// Kubeconfig returns a kubeconfig file for the API at serverURL. The token and the
// authority (PEM), which signed the server's certificate, go with an https URL.
func Kubeconfig(serverURL, token string, authority []byte) []byte {
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: simulated
contexts: [{name: simulated, context: {cluster: simulated, user: simulated}}]
clusters: [{name: simulated, cluster: {server: %q, certificate-authority-data: %q}}]
users: [{name: simulated, user: {token: %q}}]
`, serverURL, base64.StdEncoding.EncodeToString(authority), token)
}

// ServeHTTP implements http.Handler.
func (c *Cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

// Inbox returns the inbox that the cluster delivers to.
func (c *Cluster) Inbox() *vendors.Inbox { return c.inbox }

// Fail makes the API have the fault.
func (c *Cluster) Fail(f Fault) *vendors.Injection { return c.faults.Inject(f) }

// DeleteNamespace makes the namespace one that does not exist.
func (c *Cluster) DeleteNamespace(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deleted[name] = true
}

// Requests returns how many requests for the operation came in.
func (c *Cluster) Requests(operation string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests[operation]
}

// maxBody bounds a request's body, in bytes.
const maxBody = 3 << 20

// answer is an HTTP status and what is encoded in JSON.
type answer struct {
	status int
	body   any
}

// refused is the answer of an error of the API.
func refused(err *apierrors.StatusError) answer {
	s := err.ErrStatus
	s.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	return answer{int(s.Code), s}
}

// serve counts the request, checks who sends it, and lets it meet the fault that
// waits for it, before or after it takes effect.
func (c *Cluster) serve(operation string, effect func(*http.Request, []byte) answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			return // the client has gone or will not stop
		}
		authorized := func() answer {
			if c.token != "" && r.Header.Get("Authorization") != "Bearer "+c.token {
				return refused(apierrors.NewUnauthorized("Unauthorized"))
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			return effect(r, body)
		}
		c.mu.Lock()
		c.requests[operation]++
		c.mu.Unlock()

		fault := c.faults.Meet(operation)
		if fault == nil {
			reply(w, authorized())
			return
		}
		var a answer
		if fault.After {
			a = authorized()
		}
		switch {
		case !fault.Hold(r.Context()):
		case fault.Reset:
			vendors.Cut(w)
		case fault.Answers():
			misreply(w, fault.Fault)
		case fault.After:
			reply(w, a)
		default:
			reply(w, authorized())
		}
	}
}

func reply(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.body) // fails when the client has gone
}

// misreply gives the fault's answer.
func misreply(w http.ResponseWriter, f vendors.Fault) {
	for name, values := range f.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	if f.Code != "" {
		reply(w, refused(&apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Code: int32(cmp.Or(f.HTTPStatus, http.StatusOK)), //nolint:gosec // an HTTP status is small
			Reason: metav1.StatusReason(f.Code), Message: f.Message,
		}}))
		return
	}
	if f.HTTPStatus != 0 {
		w.WriteHeader(f.HTTPStatus)
	}
	_, _ = io.WriteString(w, f.Body)
}

var (
	namespaces    = schema.GroupResource{Resource: "namespaces"}
	notifications = schema.GroupResource{Group: "notification.sealos.io", Resource: "notifications"}
	kind          = schema.GroupKind{Group: notifications.Group, Kind: "Notification"}
)
