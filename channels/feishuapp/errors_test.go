package feishuapp_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	gone := []int{230029, 232009, 99992351, 99992352, 99992359, 99992360, 99992363}
	byClass := map[channels.Class][]int{
		channels.Throttled: {99991400, 99991403, 230020, 11232, 11233},
		channels.Permanent: {
			230001, 230002, 230012, 230013, 230015, 230017, 230018, 230022, 230023, 230025, 230028, 230029, 230034, 230035, 230036,
			230038, 230052, 230053, 230054, 230055, 230075, 230098, 230099, 230110, 232009, 9499,
			99992351, 99992352, 99992359, 99992360, 99992361, 99992363, 99992364, 99992381, 99992402,
		},
		channels.Misconfigured: {
			10003, 10005, 10014, 10015, 230006, 230024, 230027, 99991401, 99991543, 99991662, 99991672, 99991673,
		},
		channels.Transient: {1500, 2200, 230049, 18121},
	}
	for class, codes := range byClass {
		for _, code := range codes {
			for _, status := range []int{200, 400, 500} {
				e := refuse(t, code, status, "told to\x00fail", nil)
				require.Equal(t, class, e.Class, "%d in HTTP %d", code, status)
				require.False(t, e.Unlisted, code)
				require.Equal(t, code == 99991403, e.QuotaSpent, code)
				require.Equal(t, slices.Contains(gone, code), e.AddressGone, code)
			}
		}
	}
	for _, code := range []int{424242, -1} {
		e := refuse(t, code, 400, "what", nil)
		require.Equal(t, channels.Transient, e.Class)
		require.True(t, e.Unlisted)
	}
}

// refuse returns the error of a message that the platform answers with the code.
func refuse(t *testing.T, code, status int, text string, header http.Header) *channels.Error {
	t.Helper()
	platform, sender := setup(t, urgent("phone"))
	platform.Fail(feishu.Fault{
		Where: feishu.Messages, HTTPStatus: status, Code: strconv.Itoa(code), Message: text, Raw: true, Header: header,
	})
	_, err := sender.Send(t.Context(), toOpenID())
	e := channels.AsError(err)
	require.Equal(t, "feishu_"+strconv.Itoa(code), e.Code)
	require.Contains(t, e.Message, strings.ReplaceAll(text, "\x00", " "))
	require.Contains(t, e.Message, "log id")
	require.Equal(t, 1, platform.Requests(feishu.Messages), "one call an attempt")
	require.Zero(t, platform.Requests(feishu.Urgent), "no urgent call for a message that did not arrive")
	return e
}

// The simulated platform answers codes of the vendor's pages only, and each of them is
// listed.
func TestEachCodeOfTheVendorIsListed(t *testing.T) {
	t.Parallel()
	platform, sender := setup(t, nil)
	for _, code := range feishu.Codes() {
		if code == "99991661" { // every call brings a token
			continue
		}
		fault := platform.Fail(feishu.Fault{Where: feishu.Messages, HTTPStatus: 400, Code: code})
		_, err := sender.Send(t.Context(), toOpenID())
		fault.Lift()
		require.False(t, channels.AsError(err).Unlisted, code)
	}
	require.Panics(t, func() { platform.Fail(feishu.Fault{Code: "424242"}) })
}

// The next try comes when the platform asks for it, and slowly where it is overloaded or a
// quota is used up.
func TestWaits(t *testing.T) {
	t.Parallel()
	asked := http.Header{"X-Ogw-Ratelimit-Reset": {"12"}}
	for _, tc := range []struct {
		code   int
		text   string
		header http.Header
		wait   time.Duration
	}{
		{99991400, "request trigger frequency limit", asked, 12 * time.Second},
		{230020, "frequency limit", asked, 12 * time.Second},
		{230020, "frequency limit", nil, 0},
		{9499, "too many request", asked, 12 * time.Second},
		{99991403, "quota", nil, time.Hour},
		{99991403, "quota", asked, 12 * time.Second},
		{2200, "internal error", nil, time.Minute},
		{1500, "internal error", asked, 0},
		{230001, "bad", asked, 0},
	} {
		e := refuse(t, tc.code, 400, tc.text, tc.header)
		require.Equal(t, tc.wait, e.RetryAfter, "%d %s", tc.code, tc.text)
		require.Equal(t, tc.text == "too many request", tc.code == 9499 && e.Class == channels.Throttled)
	}
}

// With each of these a new token is tried, once.
func TestTokenIsRenewed(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"99991663", "99991664", "99991665", "99991671"} {
		platform, sender := setup(t, nil)
		platform.Fail(feishu.Fault{Where: feishu.Messages, HTTPStatus: 400, Code: code, Times: 1})
		_, err := sender.Send(t.Context(), toOpenID())
		require.NoError(t, err, code)
		require.Equal(t, 2, platform.Requests(feishu.Token), code)

		platform.Fail(feishu.Fault{Where: feishu.Messages, HTTPStatus: 400, Code: code})
		_, err = sender.Send(t.Context(), toOpenID())
		channeltest.RequireError(t, err, channels.Misconfigured, "feishu_"+code)
		require.Equal(t, 3, platform.Requests(feishu.Token), code)
	}
}

func TestAnswersWithoutCode(t *testing.T) {
	t.Parallel()
	const page = "<html>busy</html>"
	for _, tc := range []struct {
		name  string
		fault feishu.Fault
		class channels.Class
		code  string
	}{
		{"429", feishu.Fault{HTTPStatus: 429, Header: http.Header{"Retry-After": {"9"}}}, channels.Throttled, "http_429"},
		{"502 page", feishu.Fault{HTTPStatus: 502, Body: page}, channels.Transient, "http_502"},
		{"500 JSON", feishu.Fault{HTTPStatus: 500, Body: `{"message":"x"}`}, channels.Transient, "http_500"},
		{"504", feishu.Fault{HTTPStatus: 504, Body: page}, channels.Uncertain, "http_504"},
		{"404 page", feishu.Fault{HTTPStatus: 404, Body: page}, channels.Misconfigured, "http_404"},
		{"401 JSON", feishu.Fault{HTTPStatus: 401, Body: `{"message":"x"}`}, channels.Misconfigured, "http_401"},
		{"redirect", feishu.Fault{HTTPStatus: 302, Header: http.Header{"Location": {"/login"}}}, channels.Misconfigured, "unexpected_redirect"},
		{"empty object", feishu.Fault{Body: `{}`}, channels.Uncertain, "unexpected_answer"},
		{"list", feishu.Fault{Body: `[]`}, channels.Uncertain, "unexpected_answer"},
		{"code is no number", feishu.Fault{Body: `{"code":"no"}`}, channels.Uncertain, "unexpected_answer"},
		{"data is no object", feishu.Fault{Body: `{"code":0,"data":7}`}, channels.Uncertain, "unexpected_answer"},
		{"another's envelope", feishu.Fault{HTTPStatus: 401, Body: `{"error":"x"}`}, channels.Uncertain, "unexpected_answer"},
		{"null", feishu.Fault{Body: `null`}, channels.Uncertain, "unexpected_answer"},
		{"cut", feishu.Fault{Reset: true}, channels.Uncertain, "no_answer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			platform, sender := setup(t, nil)
			fault := tc.fault
			fault.Where = feishu.Messages
			platform.Fail(fault)
			_, err := sender.Send(t.Context(), toOpenID())
			channeltest.RequireError(t, err, tc.class, tc.code)
			require.Equal(t, 1, platform.Requests(feishu.Messages))
		})
		// The same before the message is sent: nothing is uncertain.
		t.Run(tc.name+" for the token", func(t *testing.T) {
			t.Parallel()
			platform, sender := setup(t, nil)
			fault := tc.fault
			fault.Where = feishu.Token
			platform.Fail(fault)
			class := tc.class
			if class == channels.Uncertain {
				class = channels.Transient
			}
			_, err := sender.Send(t.Context(), toOpenID())
			channeltest.RequireError(t, err, class, tc.code)
			require.Zero(t, platform.Requests(feishu.Messages))
		})
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c := newConfig()
	c.BaseURL = server.URL
	sender, err := c.Open()
	require.NoError(t, err)
	_, err = sender.Send(t.Context(), toOpenID())
	channeltest.RequireError(t, err, channels.Transient, "connect_failed")
}
