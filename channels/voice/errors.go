package voice

import (
	"errors"
	"fmt"

	"github.com/labring/sealos-notify/channels"
)

const (
	codePrefix = "volcengine_"
	// duplicateItem is the failure of a call that an earlier attempt, whose answer was
	// lost, already asked for. The recipient is called once.
	duplicateItem = "REDUPLICATED_ITEM"
	// invalidParameter is the refusal of a whole request. Its text names the parameter.
	invalidParameter = "InvalidParameter"
)

// classes maps the codes of the vendor's gateway and service and the failure types of
// a single call. Unlisted codes are transient.
var classes = map[string]channels.Class{
	// Failures of a single call: https://www.volcengine.com/docs/6358/172950
	"INVALID_PHONE_FORMAT":          channels.Permanent,
	"ITEM_NOT_FOUND":                channels.Permanent,
	"PARAM_NOT_JSON":                channels.Permanent,
	"TTS_EMPTY_CONTENT":             channels.Permanent,
	"TTS_PARAM_EMPTY":               channels.Permanent, // a param of the template is missing
	"DECRYPTION_ERROR":              channels.Permanent,
	"RESOURCE_NOT_FOUND":            channels.Permanent, // no such templateCode
	"WRONG_RING_AGAIN_TIME":         channels.Permanent,
	"EXCEL_PARSE_FAIL":              channels.Permanent,
	"FORBID_TIME_FORMAT_INVALID":    channels.Permanent,
	"HANG_UP_SMS_PARAM_CHECK_FAIL":  channels.Permanent,
	"HANG_UP_SMS_CONFIG_CHECK_FAIL": channels.Misconfigured,
	"NO_PERMISSION":                 channels.Misconfigured, // the resource is another account's
	"RESOURCE_TYPE_MISMATCH":        channels.Misconfigured, // no text template
	// The example of a failure: https://www.volcengine.com/docs/6358/1722083
	"手机号格式错误": channels.Permanent, // the phone's format

	// The call's own codes: https://www.volcengine.com/docs/6358/1722083
	"MissingParameter": channels.Permanent,
	invalidParameter:   channels.Permanent,
	// https://volcengine.com/docs/6358/173334
	"IllegalArgument": channels.Permanent,
	// Something failed inside the vendor's service. The call may have been made.
	"SystemError":     channels.Uncertain,
	"DownStreamError": channels.Uncertain,

	// The gateway's codes: https://www.volcengine.com/docs/6369/68677 and, with the older
	// ones, https://volcengine.com/docs/6448/76370
	"OperationDenied":            channels.Misconfigured, // the service is not activated
	"MissingAuthenticationToken": channels.Misconfigured,
	"MissingRequestInfo":         channels.Misconfigured,
	"MissingSignature":           channels.Misconfigured,
	"InvalidAuthorization":       channels.Misconfigured,
	"InvalidCredential":          channels.Misconfigured,
	"InvalidAccessKey":           channels.Misconfigured,
	"InvalidClientTokenId":       channels.Misconfigured,
	"InvalidSecretToken":         channels.Misconfigured,
	"SignatureDoesNotMatch":      channels.Misconfigured,
	"InvalidTimestamp":           channels.Misconfigured, // the clock is off
	"AccessDenied":               channels.Misconfigured,
	"LackPolicy":                 channels.Misconfigured,
	"LackProjectPolicy":          channels.Misconfigured,
	"ServiceNotFound":            channels.Misconfigured,
	"InvalidActionOrVersion":     channels.Misconfigured,
	"FlowLimitExceeded":          channels.Throttled,
	"AccountFlowLimitExceeded":   channels.Throttled,
	"RequestLimitExceeded":       channels.Throttled,
	"InternalError":              channels.Uncertain,
	"InternalServiceError":       channels.Uncertain,
	"InternalServiceTimeout":     channels.Uncertain,
	"UndefinedError":             channels.Uncertain,
	"FailToConnect":              channels.Transient, // from the gateway to the service
	"ServiceUnavailableTemp":     channels.Transient,
}

// noNumber are the codes of what is no phone number, on the pages of failures of a single call.
var noNumber = map[string]bool{"INVALID_PHONE_FORMAT": true, "手机号格式错误": true}

// failure returns the typed error of a call.
func failure(err error) *channels.Error {
	var e *channels.Error
	if errors.As(err, &e) {
		return e
	}
	return notMade(err)
}

// notMade returns the error of a request that could not be built, so nothing was sent.
func notMade(err error) *channels.Error {
	return &channels.Error{Class: channels.Transient, Code: "no_request", Message: "the request could not be made", Cause: err}
}

// refusal returns the error of an answer with the vendor's code.
func refusal(code, message, requestID string) *channels.Error {
	class, listed := classes[code]
	if !listed {
		class = channels.Transient
	}
	if requestID != "" {
		message = fmt.Sprintf("%s (request id %s)", message, requestID)
	}
	return &channels.Error{
		Class: class, Code: channels.CleanText(codePrefix + code), Message: channels.CleanText(message), Unlisted: !listed,
		AddressGone: noNumber[code],
	}
}
