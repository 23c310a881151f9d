package feishuwebhook

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/hook"
)

// answer is the webhook's answer. A success has both forms, a failure one of them.
type answer struct {
	Code *int   `json:"code"`
	Msg  string `json:"msg"`
	// The older form.
	StatusCode    *int   `json:"StatusCode"`
	StatusMessage string `json:"StatusMessage"`
}

// refusal returns the error of an answer, or nil. The values in hide are redacted in
// the vendor's text.
func refusal(r hook.Reply, hide ...string) error {
	var a answer
	if err := json.Unmarshal(r.Body, &a); err != nil {
		a = answer{} // JSON, but not the vendor's
	}
	said := hook.Answer{Code: a.Code, Text: a.Msg}
	if a.Code == nil || *a.Code == 0 && a.StatusCode != nil {
		said = hook.Answer{Code: a.StatusCode, Text: a.StatusMessage}
	}
	e := said.Refusal(r, "feishu_", classOf, hide...)
	if e == nil {
		return nil
	}
	if e.Code == overload {
		e.RetryAfter = overloadWait
	}
	if id := logID(r.Header); id != "" && said.Code != nil {
		e.Message = fmt.Sprintf("%s (log id %s)", e.Message, id)
	}
	return e
}

// logID returns the vendor's id of the call, which its support asks for.
func logID(h http.Header) string { return channels.CleanText(h.Get("X-Tt-Logid")) }
