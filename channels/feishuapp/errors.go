package feishuapp

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

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
	class, listed := classOf(code)
	e := &channels.Error{
		Class: class, Code: codeText(code.Code), Message: hints[code.Code] + channels.CleanText(channels.Redact(code.Msg, hide...)),
		RetryAfter: waits[code.Code], Unlisted: !listed, QuotaSpent: code.Code == codeMonthlyQuota,
		OfMessage: code.Code == codeBeingSent || code.Code == codeSameRequest, AddressGone: gone[code.Code],
	}
	if asked := vendorhttp.RetryAfter(resp.Header); class == channels.Throttled && asked > 0 {
		e.RetryAfter = asked
	}
	if id := resp.LogId(); id != "" {
		e.Message = fmt.Sprintf("%s (log id %s)", e.Message, channels.CleanText(id))
	}
	return e
}

// classOf returns the class of an answer, and whether the code is listed.
func classOf(code larkcore.CodeError) (channels.Class, bool) {
	if code.Code == 9499 && strings.Contains(strings.ToLower(code.Msg), "too many") {
		return channels.Throttled, true
	}
	if class, listed := classes[code.Code]; listed {
		return class, true
	}
	return channels.Transient, false
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
