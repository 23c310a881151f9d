package feishuapp_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	for code, class := range map[int]channels.Class{
		99991400: channels.Throttled, 230020: channels.Throttled,

		230001: channels.Permanent, 230002: channels.Permanent, 230013: channels.Permanent,
		230018: channels.Permanent, 230022: channels.Permanent, 230025: channels.Permanent,
		230028: channels.Permanent, 230035: channels.Permanent, 230038: channels.Permanent,
		232009: channels.Permanent,

		230006: channels.Misconfigured, 99991672: channels.Misconfigured,
		10003: channels.Misconfigured, 10014: channels.Misconfigured,

		1500: channels.Transient, 2200: channels.Transient, 424242: channels.Transient, -1: channels.Transient,
	} {
		for _, status := range []int{200, 400, 500} {
			t.Run(fmt.Sprintf("%d in HTTP %d", code, status), func(t *testing.T) {
				t.Parallel()
				platform, sender := setup(t, urgent("phone"))
				platform.Fail(feishu.Fault{
					Where: feishu.Messages, HTTPStatus: status, Code: strconv.Itoa(code), Message: "told to\x00fail",
					Header: http.Header{"X-Ogw-Ratelimit-Reset": {"12"}},
				})
				_, err := sender.Send(t.Context(), toOpenID())
				channeltest.RequireError(t, err, class, "feishu_"+strconv.Itoa(code))
				e := channels.AsError(err)
				require.Contains(t, e.Message, "told to fail")
				require.Contains(t, e.Message, "log id")
				require.Equal(t, 1, platform.Requests(feishu.Messages), "one call an attempt")
				require.Zero(t, platform.Requests(feishu.Urgent), "no urgent call for a message that did not arrive")
				if class == channels.Throttled {
					require.Equal(t, 12*time.Second, e.RetryAfter)
				} else {
					require.Zero(t, e.RetryAfter)
				}
			})
		}
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
