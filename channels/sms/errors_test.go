package sms_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/sms"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors/aliyun"
)

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	unlisted := map[string]bool{ // the class is a guess
		"isv.SOMETHING_NEW": true, "SomethingNew": true, "SomethingNew.With.Dots": true, "isv.BUSINESS_LIMIT_CONTROL": true,
	}
	const service, gateway = http.StatusOK, http.StatusBadRequest // the HTTP status of each one's refusals
	for _, tc := range []struct {
		status int
		class  channels.Class
		codes  []string
	}{
		{service, channels.Permanent, []string{
			"isv.MOBILE_NUMBER_ILLEGAL", "isv.MOBILE_COUNT_OVER_LIMIT", "isv.TEMPLATE_MISSING_PARAMETERS",
			"isv.TEMPLATE_PARAMS_ILLEGAL", "isv.PARAM_LENGTH_LIMIT", "isv.PARAM_NOT_SUPPORT_URL", "isv.INVALID_JSON_PARAM",
			"isv.INVALID_PARAMETERS", "isv.BLACK_KEY_CONTROL_LIMIT", "isv.SMS_CONTENT_ILLEGAL", "isv.DOMESTIC_NUMBER_NOT_SUPPORTED",
			"isv.CUSTOMER_REFUSED", "isv.SMS_TEST_NUMBER_LIMIT", "isv.SMS_TEST_TEMPLATE_PARAMS_ILLEGAL", "isv.SMS_TEST_SIGN_TEMPLATE_LIMIT",
		}},
		{service, channels.Misconfigured, []string{
			"isv.SMS_TEMPLATE_ILLEGAL", "isv.SMS_SIGNATURE_ILLEGAL", "isv.SMS_SIGNATURE_SCENE_ILLEGAL", "isv.SIGNATURE_SCENE_ILLEGAL",
			"isv.SMS_SIGN_ILLEGAL", "isv.SIGN_STATE_ILLEGAL", "isv.OUT_OF_SERVICE", "isv.AMOUNT_NOT_ENOUGH",
			"isv.PRODUCT_UN_SUBSCRIPT", "isv.PRODUCT_UNSUBSCRIBE", "isv.ACCOUNT_NOT_EXISTS", "isv.ACCOUNT_ABNORMAL",
			"isp.RAM_PERMISSION_DENY", "isv.DENY_IP_RANGE", "isv.DAY_LIMIT_CONTROL", "isv.MONTH_LIMIT_CONTROL",
			"isv.SECURITY_FROZEN_ACCOUNT",
		}},
		{service, channels.Transient, []string{"isp.SYSTEM_ERROR", "isp.GATEWAY_ERROR", "isv.BUSINESS_LIMIT_CONTROL", "isv.SOMETHING_NEW"}},
		{gateway, channels.Permanent, []string{"InvalidParameter", "InvalidParameter.PhoneNumbers", "MissingParameter", "MissingPhoneNumbers"}},
		{gateway, channels.Misconfigured, []string{
			"SignatureDoesNotMatch", "IncompleteSignature", "InvalidAccessKeyId.NotFound", "InvalidAccessKeyId.Inactive",
			"InvalidTimeStamp.Expired", "Forbidden", "Forbidden.RAM", "NoPermission", "InvalidAction.NotFound", "InvalidVersion",
		}},
		{gateway, channels.Throttled, []string{"Throttling", "Throttling.User", "Throttling.Api"}},
		{gateway, channels.Uncertain, []string{"SignatureNonceUsed"}},
		{gateway, channels.Transient, []string{"SomethingNew", "SomethingNew.With.Dots"}},
		{http.StatusServiceUnavailable, channels.Transient, []string{"ServiceUnavailable", "InternalError"}},
		{http.StatusServiceUnavailable, channels.Throttled, []string{"Throttling"}},
	} {
		for _, code := range tc.codes {
			t.Run(fmt.Sprintf("%s in HTTP %d", code, tc.status), func(t *testing.T) {
				t.Parallel()
				vendor, sender := setup(t, nil)
				vendor.Fail(aliyun.Fault{HTTPStatus: tc.status, Code: code, Message: "told to\x00fail", Raw: true})
				_, err := sender.Send(t.Context(), message())
				channeltest.RequireError(t, err, tc.class, "aliyun_"+code)
				e := channels.AsError(err)
				require.Contains(t, e.Message, "request id")
				require.Equal(t, unlisted[code], e.Unlisted)
				require.Equal(t, code == "isv.MOBILE_NUMBER_ILLEGAL", e.AddressGone)
				require.Equal(t, slices.Contains([]string{"isv.DAY_LIMIT_CONTROL", "isv.MONTH_LIMIT_CONTROL"}, code), e.QuotaSpent)
				if code != "SignatureDoesNotMatch" {
					require.Contains(t, e.Message, "told to fail")
				}
				require.Equal(t, 1, vendor.Requests(aliyun.SendSms))
			})
		}
	}
}

// The simulated vendor answers codes of the vendor's pages only, and each is listed.
func TestEachCodeOfTheVendorIsListed(t *testing.T) {
	t.Parallel()
	vendor, sender := setup(t, nil)
	for _, code := range aliyun.Codes() {
		fault := vendor.Fail(aliyun.Fault{Code: code, Message: "触发天级流控Permits:10"})
		_, err := sender.Send(t.Context(), message())
		fault.Lift()
		require.False(t, channels.AsError(err).Unlisted, code)
	}
	require.Panics(t, func() { vendor.Fail(aliyun.Fault{Code: "isv.SOMETHING_NEW"}) })
}

func TestLimitsOfANumber(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		message string
		class   channels.Class
		wait    time.Duration
	}{
		{"触发分钟级流控Permits:1", channels.Throttled, time.Minute},
		{"触发小时级流控Permits:5", channels.Throttled, 10 * time.Minute},
		{"触发天级流控Permits:10", channels.Permanent, 0},
		{"something else", channels.Transient, 0},
	} {
		vendor, sender := setup(t, nil)
		vendor.Fail(aliyun.Fault{Code: "isv.BUSINESS_LIMIT_CONTROL", Message: tc.message})
		_, err := sender.Send(t.Context(), message())
		channeltest.RequireError(t, err, tc.class, "aliyun_isv.BUSINESS_LIMIT_CONTROL")
		e := channels.AsError(err)
		require.Equal(t, tc.wait, e.RetryAfter)
	}
}

func TestAnswersWithoutCode(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		fault aliyun.Fault
		class channels.Class
		code  string
	}{
		{aliyun.Fault{Body: `{}`}, channels.Uncertain, "unexpected_answer"},
		{aliyun.Fault{Body: `[]`}, channels.Uncertain, "unexpected_answer"},
		{aliyun.Fault{Body: `null`}, channels.Uncertain, "unexpected_answer"},
		{aliyun.Fault{Body: `"OK"`}, channels.Uncertain, "unexpected_answer"},
		{aliyun.Fault{Body: `{"Code":null}`}, channels.Uncertain, "unexpected_answer"},
		{aliyun.Fault{Body: `{"Code":""}`}, channels.Uncertain, "unexpected_answer"},
		{aliyun.Fault{Body: `{"Code":{"a":"` + mobileDigits + `"}}`}, channels.Uncertain, "unexpected_answer"},
		{aliyun.Fault{HTTPStatus: 401, Body: `{"message":"x"}`}, channels.Misconfigured, "http_401"},
		{aliyun.Fault{HTTPStatus: 404, Body: `[]`}, channels.Misconfigured, "http_404"},
		{aliyun.Fault{HTTPStatus: 500, Body: `null`}, channels.Transient, "http_500"},
		{aliyun.Fault{HTTPStatus: 500, Body: `{"Code":7}`}, channels.Transient, "http_500"},
	} {
		vendor, sender := setup(t, nil)
		vendor.Fail(tc.fault)
		_, err := sender.Send(t.Context(), message())
		channeltest.RequireError(t, err, tc.class, tc.code)
		requireNothingPrivate(t, err)
		require.Equal(t, 1, vendor.Requests(aliyun.SendSms))
	}
}

func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	for code, change := range map[string]func(*sms.Config){
		"aliyun_SignatureDoesNotMatch":       func(c *sms.Config) { c.AccessKeySecret = "old" },
		"aliyun_InvalidAccessKeyId.NotFound": func(c *sms.Config) { c.AccessKeyID = "LTAI-other" },
	} {
		vendor, sender := setup(t, change)
		_, err := sender.Send(t.Context(), message())
		channeltest.RequireError(t, err, channels.Misconfigured, code)
		requireNothingPrivate(t, err)
		require.NotContains(t, err.Error(), "incident", "the vendor quotes the whole request")
		require.Zero(t, vendor.Inbox().Total())
	}
}

// The vendor's own checks.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for code, change := range map[string]func(*aliyun.SMS, *channels.Message){
		"isv.SMS_SIGNATURE_ILLEGAL":       func(v *aliyun.SMS, _ *channels.Message) { v.AddSign("another") },
		"isv.SMS_TEMPLATE_ILLEGAL":        func(v *aliyun.SMS, _ *channels.Message) { v.AddTemplate("SMS_1", "text") },
		"isv.TEMPLATE_MISSING_PARAMETERS": func(v *aliyun.SMS, _ *channels.Message) { v.AddTemplate("SMS_123456", "${who}") },
	} {
		vendor, sender := setup(t, nil)
		m := message()
		change(vendor, &m)
		_, err := sender.Send(t.Context(), m)
		require.Equal(t, "aliyun_"+code, channels.AsError(err).Code, "%v", err)
		require.Zero(t, vendor.Inbox().Total())
	}
}

// The vendor may repeat all it was sent.
func TestNothingPrivateIsRepeated(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 400, 500} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			text := fmt.Sprintf("%s %v %s +86%s", r.URL, r.Header, body, r.URL.Query().Get("PhoneNumbers"))
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]any{"Code": "isv." + text, "Message": text, "RequestId": text})
		}))
		defer server.Close()
		_, err := open(t, server.URL, nil).Send(t.Context(), message())
		require.True(t, strings.HasPrefix(channels.AsError(err).Code, "aliyun_isv."), "%v", err)
		requireNothingPrivate(t, err)
	}
}

func requireNothingPrivate(t *testing.T, err error) {
	t.Helper()
	e := channels.AsError(err)
	for _, text := range []string{fmt.Sprintf("%+v", err), e.Code, e.Message, fmt.Sprintf("%+v", e.Cause)} {
		require.NotContains(t, text, accessKeySecret)
		require.NotContains(t, text, mobileDigits)
	}
}
