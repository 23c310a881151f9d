package volcengine

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/vendors"
)

const oneCall = `{"List":[{"Phone":"13800138000","Type":1,"Resource":"r1","NumberPoolNo":"NP1","SingleOpenId":"id-1","PhoneParam":"{\"who\":\"李\"}"}]}`

// signed returns a signed request.
func signed(action, body string, change func(*http.Request)) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://cloud-vms.volcengineapi.com/?Action="+action+"&Version=2022-01-01", strings.NewReader(body))
	r.Header.Set("X-Date", time.Now().UTC().Format("20060102T150405Z"))
	if change != nil {
		change(r)
	}
	auth := authorization{
		accessKeyID: "ak", day: r.Header.Get("X-Date")[:8], region: "cn-north-1", service: "vms",
		signedHeaders: []string{"host", "x-date"},
	}
	r.Header.Set("Authorization", "HMAC-SHA256 Credential=ak/"+auth.day+"/cn-north-1/vms/request, SignedHeaders=host;x-date, Signature="+
		sign(r, []byte(body), auth, "secret"))
	return r
}

type envelope struct {
	ResponseMetadata struct {
		RequestID string `json:"RequestId"`
		Error     struct{ Code string }
	}
	Result struct {
		SuccessList, FailList []map[string]string
		State                 string
	}
}

func ask(t *testing.T, v *VMS, r *http.Request) (int, envelope) {
	t.Helper()
	w := httptest.NewRecorder()
	v.ServeHTTP(w, r)
	var e envelope
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &e), w.Body)
	require.NotEmpty(t, e.ResponseMetadata.RequestID)
	return w.Code, e
}

func TestCallAndQuery(t *testing.T) {
	t.Parallel()
	v := New("ak", "secret", vendors.NewInbox())
	status, e := ask(t, v, signed(SingleBatchAppend, oneCall, nil))
	require.Equal(t, 200, status)
	require.Len(t, e.Result.SuccessList, 1)
	require.Equal(t, "id-1", e.Result.SuccessList[0]["SingleOpenId"])
	arrivals := v.Inbox().Arrivals()
	require.Len(t, arrivals, 1)
	require.Equal(t, `r1 {"who":"李"}`, arrivals[0].Text)

	_, e = ask(t, v, signed(QuerySingleInfo, `{"SingleOpenId":"id-1"}`, nil))
	require.Equal(t, "3", e.Result.State)
	_, e = ask(t, v, signed(QuerySingleInfo, `{"SingleOpenId":"id-2"}`, nil))
	require.Equal(t, "IllegalArgument", e.ResponseMetadata.Error.Code)
}

func TestPhoneParamForms(t *testing.T) {
	t.Parallel()
	object := strings.Replace(oneCall, `"{\"who\":\"李\"}"`, `{"who":"李"}`, 1)
	require.NotEqual(t, oneCall, object)
	for form, takes := range map[Form][]bool{EitherForm: {true, true}, StringForm: {true, false}, ObjectForm: {false, true}} {
		for i, body := range []string{oneCall, object} {
			v := New("ak", "secret", vendors.NewInbox())
			v.TakeParams(form)
			_, e := ask(t, v, signed(SingleBatchAppend, body, nil))
			if takes[i] {
				require.Equal(t, `r1 {"who":"李"}`, v.Inbox().Arrivals()[0].Text)
				continue
			}
			require.Equal(t, "InvalidParameter", e.ResponseMetadata.Error.Code)
			require.Zero(t, v.Inbox().Total())
		}
	}
}

func TestRepeatedIDIsASecondCall(t *testing.T) {
	t.Parallel()
	v := New("ak", "secret", vendors.NewInbox())
	for range 2 {
		ask(t, v, signed(SingleBatchAppend, oneCall, nil))
	}
	require.Equal(t, vendors.Mark{Requests: 2, Arrivals: 2}, v.Inbox().Mark("id-1"))
}

func TestFailList(t *testing.T) {
	t.Parallel()
	v := New("ak", "secret", vendors.NewInbox())
	v.Refuse("13800138000", "TTS_PARAM_EMPTY")
	for body, failure := range map[string]string{
		oneCall: "TTS_PARAM_EMPTY",
		strings.Replace(oneCall, "13800138000", "+8613800138001", 1): PhoneFormat,
	} {
		status, e := ask(t, v, signed(SingleBatchAppend, body, nil))
		require.Equal(t, 200, status)
		require.Empty(t, e.Result.SuccessList)
		require.Equal(t, failure, e.Result.FailList[0]["Type"])
	}
	require.Zero(t, v.Inbox().Total())
}

func TestRequestIsAuthenticated(t *testing.T) {
	t.Parallel()
	replace := func(old, by string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, by, 1))
		}
	}
	for _, tc := range []struct {
		code    string
		before  func(*http.Request) // the signature
		tamper  func(*http.Request)
		refusal int
	}{
		{"MissingAuthenticationToken", nil, func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		{"InvalidAuthorization", nil, replace("host;x-date", "host"), 400},
		{"InvalidCredential", nil, replace("/vms/", "/iam/"), 400},
		{"InvalidAccessKey", nil, replace("=ak/", "=other/"), 401},
		{"InvalidTimestamp", func(r *http.Request) {
			r.Header.Set("X-Date", time.Now().Add(-16*time.Minute).UTC().Format("20060102T150405Z"))
		}, nil, 403},
		{"InvalidActionOrVersion", func(r *http.Request) { r.URL.RawQuery = "Action=DeleteAll&Version=2022-01-01" }, nil, 404},
		{"SignatureDoesNotMatch", nil, func(r *http.Request) { r.URL.RawQuery = "Action=QuerySingleInfo&Version=2022-01-01" }, 401},
		{"SignatureDoesNotMatch", nil, replace("cn-north-1", "cn-beijing"), 401},
		{"SignatureDoesNotMatch", nil, func(r *http.Request) { r.Host = "elsewhere" }, 401},
		{"SignatureDoesNotMatch", nil, func(r *http.Request) { r.Body = http.NoBody }, 401},
	} {
		v := New("ak", "secret", vendors.NewInbox())
		r := signed(SingleBatchAppend, oneCall, tc.before)
		if tc.tamper != nil {
			tc.tamper(r)
		}
		status, e := ask(t, v, r)
		require.Equal(t, tc.code, e.ResponseMetadata.Error.Code)
		require.Equal(t, tc.refusal, status)
		require.Zero(t, v.Inbox().Total())
	}
}

func TestParametersAreChecked(t *testing.T) {
	t.Parallel()
	for body, code := range map[string]string{
		`{`:                                    "InvalidParameter",
		`{"List":[]}`:                          "MissingParameter",
		strings.Replace(oneCall, "NP1", "", 1): "MissingParameter",
		strings.Replace(oneCall, `"Type":1,`, "", 1):        "InvalidParameter",
		strings.Replace(oneCall, `{\"who\":\"李\"}`, "x", 1): "InvalidParameter",
	} {
		v := New("ak", "secret", vendors.NewInbox())
		status, e := ask(t, v, signed(SingleBatchAppend, body, nil))
		require.Equal(t, 400, status)
		require.Equal(t, code, e.ResponseMetadata.Error.Code, body)
	}
}
