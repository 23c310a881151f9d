package sms

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

const (
	codeOK            = "OK"
	codeBusinessLimit = "isv.BUSINESS_LIMIT_CONTROL"
	codeDayLimit      = "isv.DAY_LIMIT_CONTROL" // limits set in the console
	codeMonthLimit    = "isv.MONTH_LIMIT_CONTROL"
	codeBadSignature  = "SignatureDoesNotMatch"
)

// classes maps the vendor's codes. Codes of its gateway are listed by the part before
// the first dot ("Throttling" for "Throttling.User"). Unlisted codes are transient.
var classes = map[string]channels.Class{
	// The service's own codes: https://help.aliyun.com/zh/sms/developer-reference/api-error-codes
	codeNoNumber:                           channels.Permanent,
	"isv.MOBILE_COUNT_OVER_LIMIT":          channels.Permanent,
	"isv.TEMPLATE_MISSING_PARAMETERS":      channels.Permanent,
	"isv.TEMPLATE_PARAMS_ILLEGAL":          channels.Permanent,
	"isv.PARAM_LENGTH_LIMIT":               channels.Permanent,
	"isv.PARAM_NOT_SUPPORT_URL":            channels.Permanent,
	"isv.INVALID_JSON_PARAM":               channels.Permanent,
	"isv.INVALID_PARAMETERS":               channels.Permanent,
	"isv.BLACK_KEY_CONTROL_LIMIT":          channels.Permanent, // a forbidden word in a param
	"isv.SMS_CONTENT_ILLEGAL":              channels.Permanent,
	"isv.DOMESTIC_NUMBER_NOT_SUPPORTED":    channels.Permanent,     // a template for abroad only
	"isv.CUSTOMER_REFUSED":                 channels.Permanent,     // the recipient has unsubscribed
	"isv.SMS_TEST_NUMBER_LIMIT":            channels.Permanent,     // a test signature reaches registered numbers only
	"isv.SMS_TEST_TEMPLATE_PARAMS_ILLEGAL": channels.Permanent,     // a test template takes 4 to 6 digits only
	"isv.SMS_TEST_SIGN_TEMPLATE_LIMIT":     channels.Permanent,     // a test signature needs a test template
	"isv.SMS_TEMPLATE_ILLEGAL":             channels.Misconfigured, // not approved, or another account's
	"isv.SMS_SIGNATURE_ILLEGAL":            channels.Misconfigured,
	"isv.SMS_SIGNATURE_SCENE_ILLEGAL":      channels.Misconfigured, // the signature does not fit the template
	"isv.SIGNATURE_SCENE_ILLEGAL":          channels.Misconfigured,
	"isv.SMS_SIGN_ILLEGAL":                 channels.Misconfigured,
	"isv.SIGN_STATE_ILLEGAL":               channels.Misconfigured,
	"isv.OUT_OF_SERVICE":                   channels.Misconfigured, // not paid
	"isv.AMOUNT_NOT_ENOUGH":                channels.Misconfigured,
	"isv.PRODUCT_UN_SUBSCRIPT":             channels.Misconfigured,
	"isv.PRODUCT_UNSUBSCRIBE":              channels.Misconfigured,
	"isv.ACCOUNT_NOT_EXISTS":               channels.Misconfigured,
	"isv.ACCOUNT_ABNORMAL":                 channels.Misconfigured,
	"isv.SECURITY_FROZEN_ACCOUNT":          channels.Misconfigured, // frozen because it was not used
	"isp.RAM_PERMISSION_DENY":              channels.Misconfigured,
	"isv.DENY_IP_RANGE":                    channels.Misconfigured,
	codeDayLimit:                           channels.Misconfigured,
	codeMonthLimit:                         channels.Misconfigured,
	"isp.SYSTEM_ERROR":                     channels.Transient,
	"isp.GATEWAY_ERROR":                    channels.Transient,
	codeBadSignature:                       channels.Misconfigured,
	"InvalidTimeStamp":                     channels.Misconfigured, // the clock is off
	"InvalidVersion":                       channels.Misconfigured,
	"InvalidAction":                        channels.Misconfigured,
	// Something between us and the vendor repeated the request. The first one may
	// have been accepted.
	"SignatureNonceUsed": channels.Uncertain,

	// The gateway's codes, shared by the vendor's APIs: https://help.aliyun.com/document_detail/435312.html
	"InvalidParameter":   channels.Permanent,
	"MissingParameter":   channels.Permanent,
	"InvalidAccessKeyId": channels.Misconfigured,
	"Forbidden":          channels.Misconfigured,
	"Throttling":         channels.Throttled,
	"InternalError":      channels.Transient,
	"ServiceUnavailable": channels.Transient,
	// https://help.aliyun.com/document_detail/51132.html
	"IncompleteSignature": channels.Misconfigured,
	// https://help.aliyun.com/en/document_detail/3060281.html
	"NoPermission": channels.Misconfigured,
}

// codeNoNumber says that what was given is no mobile number. A number that was given back is found
// by the carrier only, after the vendor has taken the message. The page is that of the service's own codes.
const codeNoNumber = "isv.MOBILE_NUMBER_ILLEGAL"

// classOf returns the class of a code and how long to wait. It is not listed when the
// class is a guess.
func classOf(code, message string) (class channels.Class, wait time.Duration, listed bool) {
	if code == codeBusinessLimit {
		// All limits of a number share this code. Only the text tells them apart.
		switch {
		case strings.Contains(message, "天级"): // a day
			return channels.Permanent, 0, true
		case strings.Contains(message, "小时级"): // an hour
			return channels.Throttled, 10 * time.Minute, true
		case strings.Contains(message, "分钟级"): // a minute
			return channels.Throttled, time.Minute, true
		}
		return channels.Transient, 0, false
	}
	if class, ok := classes[code]; ok {
		return class, 0, true
	}
	family, _, _ := strings.Cut(code, ".")
	if class, ok := classes[family]; ok {
		return class, 0, true
	}
	if strings.HasPrefix(code, "Missing") { // Missing and a parameter's name: https://developer.aliyun.com/ask/278265
		return channels.Permanent, 0, true
	}
	return channels.Transient, 0, false
}

// failure returns the error of an answer with the HTTP status, or nil.
func (a answer) failure(status int) *channels.Error {
	switch {
	case a.code == "" && status >= http.StatusBadRequest:
		return vendorhttp.StatusError(status)
	case a.code == "":
		return vendorhttp.UnexpectedAnswer()
	case a.code == codeOK && status < http.StatusBadRequest:
		return nil
	default:
		return refusal(a.code, a.message, a.requestID)
	}
}

// refusal returns the error of an answer with the vendor's code.
func refusal(code, message, requestID string) *channels.Error {
	class, wait, listed := classOf(code, message)
	if code == codeBadSignature {
		// The vendor's text quotes the whole request.
		message = "the vendor calculates another signature: accessKeySecret is wrong"
	}
	if requestID != "" {
		message = fmt.Sprintf("%s (request id %s)", message, requestID)
	}
	return &channels.Error{
		Class: class, Code: channels.CleanText("aliyun_" + code), Message: channels.CleanText(message), RetryAfter: wait,
		Unlisted: !listed, QuotaSpent: code == codeDayLimit || code == codeMonthLimit, AddressGone: code == codeNoNumber,
	}
}
