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

// answer is what the webhook answers. Success comes in both forms at once, a
// failure in one of them.
type answer struct {
	Code *int   `json:"code"`
	Msg  string `json:"msg"`
	// The older form.
	StatusCode    *int   `json:"StatusCode"`
	StatusMessage string `json:"StatusMessage"`
}

// refusal returns what an answer says went wrong, or nil. The values in hide are
// struck from its text: the vendor may repeat what it was sent.
func refusal(resp *http.Response, body []byte, hide ...string) error {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		a = answer{} // JSON, but another's
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

// class says what a code means. Two codes stand for different failures, which
// only the lower-case text tells apart. Codes that are not here are transient.
func class(code int, text string) channels.Class {
	switch code {
	case 11232: // more than the bot's limit
		return channels.Throttled
	case 9499: // a body that cannot be read, and on some gateways the limit, too
		if strings.Contains(text, "bad request") || strings.Contains(text, "fail to parse") {
			return channels.Permanent
		}
		return channels.Throttled
	case 19001: // bad parameter, the token being one
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

// logID is the vendor's name for the call, which its support asks for.
func logID(resp *http.Response) string { return channels.CleanText(resp.Header.Get("X-Tt-Logid")) }

// asError returns the typed error of a call, without what net/http wraps around
// it: that has the webhook's address.
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
