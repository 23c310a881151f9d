package voice_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/voice"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors/volcengine"
)

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	unlisted := []string{ // all but the first were in the table, and the vendor has them on no page
		"SomethingNew", "BLACK_LIST_PHONE", "FORBIDDEN_TIME", "NOT_AUTH", "QUALIFICATION_MISSING", "QUALIFICATION_REJECTED",
		"NOT_IN_NUMBER_POOL", "NO_USABLE_NUMBER",
	}
	for class, codes := range map[channels.Class][]string{
		channels.Permanent: {
			"MissingParameter", "InvalidParameter", "IllegalArgument",
			"INVALID_PHONE_FORMAT", "手机号格式错误", "TTS_PARAM_EMPTY", "TTS_EMPTY_CONTENT", "PARAM_NOT_JSON", "ITEM_NOT_FOUND",
			"DECRYPTION_ERROR", "RESOURCE_NOT_FOUND", "WRONG_RING_AGAIN_TIME", "FORBID_TIME_FORMAT_INVALID", "EXCEL_PARSE_FAIL",
			"HANG_UP_SMS_PARAM_CHECK_FAIL",
		},
		channels.Misconfigured: {
			"NO_PERMISSION", "RESOURCE_TYPE_MISMATCH", "HANG_UP_SMS_CONFIG_CHECK_FAIL",
			"OperationDenied", "MissingAuthenticationToken", "MissingRequestInfo", "MissingSignature",
			"InvalidAuthorization", "InvalidCredential", "InvalidAccessKey", "InvalidClientTokenId", "InvalidSecretToken",
			"SignatureDoesNotMatch", "InvalidTimestamp", "AccessDenied", "LackPolicy", "LackProjectPolicy", "ServiceNotFound",
			"InvalidActionOrVersion",
		},
		channels.Throttled: {"FlowLimitExceeded", "AccountFlowLimitExceeded", "RequestLimitExceeded"},
		channels.Uncertain: {
			"SystemError", "DownStreamError", "InternalError", "InternalServiceError", "InternalServiceTimeout", "UndefinedError",
		},
		channels.Transient: append([]string{"FailToConnect", "ServiceUnavailableTemp"}, unlisted...),
	} {
		for _, code := range codes {
			for _, status := range []int{200, 400, 500} {
				t.Run(fmt.Sprintf("%s in HTTP %d", code, status), func(t *testing.T) {
					t.Parallel()
					vendor, sender := setup(t, nil)
					vendor.Fail(volcengine.Fault{HTTPStatus: status, Code: code, Message: "told to\x00fail", Raw: true})
					_, err := sender.Send(t.Context(), message())
					channeltest.RequireError(t, err, class, "volcengine_"+code)
					e := channels.AsError(err)
					require.Contains(t, e.Message, "told to fail (request id ")
					require.Equal(t, slices.Contains(unlisted, code), e.Unlisted)
					require.Equal(t, code == "INVALID_PHONE_FORMAT" || code == "手机号格式错误", e.AddressGone)
					require.Equal(t, 1, vendor.Requests(volcengine.SingleBatchAppend))
				})
			}
			// The same for the single item of a successful answer.
			t.Run(code+" in the FailList", func(t *testing.T) {
				t.Parallel()
				vendor, sender := setup(t, nil)
				vendor.Fail(volcengine.Fault{Body: `{"ResponseMetadata":{"RequestId":"r"},"Result":{"FailList":[{"Type":"` + code + `"}]}}`})
				_, err := sender.Send(t.Context(), message())
				channeltest.RequireError(t, err, class, "volcengine_"+code)
				e := channels.AsError(err)
				require.Contains(t, e.Message, "request id ")
				require.Equal(t, slices.Contains(unlisted, code), e.Unlisted)
				require.Zero(t, vendor.Inbox().Total())
			})
		}
	}
}

// The simulated vendor answers codes of the vendor's pages only, and each is listed.
func TestEachCodeOfTheVendorIsListed(t *testing.T) {
	t.Parallel()
	vendor, sender := setup(t, nil)
	for _, code := range volcengine.Codes() {
		fault := vendor.Fail(volcengine.Fault{HTTPStatus: 400, Code: code})
		_, err := sender.Send(t.Context(), message())
		fault.Lift()
		require.False(t, channels.AsError(err).Unlisted, code)
	}
	for _, failure := range volcengine.Failures() {
		vendor.Refuse(mobileDigits, failure)
		_, err := sender.Send(t.Context(), message())
		require.Equal(t, failure == volcengine.Duplicate, err == nil, failure)
		require.False(t, err != nil && channels.AsError(err).Unlisted, failure)
	}
	require.Panics(t, func() { vendor.Fail(volcengine.Fault{Code: "BLACK_LIST_PHONE"}) })
	require.Panics(t, func() { vendor.Refuse(mobileDigits, "BLACK_LIST_PHONE") })
}

func TestAnswersWithoutCode(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		fault volcengine.Fault
		class channels.Class
		code  string
	}{
		{volcengine.Fault{Body: `{}`}, channels.Uncertain, "unexpected_answer"},
		{volcengine.Fault{Body: `[]`}, channels.Uncertain, "unexpected_answer"},
		{volcengine.Fault{Body: `null`}, channels.Uncertain, "unexpected_answer"},
		{volcengine.Fault{Body: `{"ResponseMetadata":7}`}, channels.Uncertain, "unexpected_answer"},
		{volcengine.Fault{Body: `{"Result":[]}`}, channels.Uncertain, "unexpected_answer"},
		{volcengine.Fault{Body: `{"Result":{"FailList":[null]}}`}, channels.Uncertain, "unexpected_answer"},
		{volcengine.Fault{Body: `{"Result":{"FailList":[{"Type":` + mobileDigits + `}]}}`}, channels.Uncertain, "unexpected_answer"},
		{volcengine.Fault{HTTPStatus: 401, Body: `{"ResponseMetadata":{}}`}, channels.Misconfigured, "http_401"},
		{volcengine.Fault{HTTPStatus: 404, Body: `{"message":"x"}`}, channels.Misconfigured, "http_404"},
		{volcengine.Fault{HTTPStatus: 500, Body: `[]`}, channels.Transient, "http_500"},
		{volcengine.Fault{HTTPStatus: 429, Code: "FlowLimitExceeded", Header: http.Header{"Retry-After": {"9"}}}, channels.Throttled, "http_429"},
	} {
		vendor, sender := setup(t, nil)
		vendor.Fail(tc.fault)
		_, err := sender.Send(t.Context(), message())
		channeltest.RequireError(t, err, tc.class, tc.code)
		requireNothingPrivate(t, err)
		require.Equal(t, 1, vendor.Requests(volcengine.SingleBatchAppend))
	}
}

func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	for code, change := range map[string]func(*voice.Config){
		"volcengine_SignatureDoesNotMatch": func(c *voice.Config) { c.AccessKeySecret = "old" },
		"volcengine_InvalidAccessKey":      func(c *voice.Config) { c.AccessKeyID = "AKLT-other" },
	} {
		vendor, sender := setup(t, change)
		_, err := sender.Send(t.Context(), message())
		channeltest.RequireError(t, err, channels.Misconfigured, code)
		requireNothingPrivate(t, err)
		require.Zero(t, vendor.Inbox().Total())
	}
}

// The vendor may repeat all it was sent.
func TestNothingPrivateIsRepeated(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		`{"ResponseMetadata":{"RequestId":%[1]s,"Error":{"Code":%[1]s,"Message":%[1]s}}}`,
		`{"ResponseMetadata":{"RequestId":%[1]s},"Result":{"FailList":[{"Type":%[1]s,"Phone":%[1]s}]}}`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			text, _ := json.Marshal(fmt.Sprintf("%s %v %s +86%s", r.URL, r.Header, body, mobileDigits))
			_, _ = fmt.Fprintf(w, answer, text)
		}))
		defer server.Close()
		_, err := open(t, server.URL, nil).Send(t.Context(), message())
		require.True(t, strings.HasPrefix(channels.AsError(err).Code, "volcengine_"), "%v", err)
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
