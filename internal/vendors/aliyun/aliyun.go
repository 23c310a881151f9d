// Package aliyun is a simulated Aliyun SMS API (dysmsapi, version 2017-05-25). It follows
// the vendor's pages:
//   - SendSms: https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2017-05-25-sendsms
//   - QuerySendDetails: https://help.aliyun.com/document_detail/419277.html and
//     https://help.aliyun.com/en/sms/developer-reference/api-dysmsapi-2017-05-25-querysenddetails
//   - the service's codes: https://help.aliyun.com/zh/sms/developer-reference/api-error-codes
//   - the gateway's codes: https://developer.aliyun.com/ask/278265,
//     https://help.aliyun.com/document_detail/435312.html and 51132.html,
//     https://help.aliyun.com/en/document_detail/3060281.html
//   - the signature: https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
package aliyun

import (
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

// Faults are the vendor's faults by name.
var Faults = vendors.Named(SendSms,
	Fault{HTTPStatus: http.StatusBadRequest, Code: "Throttling.User", Message: "Request was denied due to user flow control."},
	Fault{Code: "isv.MOBILE_NUMBER_ILLEGAL", Message: "手机号码格式错误"},
	Fault{Code: "isv.AMOUNT_NOT_ENOUGH", Message: "账户余额不足"},
)

// SMS is a simulated SMS service with one account. It serves the API at "/".
type SMS struct {
	*vendors.API
	accessKeyID, accessKeySecret string

	mu        sync.Mutex
	signs     map[string]bool
	templates map[string]string // by code
	sent      []sms
	reports   map[string]report // by number
	nonces    map[string]bool
}

// New returns a service with one account that delivers to the inbox.
func New(accessKeyID, accessKeySecret string, inbox *vendors.Inbox) *SMS {
	s := &SMS{
		API:         vendors.NewAPI(inbox),
		accessKeyID: accessKeyID, accessKeySecret: accessKeySecret,
		signs:     map[string]bool{},
		templates: map[string]string{},
		reports:   map[string]report{},
		nonces:    map[string]bool{},
	}
	s.Know(codes)
	s.HandleFunc("/{$}", s.serve)
	return s
}

// AddSign approves a signature, the name before the text. Until then all signatures
// are approved.
func (s *SMS) AddSign(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signs[name] = true
}

// AddTemplate approves a template, whose variables are written ${name}. Until then all
// codes are approved, and the text is the params.
func (s *SMS) AddTemplate(code, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.templates[code] = text
}

// answer is an answer with its fields.
type answer struct {
	status int
	fields map[string]any
}

func success(fields map[string]any) answer {
	fields["Code"], fields["Message"] = "OK", "OK"
	return answer{http.StatusOK, fields}
}

// refused returns a refusal by the SMS service, whose status is 200.
func refused(code, message string) answer {
	return answer{http.StatusOK, map[string]any{"Code": code, "Message": message}}
}

// rejected returns a refusal by the gateway.
func rejected(status int, code, message string) answer {
	return answer{status, map[string]any{"Code": code, "Message": message, "HostId": "dysmsapi.aliyuncs.com"}}
}

func (s *SMS) serve(w http.ResponseWriter, r *http.Request) {
	effect := func(body []byte) vendors.Answer { return s.handle(r, body).envelope() }
	s.Answer(w, r, r.Header.Get("X-Acs-Action"), effect, refuse)
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

func (a answer) envelope() vendors.Answer {
	a.fields["RequestId"] = uuid.NewString()
	return vendors.Answer{
		Status: a.status, Header: http.Header{"Content-Type": {"application/json;charset=utf-8"}}, Body: a.fields,
	}
}

// refuse returns the answer of a fault with a code: of the service when its status is
// 200, of the gateway otherwise.
func refuse(f Fault) vendors.Answer {
	if f.HTTPStatus <= http.StatusOK {
		return refused(f.Code, f.Message).envelope()
	}
	return rejected(f.HTTPStatus, f.Code, f.Message).envelope()
}
