package voice

import (
	"errors"
	"fmt"
	"time"

	"github.com/labring/sealos-notify/channels"
)

const (
	codePrefix = "volcengine_"
	// duplicateItem is the failure of a call that an earlier attempt, whose answer was
	// lost, already asked for. The recipient is called once.
	duplicateItem = "REDUPLICATED_ITEM"
	// forbiddenTime is the failure of a call at night.
	forbiddenTime = "FORBIDDEN_TIME"
	forbiddenWait = 10 * time.Minute
)

// classes maps the codes of the vendor's gateway and service and the failure types of
// a single call. Unlisted codes are transient.
var classes = map[string]channels.Class{
	"手机号格式错误":                channels.Permanent, // the phone's format
	"BLACK_LIST_PHONE":       channels.Permanent,
	"MissingParameter":       channels.Permanent,
	"InvalidParameter":       channels.Permanent,
	"IllegalArgument":        channels.Permanent,
	"RequestParametersError": channels.Permanent,

	"OperationDenied":            channels.Misconfigured, // the service is not activated
	"NOT_AUTH":                   channels.Misconfigured, // the account's owner is not verified
	"QUALIFICATION_MISSING":      channels.Misconfigured,
	"QUALIFICATION_REJECTED":     channels.Misconfigured,
	"NOT_IN_NUMBER_POOL":         channels.Misconfigured,
	"NO_USABLE_NUMBER":           channels.Misconfigured,
	"RESOURCE_NOT_FOUND":         channels.Misconfigured, // no such template, or not approved
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

	"FlowLimitExceeded":        channels.Throttled,
	"AccountFlowLimitExceeded": channels.Throttled,
	"RequestLimitExceeded":     channels.Throttled,
	forbiddenTime:              channels.Throttled,

	// Something failed inside the vendor's service. The call may have been made.
	"SystemError":            channels.Uncertain,
	"DownStreamError":        channels.Uncertain,
	"InternalError":          channels.Uncertain,
	"InternalServiceError":   channels.Uncertain,
	"InternalServiceTimeout": channels.Uncertain,
	"UndefinedError":         channels.Uncertain,

	"FailToConnect":          channels.Transient, // from the gateway to the service
	"ServiceUnavailableTemp": channels.Transient,
}

// failure returns the typed error of a call.
func failure(err error) *channels.Error {
	var e *channels.Error
	if errors.As(err, &e) {
		return e
	}
	// The SDK could not build the request, so nothing was sent.
	return &channels.Error{Class: channels.Transient, Code: "no_request", Message: "the request could not be made", Cause: err}
}

// refusal returns the error of an answer with the vendor's code.
func refusal(code, message, requestID string) *channels.Error {
	e := &channels.Error{Class: channels.Transient, Code: channels.CleanText(codePrefix + code)}
	if class, ok := classes[code]; ok {
		e.Class = class
	}
	if code == forbiddenTime {
		e.RetryAfter = forbiddenWait
	}
	if requestID != "" {
		message = fmt.Sprintf("%s (request id %s)", message, requestID)
	}
	e.Message = channels.CleanText(message)
	return e
}
