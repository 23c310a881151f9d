// Package volcengine is a simulated Volcengine voice API (VMS, version 2022-01-01). It
// follows the vendor's pages:
//   - SingleBatchAppend: https://volcengine.com/docs/6358/172952 and, with its codes,
//     https://www.volcengine.com/docs/6358/1722083
//   - failures of a single call: https://www.volcengine.com/docs/6358/172950
//   - QuerySingleInfo: https://volcengine.com/docs/6358/172953 and https://www.volcengine.com/docs/6358/1722080;
//     what it answers for a call that was never made is on neither
//   - records of calls: https://volcengine.com/docs/6358/173364, with the results of
//     https://www.volcengine.com/docs/6358/173383
//   - the service's codes: https://volcengine.com/docs/6358/173334
//   - the gateway's codes: https://www.volcengine.com/docs/6369/68677 and
//     https://volcengine.com/docs/6448/76370
//   - the signature: https://www.volcengine.com/docs/6358/166389
//
// The pages disagree about PhoneParam, so it takes both forms until it is told otherwise.
package volcengine

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/internal/vendors"
)

// Operations, for Fault.Where and Requests.
const (
	SingleBatchAppend = "SingleBatchAppend"
	QuerySingleInfo   = "QuerySingleInfo"

	QueryCallRecordMsgV2 = "QueryCallRecordMsgV2"
)

// Fault is a misbehaviour of the vendor.
type Fault = vendors.Fault

// Faults are the vendor's faults by name.
var Faults = vendors.Named(SingleBatchAppend,
	Fault{HTTPStatus: http.StatusTooManyRequests, Code: "FlowLimitExceeded", Message: "Request was rejected because the request speed of this openAPI is beyond the current flow control limit."},
	Fault{HTTPStatus: http.StatusBadRequest, Code: "MissingParameter", Message: "The request is missing the parameter Resource."},
	Fault{HTTPStatus: http.StatusForbidden, Code: "AccessDenied", Message: "User is not authorized to perform: vms:SingleBatchAppend."},
)

// VMS is a simulated voice service with one account. It serves the API at "/".
type VMS struct {
	*vendors.API
	accessKeyID, accessKeySecret string

	mu      sync.Mutex
	calls   map[string]call   // by SingleOpenId
	refused map[string]string // types of failure, by phone
	ends    map[string]End    // by phone
	form    Form              // of PhoneParam
}

// New returns a service with one account that delivers to the inbox.
func New(accessKeyID, accessKeySecret string, inbox *vendors.Inbox) *VMS {
	v := &VMS{
		API:         vendors.NewAPI(inbox),
		accessKeyID: accessKeyID, accessKeySecret: accessKeySecret,
		calls:   map[string]call{},
		refused: map[string]string{},
		ends:    map[string]End{},
	}
	v.Know(codes)
	v.HandleFunc("/{$}", v.serve)
	return v
}

// Refuse puts all items for the phone on the FailList with the failure's type. It panics
// when the vendor has no such type.
func (v *VMS) Refuse(phone, failure string) {
	if !slices.Contains(failures, failure) {
		panic("the vendor has no failure " + failure)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.refused[phone] = failure
}

// TakeParams refuses every PhoneParam that is not in the form.
func (v *VMS) TakeParams(form Form) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.form = form
}

// answer is the content of the vendor's envelope: a result or an error.
type answer struct {
	status        int
	result        any
	code, message string
}

func success(result any) answer { return answer{status: http.StatusOK, result: result} }

func refused(status int, code, message string) answer {
	return answer{status: status, code: code, message: message}
}

func (v *VMS) serve(w http.ResponseWriter, r *http.Request) {
	operation := r.URL.Query().Get("Action")
	effect := func(body []byte) vendors.Answer { return v.handle(r, body).envelope(operation) }
	refuse := func(f Fault) vendors.Answer {
		return refused(max(f.HTTPStatus, http.StatusOK), f.Code, f.Message).envelope(operation)
	}
	v.Answer(w, r, operation, effect, refuse)
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
	case q.Get("Version") == version && q.Get("Action") == QueryCallRecordMsgV2:
		return v.queryCallRecords(q)
	default:
		return refused(http.StatusNotFound, "InvalidActionOrVersion",
			"Could not find operation "+q.Get("Action")+" for version "+q.Get("Version")+".")
	}
}

func (a answer) envelope(operation string) vendors.Answer {
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
	return vendors.Answer{
		Status: a.status, Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Body: envelope,
	}
}
