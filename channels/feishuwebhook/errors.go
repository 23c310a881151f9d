package feishuwebhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/vendorhttp"
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
func refusal(resp *http.Response, body []byte, hide ...string) error {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		a = answer{} // JSON, but not the vendor's
	}
	code, text := a.Code, a.Msg
	if code == nil || *code == 0 && a.StatusCode != nil {
		code, text = a.StatusCode, a.StatusMessage
	}
	switch {
	case code == nil || *code == 0 && resp.StatusCode >= http.StatusBadRequest:
		return vendorhttp.StatusError(resp.StatusCode)
	case *code == 0:
		return nil
	}
	class, listed := classOf(*code, strings.ToLower(text))
	e := &channels.Error{
		Class: class, Code: "feishu_" + strconv.Itoa(*code), Unlisted: !listed,
		Message: channels.CleanText(channels.Redact(text, hide...)),
	}
	switch {
	case class == channels.Throttled:
		e.RetryAfter = vendorhttp.RetryAfter(resp.Header)
	case *code == codeOverload:
		e.RetryAfter = overloadWait
	}
	if id := logID(resp); id != "" {
		e.Message = fmt.Sprintf("%s (log id %s)", e.Message, id)
	}
	return e
}

// logID returns the vendor's id of the call, which its support asks for.
func logID(resp *http.Response) string { return channels.CleanText(resp.Header.Get("X-Tt-Logid")) }

// asError returns the typed error of a call without net/http's wrapper, which holds
// the webhook's address.
func asError(err error) error {
	if errors.Is(err, errInternal) {
		return internalAddress()
	}
	return channels.AsError(err)
}

func internalAddress() error {
	return &channels.Error{
		Class: channels.Misconfigured, Code: "internal_address",
		Message: "webhookUrl: " + errInternal.Error(), Cause: errInternal,
	}
}
