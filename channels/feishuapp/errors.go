package feishuapp

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

const codeInvalidToken = 99991663

// classes maps the platform's codes. Unlisted codes are transient.
var classes = map[int]channels.Class{
	99991400: channels.Throttled, // the app's limit
	230020:   channels.Throttled, // the user's or the chat's limit

	230001: channels.Permanent, // bad parameter
	230002: channels.Permanent, // bot not in the chat
	230013: channels.Permanent, // user outside the app's scope
	230018: channels.Permanent, // sending denied
	230022: channels.Permanent, // content refused
	230025: channels.Permanent, // too long
	230028: channels.Permanent, // content refused
	230035: channels.Permanent, // sending denied
	230038: channels.Permanent, // another tenant's user
	232009: channels.Permanent, // chat dissolved

	10003:            channels.Misconfigured, // bad app id
	10014:            channels.Misconfigured, // bad app secret
	230006:           channels.Misconfigured, // bot disabled
	99991672:         channels.Misconfigured, // scope missing
	codeInvalidToken: channels.Misconfigured, // the second token was refused as well

	1500: channels.Transient, // internal errors
	2200: channels.Transient,
}

// errUnexpected is an answer that is neither a success nor a refusal.
var errUnexpected = errors.New("the platform's answer is not understood")

// refusal returns the error of an answer, or nil. The values in hide are redacted in
// the platform's text.
func refusal(resp *larkcore.ApiResp, code larkcore.CodeError, hide ...string) error {
	if code.Code == 0 && resp.StatusCode < http.StatusBadRequest {
		return nil
	}
	if code.Code == 0 {
		return vendorhttp.StatusError(resp.StatusCode)
	}
	e := &channels.Error{Class: channels.Transient, Code: codeText(code.Code), Message: channels.CleanText(channels.Redact(code.Msg, hide...))}
	if class, ok := classes[code.Code]; ok {
		e.Class = class
	}
	if e.Class == channels.Throttled {
		e.RetryAfter = vendorhttp.RetryAfter(resp.Header)
	}
	if id := resp.LogId(); id != "" {
		e.Message = fmt.Sprintf("%s (log id %s)", e.Message, channels.CleanText(id))
	}
	return e
}

func codeText(code int) string { return "feishu_" + strconv.Itoa(code) }

// asError returns the typed error of a call. The SDK's own errors are about the
// answer, so the request was sent.
func asError(err error) *channels.Error {
	var e *channels.Error
	if errors.As(err, &e) {
		return e
	}
	return &channels.Error{
		Class: channels.Uncertain, Code: vendorhttp.CodeUnexpectedAnswer,
		Message: errUnexpected.Error(), Cause: err,
	}
}
