package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
)

func TestUnknownPathsAndMethodsAreProblems(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, c := range []struct {
		method, path string
		status       int
		code         string
	}{
		{"GET", "/nothing", 404, "not_found"},
		{"GET", "/health/x", 404, "not_found"},
		{"POST", "/health", 405, "method_not_allowed"},
		{"PUT", "/api/v1/notifications", 405, "method_not_allowed"},
		{"DELETE", "/api/v1/notifications", 405, "method_not_allowed"},
		{"PATCH", "/api/v1/templates/x", 405, "method_not_allowed"},
		{"POST", "/api/v1/templates/x", 405, "method_not_allowed"},
	} {
		a := b.callUndescribed(t, request{method: c.method, path: c.path, app: "root"})
		require.Equal(t, c.status, a.status, c)
		code, _ := a.problem(t)
		require.Equal(t, c.code, code)
		if c.status == 405 {
			require.NotEmpty(t, a.header.Get("Allow"))
		}
	}
}

func TestRequestsAreNamed(t *testing.T) {
	t.Parallel()
	b := start(t)
	const sane = "abc-DEF_1.2"
	for given, kept := range map[string]bool{
		sane: true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "a b": false, `a"b`: false, "": false,
	} {
		a := b.call(t, request{method: "GET", path: "/livez", header: http.Header{"X-Request-Id": {given}}})
		id := a.header.Get("X-Request-Id")
		require.NotEmpty(t, id)
		require.Equal(t, kept, id == given, given)
	}
	require.Equal(t, 1, b.logs.FilterField(zap.String("requestId", sane)).Len())
}

func TestDescriptionIsServed(t *testing.T) {
	t.Parallel()
	b := start(t)
	a := b.callUndescribed(t, request{method: "GET", path: "/openapi.yaml"})
	require.Equal(t, 200, a.status)
	require.Equal(t, "application/yaml", a.header.Get("Content-Type"))
	spec, err := api.OpenAPI(channels.RecipientTypeNames(builtin.Types()...))
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(spec)), a.text)
}

func TestBrokenRequestsAreProblems(t *testing.T) {
	t.Parallel()
	b := start(t)
	for name, c := range map[string]struct {
		head   string
		status int
	}{
		"large headers":            {"GET /livez HTTP/1.1\r\nHost: x\r\nX-Large: " + strings.Repeat("x", 10_000) + "\r\n\r\n", 431},
		"large path":               {"GET /" + strings.Repeat("x", 10_000) + " HTTP/1.1\r\nHost: x\r\n\r\n", 431},
		"large body":               {"POST /api/v1/notifications HTTP/1.1\r\nHost: x\r\nX-App-Id: root\r\nX-App-Secret: root-secret\r\nContent-Length: 99999999\r\n\r\n{", 413},
		"large body of a stranger": {"POST /api/v1/notifications HTTP/1.1\r\nHost: x\r\nX-App-Id: root\r\nX-App-Secret: x\r\nContent-Length: 20000\r\n\r\n{", 401},
		"large chunk of a stranger": {"POST /api/v1/notifications HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"5000\r\n" + strings.Repeat("x", 0x5000) + "\r\n0\r\n\r\n", 401},
		"large body on an open route": {"POST /livez HTTP/1.1\r\nHost: x\r\nX-App-Id: x\r\nX-App-Secret: x\r\nContent-Length: 20000\r\n\r\n{", 405},
		"bad escape":                  {"GET /api/v1/templates/%zz HTTP/1.1\r\nHost: x\r\nX-App-Id: root\r\nX-App-Secret: root-secret\r\n\r\n", 400},
		"bad query":                   {"GET /api/v1/templates?limit=%zz HTTP/1.1\r\nHost: x\r\nX-App-Id: root\r\nX-App-Secret: root-secret\r\n\r\n", 400},
		"bad chunks":                  {"POST /api/v1/notifications HTTP/1.1\r\nHost: x\r\nX-App-Id: root\r\nX-App-Secret: root-secret\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
		"not HTTP":                    {"hello\r\n\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := b.dial(t, c.head)
			defer func() { _ = conn.Close() }()
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			answer{resp.StatusCode, resp.Header, string(body)}.problem(t)
			require.Equal(t, c.status, resp.StatusCode, string(body))
		})
	}
}

// waiting is an Accepter that returns when leave is closed.
type waiting struct {
	api.Accepter
	entered, leave chan struct{}
}

func (w waiting) Accept(context.Context, accepting.Request) (accepting.Accepted, error) {
	close(w.entered)
	select {
	case <-w.leave:
		return accepting.Accepted{}, nil
	case <-time.After(limit.Wait):
		return accepting.Accepted{}, errors.New("waited too long to leave")
	}
}

func TestShutdownFinishesRequestsInFlight(t *testing.T) {
	t.Parallel()
	w := waiting{entered: make(chan struct{}), leave: make(chan struct{})}
	credentials := api.NewAuth(api.Unprotected(), zap.NewNop())
	server, err := api.New(api.Options{
		Config: api.DefaultServerConfig(), Auth: credentials, Accepter: w, Templates: &rules{}, Store: newMemory(),
		Ready: func() bool { return true }, Log: zap.NewNop(),
	})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served, stopped := make(chan error, 1), make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	idle, err := net.DialTimeout("tcp", listener.Addr().String(), limit.Wait) // sends nothing
	require.NoError(t, err)
	defer func() { _ = idle.Close() }()
	status := make(chan string, 1)
	go func() {
		resp, err := limit.Client.Post(fmt.Sprintf("http://%s/api/v1/notifications", listener.Addr()), "application/json", strings.NewReader(goodNotification))
		if err != nil {
			status <- err.Error()
			return
		}
		_ = resp.Body.Close()
		status <- resp.Status
	}()
	limit.Receive(t, w.entered, "the request")
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		stopped <- server.Shutdown(ctx)
	}()
	require.NoError(t, limit.Receive(t, served, "the listener to close"), "the listener is closed while the request is in flight")
	close(w.leave)
	require.Equal(t, "202 Accepted", limit.Receive(t, status, "the answer"))
	require.NoError(t, limit.Receive(t, stopped, "the shutdown"))
}
