package hostile

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/labring/sealos-notify/channels"
)

// Misbehaviour is what a vendor does instead of an answer.
type Misbehaviour struct {
	Name  string
	Speak func(net.Conn)
	Class channels.Class // of a vendor that speaks HTTP
	Hangs bool           // only the call's time ends it
}

const (
	ok     = "HTTP/1.1 200 OK\r\n"
	jsonOK = ok + "Content-Type: application/json\r\n"
)

// Misbehaviours are those of vendors that take a request.
var Misbehaviours = []Misbehaviour{
	{"101 and silence", then("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", wait), channels.Uncertain, false},
	{"101 and an endless body", then("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", flood("x")), channels.Uncertain, false},
	{"101 without a protocol", then("HTTP/1.1 101 X\r\n\r\n", wait), channels.Uncertain, false},
	{"100 for ever", flood("HTTP/1.1 100 Continue\r\n\r\n"), channels.Uncertain, false},
	{"103 for ever", flood("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), channels.Uncertain, false},
	{"103 now and then", drip("HTTP/1.1 103 Early Hints\r\n\r\n"), channels.Uncertain, true},

	{"status line without end", then("HTTP/1.1 200 ", flood("x")), channels.Uncertain, false},
	{"endless header", then(ok, flood("X-A: b\r\n")), channels.Uncertain, false},
	{"header line without end", then(ok+"X-A: ", flood("x")), channels.Uncertain, false},
	{"header of 1 MiB", text(ok + strings.Repeat("X-A: b\r\n", 1<<17) + "Content-Length: 2\r\n\r\n{}"), channels.Uncertain, false},
	{"header drips", then(ok, drip("X-A: b\r\n")), channels.Uncertain, true},
	{"header stalls", then(ok+"Content-Le", wait), channels.Uncertain, true},

	{"body without end", then(jsonOK+"\r\n\"", flood("x")), channels.Uncertain, false},
	{"body of a terabyte", then(jsonOK+"Content-Length: 1099511627776\r\n\r\n\"", flood("x")), channels.Uncertain, false},
	{"body drips", then(jsonOK+"\r\n\"", drip("x")), channels.Uncertain, true},
	{"body stalls", then(jsonOK+"Content-Length: 100\r\n\r\n{", wait), channels.Uncertain, true},
	{"chunks without end", then(jsonOK+"Transfer-Encoding: chunked\r\n\r\n", flood("1\r\nx\r\n")), channels.Uncertain, false},
	{"chunk size without end", then(jsonOK+"Transfer-Encoding: chunked\r\n\r\n", flood("0")), channels.Uncertain, false},
	{"chunk extension without end", then(jsonOK+"Transfer-Encoding: chunked\r\n\r\n1;", flood("x")), channels.Uncertain, false},
	{"trailer without end", then(jsonOK+"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", flood("X-A: b\r\n")), channels.Uncertain, false},
	{"spaces without end", then(jsonOK+"\r\n{}", flood(" ")), channels.Uncertain, false},

	{"gzip bomb", text(jsonOK + "Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + zipped(64<<20)), channels.Uncertain, false},
	{"gzip of nothing for ever", then(jsonOK+"Content-Encoding: gzip\r\n\r\n", flood(zipped(0))), channels.Uncertain, false},
	{"a million lists", text(body(200, "["+strings.Repeat("[],", 340_000)+"[]]")), channels.Uncertain, false},
	{"a million objects of the vendors'", text(body(200, members(100_000))), channels.Uncertain, false},
	{"deep lists", text(body(200, strings.Repeat("[", 500_000)+strings.Repeat("]", 500_000))), channels.Uncertain, false},

	{"302 to itself", text("HTTP/1.1 302 X\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), channels.Misconfigured, false},
	{"307 to itself with an endless body", then("HTTP/1.1 307 X\r\nLocation: /\r\n\r\n", flood("x")), channels.Misconfigured, false},
	{"429 for a thousand years", text("HTTP/1.1 429 X\r\nRetry-After: 31536000000\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), channels.Throttled, false},
	{"HTTP/2", text("\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"), channels.Uncertain, true},
	{"HTTP/0.9", then("{}", flood(" ")), channels.Uncertain, false},
	{"two answers", text(body(503, "busy") + body(200, "{}")), channels.Transient, false},
	{"silence", wait, channels.Uncertain, true},

	// As a mail server.
	{"reply of lines without end", flood("220-x\r\n"), channels.Uncertain, false},
	{"reply of short lines without end", flood("220-\r\n"), channels.Uncertain, false},
	{"reply line without end", then("220 ", flood("x")), channels.Uncertain, false},
	{"reply drips", drip("220-x\r\n"), channels.Uncertain, true},
	{"reply line drips", then("220 ", drip("x")), channels.Uncertain, true},
	{"zeroes without end", flood("\x00"), channels.Uncertain, false},
	{"line breaks without end", flood("\r\n"), channels.Uncertain, true},
}

// silent vendors do not get as far as a request.
var silent = []Misbehaviour{
	{Name: "accepts and says nothing", Speak: wait, Hangs: true},
	{Name: "accepts and does not read", Speak: func(net.Conn) { time.Sleep(time.Second) }, Hangs: true},
}

func text(s string) func(net.Conn) {
	return func(conn net.Conn) { _, _ = io.WriteString(conn, s) }
}

func then(s string, next func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		text(s)(conn)
		next(conn)
	}
}

// wait returns when the client closes the connection.
func wait(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// flood repeats a text until the client closes the connection.
func flood(s string) func(net.Conn) {
	block := []byte(strings.Repeat(s, 1+(32<<10)/len(s)))
	return func(conn net.Conn) {
		for {
			if _, err := conn.Write(block); err != nil {
				return
			}
		}
	}
}

// drip repeats a text, one byte after the other, until the client closes the connection.
func drip(s string) func(net.Conn) {
	return func(conn net.Conn) {
		for i := 0; ; i++ {
			if _, err := conn.Write([]byte{s[i%len(s)]}); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// body returns a whole answer.
func body(status int, content string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, len(content), content)
}

// members returns an answer with n small objects where the vendors have lists.
func members(n int) string {
	list := "[" + strings.TrimSuffix(strings.Repeat("{},", n), ",") + "]"
	return `{"Result":{"FailList":` + list + `},"code":0,"data":{"mentions":` + list + `},"metadata":{"managedFields":` + list + `},"Code":[]}`
}

// zipped returns so many zero bytes in gzip.
func zipped(n int64) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.CopyN(w, zeroes{}, n)
	_ = w.Close()
	return b.String()
}

type zeroes struct{}

func (zeroes) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
