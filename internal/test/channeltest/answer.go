package channeltest

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
)

// page is the answer of a gateway.
const page = "<html><body>Bad Gateway</body></html>"

// head starts an answer whose body is not complete.
const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"

// maxRead is far more than a channel reads of an answer and the network buffers, in
// bytes.
const maxRead = 64 << 20

// answers replace the vendor's answer to a request that carries a message.
var answers = []struct {
	name  string
	write func(net.Conn)
	class channels.Class
	hurry bool          // the answer never ends
	after time.Duration // the time that the vendor asks to wait
}{
	{name: "200 without a body", write: answer(200, "", ""), class: channels.Uncertain},
	{name: "200 page", write: answer(200, "", page), class: channels.Uncertain},
	{name: "200 cut JSON", write: answer(200, "Content-Type: application/json\r\n", `{"`), class: channels.Uncertain},
	{name: "200 JSON of another", write: answer(200, "Content-Type: application/json\r\n", `{"hello":"world"}`), class: channels.Uncertain},
	{name: "400 page", write: answer(400, "", page), class: channels.Misconfigured},
	{name: "401 page", write: answer(401, "", page), class: channels.Misconfigured},
	{name: "403 page", write: answer(403, "", page), class: channels.Misconfigured},
	{name: "404 page", write: answer(404, "", page), class: channels.Misconfigured},
	{name: "408 page", write: answer(408, "", page), class: channels.Transient},
	{name: "413 page", write: answer(413, "", page), class: channels.Misconfigured},
	{name: "429 page", write: answer(429, "", page), class: channels.Throttled},
	{name: "429 with a wait", write: answer(429, "Retry-After: 7\r\n", page), class: channels.Throttled, after: 7 * time.Second},
	{name: "500 page", write: answer(500, "", page), class: channels.Transient},
	{name: "502 page", write: answer(502, "", page), class: channels.Transient},
	{name: "503 page", write: answer(503, "", page), class: channels.Transient},
	{name: "503 JSON of a gateway", write: answer(503, "Content-Type: application/json\r\n", `{"message":"no upstream"}`), class: channels.Transient},
	{name: "504 page", write: answer(504, "", page), class: channels.Uncertain},

	{name: "closed after the request", write: func(net.Conn) {}, class: channels.Uncertain},
	{name: "reset after the request", write: reset, class: channels.Uncertain},
	{name: "not HTTP", write: text("SSH-2.0-OpenSSH_9.2\r\n"), class: channels.Uncertain},
	{name: "body is cut", write: text(head + "{"), class: channels.Uncertain},
	{name: "no answer", write: wait, class: channels.Uncertain, hurry: true},
	{name: "header stalls", write: stall("HTTP/1.1 200 OK\r\nContent-Ty"), class: channels.Uncertain, hurry: true},
	{name: "body stalls", write: stall(head + "{"), class: channels.Uncertain, hurry: true},
}

// testAnswers checks the class of each answer, and that each send makes one request:
// only the queue repeats a failed one.
func (c Channel) testAnswers(t *testing.T) {
	for name := range c.Classes {
		require.True(t, known(name), "Classes has %q, which is no answer of the suite", name)
	}
	for _, tc := range answers {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			class, timeout := tc.class, patience
			if other, ok := c.Classes[tc.name]; ok {
				class = other
			}
			if tc.hurry {
				timeout = hurry
			}
			// The first message arrives, so that the second has a connection and a token
			// and all its time is the answer's.
			v := c.start(t, nil, tc.write)
			require.NoError(t, c.send(t.Context(), t, v.sender, patience))
			err := c.send(t.Context(), t, v.sender, timeout)
			requireClass(t, err, class)
			require.Equal(t, tc.after, channels.AsError(err).RetryAfter)
			require.Len(t, v.seen(), 2, "requests that carry a message")
		})
	}

	for _, status := range []int{302, 307} {
		t.Run(fmt.Sprintf("%d is not followed", status), func(t *testing.T) {
			t.Parallel()
			elsewhere, followed := serve(t, wait)
			location := fmt.Sprintf("Location: http://%s/%s\r\n", elsewhere, c.Private[0])
			v := c.start(t, answer(status, location, ""))
			requireClass(t, c.send(t.Context(), t, v.sender, patience), channels.Misconfigured)
			require.Zero(t, followed.Load(), "the message was sent elsewhere")
		})
	}

	t.Run("endless body", func(t *testing.T) {
		t.Parallel()
		written := make(chan int64, 1)
		v := c.start(t, func(conn net.Conn) {
			text("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n\"")(conn)
			n, _ := io.Copy(conn, io.LimitReader(endless{}, maxRead))
			written <- n
		})
		requireClass(t, c.send(t.Context(), t, v.sender, patience), channels.Uncertain)
		require.Less(t, <-written, int64(maxRead), "the whole answer was read")
	})
}

func known(name string) bool {
	for _, a := range answers {
		if a.name == name {
			return true
		}
	}
	return false
}

// endless is an endless text.
type endless struct{}

// Read implements io.Reader.
func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

// answer writes a whole answer.
func answer(status int, header, body string) func(net.Conn) {
	return text(fmt.Sprintf("HTTP/1.1 %d X\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, header, len(body), body))
}

// text writes a text.
func text(s string) func(net.Conn) {
	return func(conn net.Conn) { _, _ = io.Copy(conn, strings.NewReader(s)) }
}

// stall writes a text and waits until the client closes the connection.
func stall(s string) func(net.Conn) {
	return func(conn net.Conn) {
		text(s)(conn)
		wait(conn)
	}
}
