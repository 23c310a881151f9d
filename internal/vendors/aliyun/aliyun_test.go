package aliyun

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/vendors"
)

// signed returns a signed request.
func signed(action string, query url.Values, change func(*http.Request)) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://dysmsapi.aliyuncs.com/?"+query.Encode(), nil)
	for name, value := range map[string]string{
		"x-acs-action":          action,
		"x-acs-version":         "2017-05-25",
		"x-acs-date":            time.Now().UTC().Format("2006-01-02T15:04:05Z"),
		"x-acs-signature-nonce": uuid.NewString(),
		"x-acs-content-sha256":  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	} {
		r.Header.Set(name, value)
	}
	if change != nil {
		change(r)
	}
	names := []string{"host"}
	for name := range r.Header {
		names = append(names, strings.ToLower(name))
	}
	slices.Sort(names)
	r.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential=ak,SignedHeaders="+strings.Join(names, ";")+
		",Signature="+sign(canonicalRequest(r, names), "secret"))
	return r
}

func call(t *testing.T, s *SMS, r *http.Request) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &fields))
	require.NotEmpty(t, fields["RequestId"])
	return w.Code, fields
}

func text() url.Values {
	return url.Values{
		"PhoneNumbers": {"13800138000"}, "SignName": {"测试"}, "TemplateCode": {"SMS_1"},
		"TemplateParam": {`{"who":"a b+c*~"}`}, "OutId": {"out-1"},
	}
}

func TestSendAndQuery(t *testing.T) {
	t.Parallel()
	s := New("ak", "secret", vendors.NewInbox())
	s.AddTemplate("SMS_1", "hello ${who}")
	status, fields := call(t, s, signed(SendSms, text(), nil))
	require.Equal(t, 200, status)
	require.Equal(t, "OK", fields["Code"], fields)
	arrivals := s.Inbox().Arrivals()
	require.Len(t, arrivals, 1)
	require.Equal(t, "【测试】hello a b+c*~", arrivals[0].Text)

	_, fields = call(t, s, signed(QuerySendDetails, url.Values{
		"PhoneNumber": {"13800138000"}, "SendDate": {time.Now().In(beijing).Format("20060102")}, "PageSize": {"1"}, "CurrentPage": {"1"},
	}, nil))
	require.Equal(t, "1", fields["TotalCount"])
	details := fields["SmsSendDetailDTOs"].(map[string]any)["SmsSendDetailDTO"].([]any)
	require.Equal(t, "out-1", details[0].(map[string]any)["OutId"])
}

// The vendor has no idempotency.
func TestRepeatedOutIDIsASecondText(t *testing.T) {
	t.Parallel()
	s := New("ak", "secret", vendors.NewInbox())
	for range 2 {
		call(t, s, signed(SendSms, text(), nil))
	}
	require.Equal(t, vendors.Mark{Requests: 2, Arrivals: 2}, s.Inbox().Mark("out-1"))
}

func TestRequestIsAuthenticated(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code    string
		before  func(*http.Request) // the signature
		tamper  func(*http.Request)
		refusal int
	}{
		{"IncompleteSignature", nil, func(r *http.Request) { r.Header.Del("Authorization") }, 400},
		{"IncompleteSignature", nil, func(r *http.Request) { r.Header.Set("X-Acs-Security-Token", "unsigned") }, 400},
		{"InvalidAccessKeyId.NotFound", nil, func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "=ak,", "=other,", 1))
		}, 404},
		{"InvalidTimeStamp.Expired", func(r *http.Request) {
			r.Header.Set("X-Acs-Date", time.Now().Add(-16*time.Minute).UTC().Format("2006-01-02T15:04:05Z"))
		}, nil, 400},
		{"InvalidVersion", func(r *http.Request) { r.Header.Set("X-Acs-Version", "2018-01-01") }, nil, 404},
		{"InvalidAction.NotFound", func(r *http.Request) { r.Header.Set("X-Acs-Action", "DeleteAll") }, nil, 404},
		{"SignatureDoesNotMatch", nil, func(r *http.Request) { r.URL.RawQuery += "&PhoneNumbers=13800138001" }, 400},
		{"SignatureDoesNotMatch", nil, func(r *http.Request) { r.Header.Set("X-Acs-Action", QuerySendDetails) }, 400},
		{"SignatureDoesNotMatch", nil, func(r *http.Request) { r.Host = "elsewhere" }, 400},
		{"SignatureDoesNotMatch", nil, func(r *http.Request) { r.Method = http.MethodGet }, 400},
	} {
		s := New("ak", "secret", vendors.NewInbox())
		r := signed(SendSms, text(), tc.before)
		if tc.tamper != nil {
			tc.tamper(r)
		}
		status, fields := call(t, s, r)
		require.Equal(t, tc.code, fields["Code"], fields)
		require.Equal(t, tc.refusal, status)
		require.Zero(t, s.Inbox().Total())
	}
}

func TestNonceIsUsedOnce(t *testing.T) {
	t.Parallel()
	s := New("ak", "secret", vendors.NewInbox())
	r := signed(SendSms, text(), nil)
	_, fields := call(t, s, r.Clone(t.Context()))
	require.Equal(t, "OK", fields["Code"])
	_, fields = call(t, s, r)
	require.Equal(t, "SignatureNonceUsed", fields["Code"])
	require.Equal(t, 1, s.Inbox().Total())
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, value, code string }{
		{"PhoneNumbers", "", "MissingPhoneNumbers"},
		{"PhoneNumbers", "12345", "isv.MOBILE_NUMBER_ILLEGAL"},
		{"PhoneNumbers", "+85261234567", "isv.MOBILE_NUMBER_ILLEGAL"},
		{"PhoneNumbers", strings.Repeat("13800138000,", 1000) + "13800138000", "isv.MOBILE_COUNT_OVER_LIMIT"},
		{"SignName", "other", "isv.SMS_SIGNATURE_ILLEGAL"},
		{"TemplateCode", "SMS_2", "isv.SMS_TEMPLATE_ILLEGAL"},
		{"TemplateParam", `{"who":7}`, "isv.INVALID_JSON_PARAM"},
		{"TemplateParam", `{"whom":"x"}`, "isv.TEMPLATE_MISSING_PARAMETERS"},
	} {
		s := New("ak", "secret", vendors.NewInbox())
		s.AddSign("测试")
		s.AddTemplate("SMS_1", "hello ${who}")
		query := text()
		query.Set(tc.name, tc.value)
		_, fields := call(t, s, signed(SendSms, query, nil))
		require.Equal(t, tc.code, fields["Code"], fields)
		require.Zero(t, s.Inbox().Total())
	}
}
