package api_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rawRequests are what a client writes, with the statuses that are answered. After the last
// one the connection is closed where closes is set: the bytes that follow are no request.
var rawRequests = map[string][]struct {
	said   string
	status []int
	closes bool
}{
	"Host (RFC 9112, section 3.2)": {
		{"GET /livez HTTP/1.1\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.0\r\n\r\n", []int{200}, true},
		{"GET /livez HTTP/1.1\r\nHost:\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a, b\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a/b\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a@b\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a?b\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a\\b\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: <a>\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a\"b\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a%zz\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: b\u00fccher\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: http://a\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a:port\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a:1:2\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: :80\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: [::1\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: [a]\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a_b.example:8080\r\n\r\n", []int{200}, false},
		{"GET /livez HTTP/1.1\r\nHost: xn--bcher-kva.example.\r\n\r\n", []int{200}, false},
		{"GET /livez HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n", []int{200}, false},
		{"GET /livez HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", []int{200}, false},
	},
	"request line (RFC 9112, section 3)": {
		{"\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n", []int{200}, false},
		{" GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", []int{400}, true},
		{"GET  /livez HTTP/1.1\r\nHost: a\r\n\r\n", []int{400}, true},
		{"GET /livez  HTTP/1.1\r\nHost: a\r\n\r\n", []int{400}, true},
		{"GET\t/livez\tHTTP/1.1\r\nHost: a\r\n\r\n", []int{400}, true},
		{"GET /livez\r\n\r\n", []int{400}, true},
		{"GET /livez http/1.1\r\nHost: a\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1x\r\nHost: a\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/2.0\r\nHost: a\r\n\r\n", []int{505}, true},
		{"GET /livez HTTP/0.9\r\nHost: a\r\n\r\n", []int{505}, true},
		{"get /livez HTTP/1.1\r\nHost: a\r\n\r\n", []int{501}, true},
		{"BREW /livez HTTP/1.1\r\nHost: a\r\n\r\n", []int{501}, true},
		{"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", []int{501}, true},
		{"G(T /livez HTTP/1.1\r\nHost: a\r\n\r\n", []int{400}, true},
		{"TRACE /livez HTTP/1.1\r\nHost: a\r\n\r\n", []int{405}, false},
		{"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", []int{404}, false},
	},
	"target (RFC 9112, section 3.2; RFC 3986)": {
		{"GET http://a/livez HTTP/1.1\r\nHost: a\r\n\r\n", []int{200}, false},
		{"GET HTTPS://other:8080/livez?x HTTP/1.1\r\nHost: a\r\n\r\n", []int{200}, false},
		{"GET http://a/livez HTTP/1.1\r\n\r\n", []int{400}, true},
		{"GET http://a/livez HTTP/1.1\r\nHost: b c\r\n\r\n", []int{400}, true},
		{"GET http://user@a/livez HTTP/1.1\r\nHost: a\r\n\r\n", []int{400}, true},
		{"GET http:///livez HTTP/1.1\r\nHost: a\r\n\r\n", []int{400}, true},
		{"GET ftp://a/livez HTTP/1.1\r\nHost: a\r\n\r\n", []int{400}, true},
		{"GET livez HTTP/1.1\r\nHost: a\r\n\r\n", []int{400}, true},
		{"GET * HTTP/1.1\r\nHost: a\r\n\r\n", []int{400}, true},
		{"GET /livez#x HTTP/1.1\r\nHost: a\r\n\r\n", []int{400}, true},
		{"GET /%6Ci%76ez HTTP/1.1\r\nHost: a\r\n\r\n", []int{200}, false},
		{"GET /livez?%6C HTTP/1.1\r\nHost: a\r\n\r\n", []int{200}, false},
		{"GET /livez%2F HTTP/1.1\r\nHost: a\r\n\r\n", []int{404}, false},
		{"GET /livez%3Fx HTTP/1.1\r\nHost: a\r\n\r\n", []int{404}, false},
		{"GET /liv%65%7a%00 HTTP/1.1\r\nHost: a\r\n\r\n", []int{400}, true},
		{"GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", []int{400}, true},
		{"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", []int{400}, true},
		{"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", []int{400}, true},
		{"GET /% HTTP/1.1\r\nHost: a\r\n\r\n", []int{400}, true},
		{"GET //livez HTTP/1.1\r\nHost: a\r\n\r\n", []int{404}, false},
		{"GET /x/../livez HTTP/1.1\r\nHost: a\r\n\r\n", []int{404}, false},
		{"GET /%61pi/v1/templates HTTP/1.1\r\nHost: a\r\n\r\n", []int{401}, false},
		{"GET /x/%2e%2e/api/v1/templates HTTP/1.1\r\nHost: a\r\n\r\n", []int{404}, false},
	},
	"headers (RFC 9112, section 5)": {
		{"GET /livez HTTP/1.1\r\nHost : a\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\n Host: a\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a\r\nX:\r\n\tb\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a\r\nX b\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a\r\nX(: b\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", []int{400}, true},
		{"GET /livez HTTP/1.1\nHost: a\n\n", []int{400}, true},
		{"GET /livez HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", []int{400}, true},
	},
	"body (RFC 9112, sections 6 and 7)": {
		{sent("Content-Length: 2\r\n\r\n{}"), []int{400}, false},
		{sent("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") + smuggled, []int{400}, true},
		{sent("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n") + smuggled, []int{400}, true},
		{sent("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n") + smuggled, []int{400}, true},
		{sent("Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}") + smuggled, []int{400}, true},
		{sent("Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}") + smuggled, []int{400}, true},
		{sent("Content-Length: 2, 2\r\n\r\n{}") + smuggled, []int{400}, true},
		{sent("Content-Length: +2\r\n\r\n{}") + smuggled, []int{400}, true},
		{sent("Content-Length: -2\r\n\r\n{}") + smuggled, []int{400}, true},
		{sent("Content-Length: 0x2\r\n\r\n{}") + smuggled, []int{400}, true},
		{sent("Content-Length:\r\n\r\n{}") + smuggled, []int{400}, true},
		{sent("Content-Length: 99999999999999999999\r\n\r\n{}") + smuggled, []int{400}, true},
		{sent("Content-Length : 2\r\n\r\n{}") + smuggled, []int{400}, true},
		{sent("Content-Length: 1\r\n 0\r\n\r\n{}") + smuggled, []int{400}, true},
		{sent("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n") + smuggled, []int{400}, true},
		{sent("Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n") + smuggled, []int{400}, true},
		{sent("Transfer-Encoding: gzip\r\n\r\n") + smuggled, []int{400}, true},
		{sent("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n") + smuggled, []int{400}, true},
		{sent("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n") + smuggled, []int{400}, true},
		{sent("Transfer-Encoding: identity\r\n\r\n") + smuggled, []int{400}, true},
		{sent("Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}") + smuggled, []int{400}, true},
		{sent("Transfer-Encoding:\r\n\r\n0\r\n\r\n") + smuggled, []int{400}, true},
		{sent("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n") + smuggled, []int{400}, true},
		{sent("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") + smuggled, []int{400}, true},
		{sent("Transfer-Encoding: Chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n") + "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", []int{400, 200}, false},
		{sent("Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nX: y\r\n\r\n"), []int{400}, false},
		{sent("Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n") + smuggled, []int{400}, true},
		{sent("Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n") + smuggled, []int{400}, true},
		{sent("Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n") + smuggled, []int{400}, true},
		{sent("Transfer-Encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n") + smuggled, []int{400}, true},
		{sent("Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n") + smuggled, []int{400}, true},
		{sent("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n") + smuggled, []int{400}, true},
		{"POST /api/v1/notifications HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, []int{400}, true},
		{"POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, []int{405}, true},
		{"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /readyz HTTP/1.1\r\nHost: a\r\n\r\n", []int{200, 200}, false},
		{"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n" + smuggled, []int{200}, true},
		{"POST /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /readyz HTTP/1.1\r\nHost: a\r\n\r\n", []int{405, 200}, false},
	},
	"what a browser sends for a page of another site": {
		{alertsOf("console", "Content-Length: 2\r\n\r\n{}"), []int{415}, false},
		{alertsOf("console", "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}"), []int{415}, false},
		{alertsOf("console", "Content-Type: application/json\r\nOrigin: http://evil\r\nContent-Length: 2\r\n\r\n{}"), []int{403}, false},
		{alertsOf("console", "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"), []int{400}, false},
		{strings.Replace(alertsOf("console", "Content-Length: 2\r\n\r\n{}"), "/api", "http://a/api", 1), []int{415}, false},
		{strings.Replace(alertsOf("console", "Content-Length: 2\r\n\r\n{}"), "integrations", "%69ntegrations", 1), []int{415}, false},
		{strings.Replace(alertsOf("console", "Content-Length: 2\r\n\r\n{}"), "integrations/", "integrations%2F", 1), []int{401}, false},
		{alertsOf("console", "Content-Type: application/json\r\nContent-Length: 20002\r\n\r\n{}"+strings.Repeat(" ", 20_000)), []int{400}, false},
	},
	"Expect (RFC 9110, section 10.1.1)": {
		{sent("Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"), []int{100, 400}, false},
		{sent("Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"), []int{100, 400}, false},
		{sent("Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n"), []int{413}, true},
		{"POST /api/v1/notifications HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", []int{401}, true},
		{"POST /api/v1/notifications HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 20000\r\n\r\n", []int{401}, true},
		{"POST /api/v1/notifications HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n", []int{401}, true},
	},
	"HEAD (RFC 9110, section 9.3.2)": {
		{"HEAD /livez HTTP/1.1\r\nHost: a\r\n\r\n", []int{200}, false},
		{"HEAD /readyz HTTP/1.1\r\nHost: a\r\n\r\n", []int{200}, false},
		{"HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n", []int{200}, false},
		{"HEAD /openapi.yaml HTTP/1.1\r\nHost: a\r\n\r\n", []int{200}, false},
		{"HEAD /nothing HTTP/1.1\r\nHost: a\r\n\r\n", []int{404}, false},
		{"HEAD /livez HTTP/1.1\r\nHost: a b\r\n\r\n", []int{400}, true},
		{"HEAD /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n" + smuggled, []int{200}, true},
		{"HEAD /api/v1/templates HTTP/1.1\r\nHost: a\r\n" + credentials + "\r\n", []int{200}, false},
		{"HEAD /api/v1/templates HTTP/1.1\r\nHost: a\r\n\r\n", []int{401}, false},
		{"HEAD /api/v1/notifications HTTP/1.1\r\nHost: a\r\n" + credentials + "\r\n", []int{200}, false},
	},
}

const (
	credentials = "X-App-Id: console\r\nX-App-Secret: console-secret\r\n"
	// smuggled must never be taken as a request.
	smuggled = "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n"
)

// sent returns a request with right credentials, and the rest of its headers and its body.
func sent(rest string) string {
	return "POST /api/v1/notifications HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + credentials + rest
}

// alertsOf returns a webhook's request with basic credentials.
func alertsOf(app, rest string) string {
	return "POST /api/v1/integrations/alertmanager HTTP/1.1\r\nHost: a\r\nAuthorization: " +
		basic(app, app+"-secret").Get("Authorization") + "\r\n" + rest
}

func TestRawRequests(t *testing.T) {
	t.Parallel()
	b := start(t)
	for group, requests := range rawRequests {
		for _, c := range requests {
			t.Run(fmt.Sprintf("%s/%q", group, c.said), func(t *testing.T) {
				t.Parallel()
				// A request that must work follows, unless the connection is closed.
				const last = "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
				conn := b.dial(t, c.said+last)
				defer func() { _ = conn.Close() }()
				statuses := readAll(t, conn, c.said)
				want := c.status
				if !c.closes {
					want = append(want, 200)
				}
				require.Equal(t, want, statuses)
			})
		}
	}
}

// readAll returns the statuses of all answers, until the server closes the connection. It
// checks that errors are problems.
func readAll(t *testing.T, conn io.Reader, said string) (statuses []int) {
	t.Helper()
	all, err := io.ReadAll(conn)
	require.NoError(t, err, "the connection is closed in order")
	request := &http.Request{Method: http.MethodGet}
	if strings.HasPrefix(said, http.MethodHead) {
		request.Method = http.MethodHead
	}
	reader := bufio.NewReader(bytes.NewReader(all))
	for {
		resp, err := http.ReadResponse(reader, request)
		if err != nil {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%q", all)
			require.Zero(t, reader.Buffered(), "%q", all)
			return statuses
		}
		if resp.StatusCode == http.StatusContinue {
			statuses = append(statuses, resp.StatusCode)
			continue
		}
		a := read(t, resp)
		if a.status >= 400 && request.Method == http.MethodGet {
			a.problem(t)
		}
		request.Method = http.MethodGet
		statuses = append(statuses, a.status)
	}
}

// Ids and names may be percent-encoded (RFC 3986, section 2.3).
func TestPathParametersArePercentDecoded(t *testing.T) {
	t.Parallel()
	b := start(t)
	n := b.notificationOf("console", 1)
	require.Equal(t, 201, b.call(t, request{method: "POST", path: "/api/v1/templates", app: "console", body: goodTemplate}).status)
	const name = "feishu-incident"
	encoded := func(text string) string {
		var all strings.Builder
		for _, octet := range []byte(text) {
			fmt.Fprintf(&all, "%%%02x", octet)
		}
		return all.String()
	}
	id := n.ID.String()
	for path, status := range map[string]int{
		"/notifications/" + encoded(id):                        200,
		"/notifications/" + strings.ReplaceAll(id, "-", "%2D"): 200,
		"/notifications/" + encoded(id) + "/deliveries":        200,
		"/%6eotifications/" + id:                               200,
		"/templates/" + encoded(name):                          200,
		"/templates/" + encoded(name) + "/versions":            200,
		"/templates/" + encoded(name+"/versions"):              404,
		"/templates/" + encoded("../templates"):                404,
		"/templates/a+b":                                       404,
		"/templates/%E4%BE%8B":                                 404,
	} {
		a := b.callUndescribed(t, request{method: "GET", path: "/api/v1" + path, app: "console"})
		require.Equal(t, status, a.status, "%s: %s", path, a.text)
	}
}

// Every route that can be read can be asked for with HEAD, and says so.
func TestHeadIsAnsweredWhereverGetIs(t *testing.T) {
	t.Parallel()
	b := start(t)
	methods := map[string][]string{}
	for _, route := range b.routes {
		methods[route[1]] = append(methods[route[1]], route[0])
	}
	for path, known := range methods {
		if strings.Contains(strings.Join(known, " "), "GET") {
			require.Contains(t, known, "HEAD", path)
		}
	}
	a := b.callUndescribed(t, request{method: "DELETE", path: "/livez"})
	require.Equal(t, 405, a.status)
	require.Equal(t, "GET, HEAD", a.header.Get("Allow"))
}
