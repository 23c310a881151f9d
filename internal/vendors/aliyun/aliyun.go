// Package aliyun is a simulated Aliyun SMS API (dysmsapi, version 2017-05-25):
// SendSms and QuerySendDetails, with the vendor's signature, checks, envelopes and
// codes, and an inbox of what arrived. It can be told to misbehave.
package aliyun

import (
	"encoding/json"
	"io"
	"net/http"
	"sync"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/internal/vendors"
)

// Operations, for Fault.Where and Requests.
const (
	SendSms          = "SendSms"
	QuerySendDetails = "QuerySendDetails"
)

// Fault is a misbehaviour of the vendor.
type Fault = vendors.Fault

// SMS is a simulated SMS service with one account. It serves the API at "/" and,
// at /inbox and /inbox.json, the inbox.
type SMS struct {
	accessKeyID, accessKeySecret string
	inbox                        *vendors.Inbox
	faults                       vendors.Faults
	mux                          *http.ServeMux

	mu        sync.Mutex
	signs     map[string]bool
	templates map[string]string // by code
	sent      []sms
	nonces    map[string]bool
	requests  map[string]int // by operation
}

// New returns a service with one account that delivers to the inbox.
func New(accessKeyID, accessKeySecret string, inbox *vendors.Inbox) *SMS {
	s := &SMS{
		accessKeyID: accessKeyID, accessKeySecret: accessKeySecret, inbox: inbox,
		mux:       http.NewServeMux(),
		signs:     map[string]bool{},
		templates: map[string]string{},
		nonces:    map[string]bool{},
		requests:  map[string]int{},
	}
	s.mux.HandleFunc("/{$}", s.serve)
	s.mux.Handle("GET /inbox", inbox)
	s.mux.Handle("GET /inbox.json", inbox)
	return s
}

// ServeHTTP implements http.Handler.
func (s *SMS) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Inbox returns the inbox that the service delivers to.
func (s *SMS) Inbox() *vendors.Inbox { return s.inbox }

// Fail makes the service have the fault.
func (s *SMS) Fail(f Fault) *vendors.Injection { return s.faults.Inject(f) }

// Requests returns how many requests for the operation came in.
func (s *SMS) Requests(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[operation]
}

// AddSign approves a signature (the name before the text). Until one is added,
// every signature is approved.
func (s *SMS) AddSign(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signs[name] = true
}

// AddTemplate approves a template, whose variables are written ${name}. Until one
// is added, every code is approved, and its text is the params.
func (s *SMS) AddTemplate(code, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.templates[code] = text
}

// answer is the vendor's envelope, with the result's fields in it.
type answer struct {
	status int
	fields map[string]any
}

func success(fields map[string]any) answer {
	fields["Code"], fields["Message"] = "OK", "OK"
	return answer{http.StatusOK, fields}
}

// refused is a refusal by the SMS service, which comes with HTTP 200.
func refused(code, message string) answer {
	return answer{http.StatusOK, map[string]any{"Code": code, "Message": message}}
}

// rejected is a refusal by the gateway before it.
func rejected(status int, code, message string) answer {
	return answer{status, map[string]any{"Code": code, "Message": message, "HostId": "dysmsapi.aliyuncs.com"}}
}

// maxBody bounds a request's body, in bytes.
const maxBody = 1 << 20

// serve counts the request, and lets it meet the fault that waits for it, before
// or after it takes effect.
func (s *SMS) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return // the client has gone or will not stop
	}
	operation := r.Header.Get("X-Acs-Action")
	s.mu.Lock()
	s.requests[operation]++
	s.mu.Unlock()

	fault := s.faults.Meet(operation)
	if fault == nil {
		reply(w, s.handle(r, body))
		return
	}
	var a answer
	if fault.After {
		a = s.handle(r, body)
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
		reply(w, s.handle(r, body))
	}
}

// handle does what the request asks for.
func (s *SMS) handle(r *http.Request, body []byte) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := s.authenticate(r, body); !ok {
		return a
	}
	switch r.Header.Get("X-Acs-Action") {
	case SendSms:
		return s.sendSms(r.URL.Query())
	case QuerySendDetails:
		return s.querySendDetails(r.URL.Query())
	default:
		return rejected(http.StatusNotFound, "InvalidAction.NotFound", "Specified api is not found, please check your url and method.")
	}
}

func reply(w http.ResponseWriter, a answer) {
	a.fields["RequestId"] = uuid.NewString()
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.fields) // fails when the client has gone
}

// misreply gives the fault's answer.
func misreply(w http.ResponseWriter, f Fault) {
	for name, values := range f.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	status := max(f.HTTPStatus, http.StatusOK)
	switch {
	case f.Code == "":
		w.WriteHeader(status)
		_, _ = io.WriteString(w, f.Body)
	case status == http.StatusOK:
		reply(w, refused(f.Code, f.Message))
	default:
		reply(w, rejected(status, f.Code, f.Message))
	}
}
