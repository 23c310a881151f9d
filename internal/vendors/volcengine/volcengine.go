// Package volcengine is a simulated Volcengine voice API (VMS, version 2022-01-01):
// SingleBatchAppend and QuerySingleInfo, with the vendor's signature, checks,
// envelopes and codes, and an inbox of the calls that were made. It can be told to
// misbehave.
package volcengine

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/internal/vendors"
)

// Operations, for Fault.Where and Requests.
const (
	SingleBatchAppend = "SingleBatchAppend"
	QuerySingleInfo   = "QuerySingleInfo"
)

// Fault is a misbehaviour of the vendor.
type Fault = vendors.Fault

// VMS is a simulated voice service with one account. It serves the API at "/" and,
// at /inbox and /inbox.json, the inbox.
type VMS struct {
	accessKeyID, accessKeySecret string
	inbox                        *vendors.Inbox
	faults                       vendors.Faults
	mux                          *http.ServeMux

	mu       sync.Mutex
	calls    map[string]call   // by SingleOpenId
	refused  map[string]string // types of failure, by phone
	requests map[string]int    // by operation
}

// New returns a service with one account that delivers to the inbox.
func New(accessKeyID, accessKeySecret string, inbox *vendors.Inbox) *VMS {
	v := &VMS{
		accessKeyID: accessKeyID, accessKeySecret: accessKeySecret, inbox: inbox,
		mux:      http.NewServeMux(),
		calls:    map[string]call{},
		refused:  map[string]string{},
		requests: map[string]int{},
	}
	v.mux.HandleFunc("/{$}", v.serve)
	v.mux.Handle("GET /inbox", inbox)
	v.mux.Handle("GET /inbox.json", inbox)
	return v
}

// ServeHTTP implements http.Handler.
func (v *VMS) ServeHTTP(w http.ResponseWriter, r *http.Request) { v.mux.ServeHTTP(w, r) }

// Inbox returns the inbox that the service delivers to.
func (v *VMS) Inbox() *vendors.Inbox { return v.inbox }

// Fail makes the service have the fault.
func (v *VMS) Fail(f Fault) *vendors.Injection { return v.faults.Inject(f) }

// Refuse puts every item for the phone on the FailList, with the type.
func (v *VMS) Refuse(phone, failure string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.refused[phone] = failure
}

// Requests returns how many requests for the operation came in.
func (v *VMS) Requests(operation string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.requests[operation]
}

// answer is what the vendor's envelope holds: a result or an error.
type answer struct {
	status        int
	result        any
	code, message string
}

func success(result any) answer { return answer{status: http.StatusOK, result: result} }

func refused(status int, code, message string) answer {
	return answer{status: status, code: code, message: message}
}

// maxBody bounds a request's body, in bytes.
const maxBody = 1 << 20

// serve counts the request, and lets it meet the fault that waits for it, before
// or after it takes effect.
func (v *VMS) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return // the client has gone or will not stop
	}
	operation := r.URL.Query().Get("Action")
	v.mu.Lock()
	v.requests[operation]++
	v.mu.Unlock()

	fault := v.faults.Meet(operation)
	if fault == nil {
		reply(w, operation, v.handle(r, body))
		return
	}
	var a answer
	if fault.After {
		a = v.handle(r, body)
	}
	switch {
	case !fault.Hold(r.Context()):
	case fault.Reset:
		vendors.Cut(w)
	case fault.Answers():
		misreply(w, operation, fault.Fault)
	case fault.After:
		reply(w, operation, a)
	default:
		reply(w, operation, v.handle(r, body))
	}
}

// handle does what the request asks for.
func (v *VMS) handle(r *http.Request, body []byte) answer {
	v.mu.Lock()
	defer v.mu.Unlock()
	if a, ok := v.authenticate(r, body); !ok {
		return a
	}
	q := r.URL.Query()
	switch {
	case q.Get("Version") == version && q.Get("Action") == SingleBatchAppend:
		return v.singleBatchAppend(body)
	case q.Get("Version") == version && q.Get("Action") == QuerySingleInfo:
		return v.querySingleInfo(body)
	default:
		return refused(http.StatusNotFound, "InvalidActionOrVersion",
			"Could not find operation "+q.Get("Action")+" for version "+q.Get("Version")+".")
	}
}

func reply(w http.ResponseWriter, operation string, a answer) {
	metadata := map[string]any{
		"RequestId": strings.ToUpper(strings.ReplaceAll(uuid.NewString(), "-", "")),
		"Action":    operation, "Version": version, "Service": service, "Region": "cn-north-1",
	}
	envelope := map[string]any{"ResponseMetadata": metadata}
	if a.code != "" {
		metadata["Error"] = map[string]any{"Code": a.code, "Message": a.message}
	} else {
		envelope["Result"] = a.result
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(envelope) // fails when the client has gone
}

// misreply gives the fault's answer.
func misreply(w http.ResponseWriter, operation string, f Fault) {
	for name, values := range f.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	status := max(f.HTTPStatus, http.StatusOK)
	if f.Code != "" {
		reply(w, operation, refused(status, f.Code, f.Message))
		return
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, f.Body)
}
