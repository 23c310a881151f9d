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
	e := &channels.Error{
		Class: class(*code, strings.ToLower(text)), Code: "feishu_" + strconv.Itoa(*code),
		Message: channels.CleanText(channels.Redact(text, hide...)),
	}
	if e.Class == channels.Throttled {
		e.RetryAfter = vendorhttp.RetryAfter(resp.Header)
	}
	if id := logID(resp); id != "" {
		e.Message = fmt.Sprintf("%s (log id %s)", e.Message, id)
	}
	return e
}

// class returns the class of a code. Two codes have several meanings, which only the
// text, in lower case, tells apart. Unlisted codes are transient.
func class(code int, text string) channels.Class {
	switch code {
	case 11232: // more than the bot's limit
		return channels.Throttled
	case 9499: // a body that cannot be read; on some gateways also the limit
		if strings.Contains(text, "bad request") || strings.Contains(text, "fail to parse") {
			return channels.Permanent
		}
		return channels.Throttled
	case 19001: // bad parameter, which includes the token
		if strings.Contains(text, "access token") {
			return channels.Misconfigured
		}
		return channels.Permanent
	case 19002: // bad message type
		return channels.Permanent
	case 19021, // bad signature, or a clock more than an hour off
		19022, // our address is not on the bot's list
		19024: // the bot's keyword is missing
		return channels.Misconfigured
	default:
		return channels.Transient
	}
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
