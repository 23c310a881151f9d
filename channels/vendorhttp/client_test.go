package vendorhttp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is in every URL and body, and must not be printed.
const canary = "canary-8f2b"

// listen serves every connection until the test ends, and returns the address.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(t.Context(), func() { _ = conn.Close() })
			serve(conn)
			stop()
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// answer reads one request and writes the text.
func answer(text string) func(net.Conn) {
	return func(conn net.Conn) {
		readRequest(conn)
		_, _ = io.WriteString(conn, text)
	}
}

// stall reads one request, writes the text and waits until the client has gone.
func stall(text string) func(net.Conn) {
	return func(conn net.Conn) {
		answer(text)(conn)
		_, _ = io.Copy(io.Discard, conn)
	}
}

func readRequest(conn net.Conn) {
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err == nil {
		_, _ = io.Copy(io.Discard, req.Body)
	}
}

func httpAnswer(status int, header, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n%s", status, header, len(body), body)
}

// post sends the canary in the URL and in the body.
func post(ctx context.Context, t *testing.T, client *http.Client, base string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/hook/"+canary, strings.NewReader(canary))
	require.NoError(t, err)
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { require.NoError(t, resp.Body.Close()) }()
	require.Equal(t, "application/json; charset=utf-8", resp.Header.Get("Content-Type"))
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body), nil
}

func TestFailures(t *testing.T) {
	t.Parallel()
	const html = "<html>502 Bad Gateway</html>"
	const long = 5 * time.Second // more than any case needs
	const short = 150 * time.Millisecond

	for _, tc := range []struct {
		name    string
		scheme  string // http when empty
		serve   func(net.Conn)
		timeout time.Duration
		class   channels.Class
		code    string
		after   time.Duration
	}{
		{name: "TLS is refused", scheme: "https", serve: func(net.Conn) {}, timeout: long,
			class: channels.Transient, code: "connect_failed"},
		{name: "TLS stalls until the deadline", scheme: "https", serve: func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, timeout: short,
			class: channels.Transient, code: "timeout"},
		{name: "closed after the request", serve: readRequest, timeout: long,
			class: channels.Uncertain, code: "no_answer"},
		{name: "reset after the request", serve: func(c net.Conn) { readRequest(c); reset(c) }, timeout: long,
			class: channels.Uncertain, code: "no_answer"},
		{name: "half closed", serve: func(c net.Conn) {
			readRequest(c)
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, c)
		}, timeout: long, class: channels.Uncertain, code: "no_answer"},
		{name: "no answer until the deadline", serve: stall(""), timeout: short,
			class: channels.Uncertain, code: "timeout"},
		{name: "header stalls", serve: stall("HTTP/1.1 200 OK\r\nContent-Ty"), timeout: short,
			class: channels.Uncertain, code: "timeout"},
		{name: "body stalls", serve: stall("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), timeout: short,
			class: channels.Uncertain, code: "timeout"},
		{name: "body is cut", serve: answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), timeout: long,
			class: channels.Uncertain, code: "no_answer"},
		{name: "not HTTP", serve: answer("SSH-2.0-OpenSSH_9.2\r\n"), timeout: long,
			class: channels.Uncertain, code: "no_answer"},
		{name: "success that is HTML", serve: answer(httpAnswer(200, "", html)), timeout: long,
			class: channels.Uncertain, code: "unexpected_answer"},
		{name: "success without a body", serve: answer(httpAnswer(204, "", "")), timeout: long,
			class: channels.Uncertain, code: "unexpected_answer"},
		{name: "cut JSON", serve: answer(httpAnswer(200, "Content-Type: application/json\r\n", `{"code":`)), timeout: long,
			class: channels.Uncertain, code: "unexpected_answer"},
		{name: "too large", serve: answer(httpAnswer(200, "", `"`+strings.Repeat("x", 1<<20)+`"`)), timeout: long,
			class: channels.Uncertain, code: "unexpected_answer"},
		{name: "redirect", serve: answer(httpAnswer(302, "Location: http://127.0.0.1:1/"+canary+"\r\n", "")), timeout: long,
			class: channels.Misconfigured, code: "unexpected_redirect"},
		{name: "redirect that keeps the method", serve: answer(httpAnswer(307, "Location: /\r\n", "{}")), timeout: long,
			class: channels.Misconfigured, code: "unexpected_redirect"},
		{name: "404 page", serve: answer(httpAnswer(404, "", html)), timeout: long,
			class: channels.Misconfigured, code: "http_404"},
		{name: "408", serve: answer(httpAnswer(408, "", html)), timeout: long,
			class: channels.Transient, code: "http_408"},
		{name: "500 page", serve: answer(httpAnswer(500, "", html)), timeout: long,
			class: channels.Transient, code: "http_500"},
		{name: "502 page that calls itself JSON", serve: answer(httpAnswer(502, "Content-Type: application/json\r\n", html)), timeout: long,
			class: channels.Transient, code: "http_502"},
		{name: "503 without a body", serve: answer(httpAnswer(503, "", "")), timeout: long,
			class: channels.Transient, code: "http_503"},
		{name: "504 page", serve: answer(httpAnswer(504, "", html)), timeout: long,
			class: channels.Uncertain, code: "http_504"},
		{name: "504 JSON", serve: answer(httpAnswer(504, "", `{"code":1}`)), timeout: long,
			class: channels.Uncertain, code: "http_504"},
		{name: "429", serve: answer(httpAnswer(429, "", `{"code":99991400}`)), timeout: long,
			class: channels.Throttled, code: "http_429"},
		{name: "429 with a wait", serve: answer(httpAnswer(429, "Retry-After: 7\r\n", "")), timeout: long,
			class: channels.Throttled, code: "http_429", after: 7 * time.Second},
		{name: "429 with Feishu's wait", serve: answer(httpAnswer(429, "x-ogw-ratelimit-reset: 3\r\n", "")), timeout: long,
			class: channels.Throttled, code: "http_429", after: 3 * time.Second},
		{name: "429 whose body is cut", serve: answer("HTTP/1.1 429 X\r\nContent-Length: 9\r\n\r\n{"), timeout: long,
			class: channels.Throttled, code: "http_429"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			client := vendorhttp.NewClient()
			t.Cleanup(client.CloseIdleConnections)
			scheme := tc.scheme
			if scheme == "" {
				scheme = "http"
			}
			base := scheme + "://" + listen(t, tc.serve)
			ctx, cancel := context.WithTimeout(t.Context(), tc.timeout)
			defer cancel()

			_, err := post(ctx, t, client, base)
			requireError(t, err, tc.class, tc.code)
			require.Equal(t, tc.after, channels.AsError(err).RetryAfter)
			require.Equal(t, tc.code == "timeout", errors.Is(err, context.DeadlineExceeded))
		})
	}
}

func requireError(t *testing.T, err error, class channels.Class, code string) {
	t.Helper()
	var e *channels.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, class, e.Class, e.Error())
	require.Equal(t, code, e.Code)
	require.NotEmpty(t, e.Message)
	require.NotContains(t, e.Error(), canary)
}

func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

func TestNothingIsThere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	refused := "http://" + l.Addr().String()
	require.NoError(t, l.Close())

	for _, base := range []string{refused, "http://no..such..host"} {
		_, err := post(t.Context(), t, vendorhttp.NewClient(), base)
		requireError(t, err, channels.Transient, "connect_failed")
	}
}

func TestUnknownCertificate(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // about the client that hangs up
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()

	_, err := post(t.Context(), t, vendorhttp.NewClient(), server.URL)
	requireError(t, err, channels.Transient, "connect_failed")
}

func TestDoneContextSendsNothing(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	_, err := post(ctx, t, vendorhttp.NewClient(), server.URL)
	requireError(t, err, channels.Transient, "connect_failed")
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, requests.Load())
}

// The vendor's own answers pass unchanged, whatever their status and type.
func TestJSONPasses(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 400, 401, 403, 404, 500, 503} {
		client := vendorhttp.NewClient()
		t.Cleanup(client.CloseIdleConnections)
		base := "http://" + listen(t, answer(httpAnswer(status, "Content-Type: text/plain\r\n", `{"code":7}`)))
		body, err := post(t.Context(), t, client, base)
		require.NoError(t, err, "HTTP %d", status)
		require.JSONEq(t, `{"code":7}`, body)
	}
}

// A written request is not repeated when the connection breaks: the vendor may have
// accepted it.
func TestWrittenRequestIsNotRepeated(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if requests.Add(1) > 1 {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, "{}")
	}))
	defer server.Close()
	client := vendorhttp.NewClient()
	defer client.CloseIdleConnections()

	_, err := post(t.Context(), t, client, server.URL)
	require.NoError(t, err)
	_, err = post(t.Context(), t, client, server.URL)
	requireError(t, err, channels.Uncertain, "no_answer")
	require.EqualValues(t, 2, requests.Load())
}

func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable) // failures too
		_, _ = io.WriteString(w, "busy")
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	client := vendorhttp.NewClient()
	defer client.CloseIdleConnections()

	for range 20 {
		_, err := post(t.Context(), t, client, server.URL)
		requireError(t, err, channels.Transient, "http_503")
	}
	require.EqualValues(t, 1, connections.Load())
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "5": 5 * time.Second, " 5 ": 5 * time.Second, "-5": 0, "soon": 0, "nan": 0, "1.5": 1500 * time.Millisecond,
		"999999999": year, "99999999999999999999": year, "1e999": year, "-1e999": 0,
		"Mon, 02 Jan 2006 15:04:05 GMT": 0, "Fri, 31 Dec 9999 23:59:59 GMT": year,
	} {
		require.Equal(t, want, vendorhttp.RetryAfter(http.Header{"Retry-After": {value}}), "%q", value)
	}
	in := time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)
	require.InDelta(t, time.Minute, vendorhttp.RetryAfter(http.Header{"Retry-After": {in}}), float64(2*time.Second))
}
