package inapp_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/k8s"
)

func TestStatuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status int
		reason string
		class  channels.Class
	}{
		{400, "BadRequest", channels.Permanent},
		{413, "RequestEntityTooLarge", channels.Permanent},
		{422, "Invalid", channels.Permanent},
		{401, "Unauthorized", channels.Misconfigured},
		{403, "Forbidden", channels.Misconfigured},
		{405, "MethodNotAllowed", channels.Misconfigured},
		{406, "NotAcceptable", channels.Misconfigured},
		{410, "Gone", channels.Misconfigured},
		{415, "UnsupportedMediaType", channels.Misconfigured},
		{408, "", channels.Transient},
		{409, "Conflict", channels.Transient},
		{500, "InternalError", channels.Transient},
		{500, "ServerTimeout", channels.Transient},
		{503, "ServiceUnavailable", channels.Transient},
		{507, "", channels.Transient},
	} {
		t.Run(fmt.Sprint(tc.status, tc.reason), func(t *testing.T) {
			t.Parallel()
			code := "k8s_" + tc.reason
			if tc.reason == "" {
				code += fmt.Sprint(tc.status)
			}
			cluster, sender := setup(t, nil)
			cluster.Fail(k8s.Fault{Body: fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","code":%d,"reason":%q,`+
				`"message":"told to\u0000fail by NS-%s with %s"}`, tc.status, tc.reason, user, token), HTTPStatus: tc.status})
			_, err := sender.Send(t.Context(), text())
			channeltest.RequireError(t, err, tc.class, code)
			require.Equal(t, "told to fail by NS-*** with ***", channels.AsError(err).Message)
			require.Equal(t, 1, cluster.Requests(k8s.Create))
		})
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	const status = `{"kind":"Status","apiVersion":"v1","status":"Failure",`
	for _, tc := range []struct {
		name  string
		fault k8s.Fault
		class channels.Class
		code  string
		after time.Duration
	}{
		{"namespace missing", k8s.Fault{HTTPStatus: 404, Body: status + `"code":404,"reason":"NotFound","message":"namespaces \"x\" not found",` +
			`"details":{"name":"x","kind":"namespaces"}}`}, channels.Permanent, "namespace_not_found", 0},
		{"namespace going", k8s.Fault{HTTPStatus: 403, Body: status + `"code":403,"reason":"Forbidden","message":"it is being terminated",` +
			`"details":{"kind":"notifications","causes":[{"reason":"NamespaceTerminating"}]}}`}, channels.Permanent, "namespace_terminating", 0},
		{"resource missing", k8s.Fault{HTTPStatus: 404, Body: "404 page not found\n"}, channels.Misconfigured, "notifications_not_served", 0},
		{"resource missing, said in JSON", k8s.Fault{HTTPStatus: 404, Body: status + `"code":404,"reason":"NotFound",` +
			`"message":"the server could not find the requested resource","details":{}}`}, channels.Misconfigured, "notifications_not_served", 0},
		{"busy for a while", k8s.Fault{HTTPStatus: 500, Body: status + `"code":500,"reason":"ServerTimeout","message":"busy",` +
			`"details":{"retryAfterSeconds":3}}`}, channels.Transient, "k8s_ServerTimeout", 3 * time.Second},
		{"throttled", k8s.Fault{HTTPStatus: 429, Header: http.Header{"Retry-After": {"4"}}, Body: status + `"code":429,"reason":"TooManyRequests"}`},
			channels.Throttled, "http_429", 4 * time.Second},
		{"a gateway's conflict", k8s.Fault{HTTPStatus: 409, Body: `{"message":"conflict"}`}, channels.Misconfigured, "http_409", 0},
		{"a gateway's 401", k8s.Fault{HTTPStatus: 401, Body: `{"message":"who are you"}`}, channels.Misconfigured, "http_401", 0},
		{"a gateway's 503", k8s.Fault{HTTPStatus: 503, Body: `{"message":"nobody"}`}, channels.Transient, "http_503", 0},
		{"failure in a success", k8s.Fault{Body: status + `"message":"no"}`}, channels.Uncertain, "unexpected_answer", 0},
		{"another object", k8s.Fault{Body: `{"kind":"Notification","apiVersion":"v1","metadata":{"name":"x"}}`}, channels.Uncertain, "unexpected_answer", 0},
		{"list", k8s.Fault{Body: `[]`}, channels.Uncertain, "unexpected_answer", 0},
		{"null", k8s.Fault{Body: `null`}, channels.Uncertain, "unexpected_answer", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cluster, sender := setup(t, nil)
			cluster.Fail(tc.fault)
			_, err := sender.Send(t.Context(), text())
			channeltest.RequireError(t, err, tc.class, tc.code)
			require.Equal(t, tc.after, channels.AsError(err).RetryAfter)
			require.Equal(t, 1, cluster.Requests(k8s.Create), "one call an attempt")
		})
	}
}

func TestWrongToken(t *testing.T) {
	t.Parallel()
	sender := open(t, serve(t, k8s.New("another", vendors.NewInbox())), nil)
	_, err := sender.Send(t.Context(), text())
	channeltest.RequireError(t, err, channels.Misconfigured, "k8s_Unauthorized")
	channeltest.RequireError(t, sender.(channels.Prober).Probe(t.Context()), channels.Misconfigured, "k8s_Unauthorized")
}

// A server with an untrusted certificate gets no token.
func TestUnknownAuthority(t *testing.T) {
	t.Parallel()
	cluster := k8s.New(token, vendors.NewInbox())
	server := httptest.NewUnstartedServer(cluster)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // about the client that hangs up
	server.StartTLS()
	t.Cleanup(server.Close)
	sender := openWith(t, k8s.Kubeconfig(server.URL, token, nil), nil)
	_, err := sender.Send(t.Context(), text())
	channeltest.RequireError(t, err, channels.Transient, "connect_failed")
	require.Zero(t, cluster.Requests(k8s.Create))
}
