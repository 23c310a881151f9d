package hostile

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// vendor is a vendor that misbehaves until it is healed.
type vendor struct {
	address string
	healed  atomic.Bool
}

// serve hands every connection to the function until the test ends.
func serve(t *testing.T, handle func(net.Conn)) (address string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx := t.Context()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go hold(ctx, conn, handle)
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// hold handles a connection and closes it, at the latest when ctx ends.
func hold(ctx context.Context, conn net.Conn, handle func(net.Conn)) {
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }()
	handle(conn)
}

// front returns a vendor that takes the requests of well and misbehaves instead of
// answering them. Requests for a token are answered.
func front(t *testing.T, well http.Handler, speak func(net.Conn)) *vendor {
	t.Helper()
	v := new(vendor)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	v.address = l.Addr().String()
	ctx := t.Context()
	server := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v.healed.Load() || strings.Contains(r.URL.Path, "token") {
			well.ServeHTTP(w, r)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err) // the server speaks HTTP/1.1 only
		}
		hold(ctx, conn, speak)
	})}
	go func() { _ = server.Serve(l) }() // until Close
	t.Cleanup(func() { _ = server.Close() })
	return v
}

// mailReplies are the replies of a mail server by verb, in the order of a mail.
var mailReplies = []struct{ verb, reply string }{
	{"greeting", "220 hostile ESMTP\r\n"},
	{"EHLO", "250-hostile\r\n250 AUTH PLAIN LOGIN\r\n"},
	{"AUTH", "235 welcome\r\n"},
	{"MAIL", "250 ok\r\n"},
	{"RCPT", "250 ok\r\n"},
	{"DATA", "354 go on\r\n"},
	{"dot", "250 taken\r\n"},
}

// mailServer returns a mail server that misbehaves instead of its reply at the stage.
func mailServer(t *testing.T, stage string, speak func(net.Conn)) *vendor {
	t.Helper()
	v := new(vendor)
	v.address = serve(t, func(conn net.Conn) {
		lines := bufio.NewScanner(conn)
		verb, inMail := "greeting", false
		for {
			if verb == stage && !v.healed.Load() {
				speak(conn)
				return
			}
			reply := "250 ok\r\n"
			for _, r := range mailReplies {
				if r.verb == verb {
					reply = r.reply
				}
			}
			if !inMail || verb == "DATA" {
				text(reply)(conn)
			}
			if !lines.Scan() {
				return
			}
			verb = strings.ToUpper(strings.SplitN(lines.Text(), " ", 2)[0])
			if inMail && verb == "." {
				verb, inMail = "dot", false
			} else if inMail {
				verb = ""
			} else {
				inMail = verb == "DATA"
			}
		}
	})
	return v
}
