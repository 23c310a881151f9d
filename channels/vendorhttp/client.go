// Package vendorhttp is the HTTP client for the vendors' APIs and SDKs.
//
// When a call fails, SDKs lose whether the request was sent, which status came back
// and how long to wait. The client therefore turns every answer that is not the
// vendor's own into a *channels.Error, which errors.As finds in an SDK's error. JSON
// answers pass whatever their status: the vendor's code is inside, and the channel
// decides what it means.
package vendorhttp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/labring/sealos-notify/channels"
)

// Codes of the client's errors.
const (
	CodeConnectFailed      = "connect_failed"      // no byte of the request was written
	CodeTimeout            = "timeout"             // the context's deadline passed
	CodeNoAnswer           = "no_answer"           // the request was sent and the connection broke
	CodeUnexpectedAnswer   = "unexpected_answer"   // a 2xx answer that is not JSON or is too large
	CodeUnexpectedRedirect = "unexpected_redirect" // never followed, because it would send the message elsewhere
)

// Bounds of one answer. Together they bound the memory of a call.
const (
	// maxHeader bounds the header of an answer, interim answers (1xx) included, in
	// bytes. The vendors' have less than 4 KiB.
	maxHeader = 64 << 10
	// maxAnswer bounds the body, in bytes. Feishu and Kubernetes repeat the message in
	// it, escaped.
	maxAnswer = 1 << 20
	// maxValues bounds the JSON values in a body. Decoded, a small value takes up to 50
	// times as much memory as its text.
	maxValues = 10_000
)

// NewClient returns a client for one provider. The context bounds each call. The
// client has no timeout of its own, because net/http's would hide the typed error.
func NewClient() *http.Client { return newClient(NewDialer(), http.ProxyFromEnvironment, false) }

// NewDirectClient returns a client that connects with the dialer and never through
// a proxy. A proxy would connect to addresses that the dialer refuses.
func NewDirectClient(dialer *net.Dialer) *http.Client { return newClient(dialer, nil, false) }

// NewPlainClient returns a direct client for a receiver whose status is its answer. What is not
// JSON, or has too many values, comes without a body instead of a *channels.Error.
func NewPlainClient(dialer *net.Dialer) *http.Client { return newClient(dialer, nil, true) }

// NewDialer returns a dialer with the clients' timeouts.
func NewDialer() *net.Dialer {
	return &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
}

func newClient(dialer *net.Dialer, proxy func(*http.Request) (*url.URL, error), plain bool) *http.Client {
	// HTTP/1.1 only. HTTP/2 shares a connection among requests and repeats some of
	// them, so it would be unknown whether a request was sent.
	var http1 http.Protocols
	http1.SetHTTP1(true)
	return &http.Client{Transport: &transport{plain: plain, base: &http.Transport{
		Proxy:               proxy,
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		Protocols:           &http1,
		// The answers are small, and a small compressed one can be large.
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		// Enough for the workers of a busy queue, so that none waits for a handshake.
		MaxIdleConns:        512,
		MaxIdleConnsPerHost: 256,
		// Shorter than the vendors' own, so that reused connections seldom break.
		IdleConnTimeout: 30 * time.Second,
	}}}
}

// Wrap returns a transport that classes the failures of base, for an SDK that makes
// its own connections. It bounds the header of the *http.Transport in base. The SDK
// has to disable HTTP/2 and compression.
func Wrap(base http.RoundTripper) http.RoundTripper {
	// client-go hides its transport in wrappers that have this method.
	type wrapper interface{ WrappedRoundTripper() http.RoundTripper }
	inner := base
	for w, ok := inner.(wrapper); ok; w, ok = inner.(wrapper) {
		inner = w.WrappedRoundTripper()
	}
	// client-go may share a transport that is in use, so an equal value is not written.
	if t, ok := inner.(*http.Transport); ok && t.MaxResponseHeaderBytes != maxHeader {
		t.MaxResponseHeaderBytes = maxHeader
	}
	return &transport{base: base}
}

// transport turns the failures of base into typed errors.
type transport struct {
	base  http.RoundTripper
	plain bool // what is not JSON comes without a body
}

// RoundTrip implements http.RoundTripper. Its errors are all *channels.Error.
//
// A request counts as written once it has a connection, which is microseconds too
// early and never too late. net/http repeats a POST only when a reused connection
// took no byte of it. The repetition asks for a connection again, which resets the
// mark.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	var written atomic.Bool
	ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GetConn: func(string) { written.Store(false) },
		GotConn: func(httptrace.GotConnInfo) { written.Store(true) },
	})
	resp, err := t.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, transportError(err, written.Load())
	}
	defer func(b io.Closer) { _ = b.Close() }(resp.Body) // the error of ReadAll decides
	if resp.StatusCode == http.StatusSwitchingProtocols {
		// Its body is the bare connection, whose reads do not end with the context.
		return nil, StatusError(resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))

	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		return nil, &channels.Error{
			Class: channels.Throttled, Code: "http_429", Message: "the vendor asks to wait",
			RetryAfter: RetryAfter(resp.Header),
		}
	case resp.StatusCode/100 == 3:
		return nil, &channels.Error{
			Class: channels.Misconfigured, Code: CodeUnexpectedRedirect,
			Message: fmt.Sprintf("the vendor's address answers with a redirect (HTTP %d)", resp.StatusCode),
		}
	case err != nil:
		return nil, transportError(err, true)
	// A 504 is a gateway's even when it is JSON.
	case resp.StatusCode == http.StatusGatewayTimeout:
		return nil, StatusError(resp.StatusCode)
	case t.plain && len(body) <= maxAnswer:
		if !json.Valid(body) || values(body) > maxValues {
			body = nil
		}
	case len(body) > maxAnswer || !json.Valid(body) || values(body) > maxValues:
		return nil, StatusError(resp.StatusCode)
	}
	// SDKs refuse JSON without its content type.
	resp.Header.Set("Content-Type", "application/json; charset=utf-8")
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	return resp, nil
}

// values returns about how many values valid JSON holds.
func values(body []byte) int {
	n, inString := 1, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '\\':
			i++ // the next byte is escaped
		case c == '"':
			inString = !inString
		case !inString && (c == ',' || c == '[' || c == '{'):
			n++
		}
	}
	return n
}

// transportError returns the error of a request that could not be sent or an answer
// that could not be read.
func transportError(err error, written bool) *channels.Error {
	e := &channels.Error{Class: channels.Uncertain, Code: CodeNoAnswer, Message: "the connection broke before the answer", Cause: err}
	deadline := errors.Is(err, context.DeadlineExceeded)
	switch {
	case written && deadline:
		e.Code, e.Message = CodeTimeout, "no answer within the time allowed"
	case deadline:
		e.Class, e.Code, e.Message = channels.Transient, CodeTimeout, "no connection within the time allowed"
	case !written:
		e.Class, e.Code, e.Message = channels.Transient, CodeConnectFailed, "cannot connect to the vendor"
	}
	return e
}

// UnexpectedAnswer returns the error of JSON that is neither a success nor a refusal.
func UnexpectedAnswer() *channels.Error {
	return &channels.Error{
		Class: channels.Uncertain, Code: CodeUnexpectedAnswer,
		Message: "the vendor's answer is not understood",
	}
}

// StatusError returns the error of an answer without a vendor's code, classed by its
// HTTP status.
func StatusError(status int) *channels.Error {
	e := &channels.Error{
		Class: channels.Misconfigured, Code: "http_" + strconv.Itoa(status),
		Message: "HTTP " + strconv.Itoa(status) + " from something that is not the vendor's API",
	}
	switch {
	case status == http.StatusGatewayTimeout:
		e.Class, e.Message = channels.Uncertain, "a gateway waited for the vendor in vain"
	case status == http.StatusRequestTimeout || status >= 500:
		e.Class, e.Message = channels.Transient, "the vendor is not available"
	case status < 300:
		e.Class, e.Code = channels.Uncertain, CodeUnexpectedAnswer
	}
	return e
}

// longest is the longest wait that RetryAfter returns. The queue waits less.
const longest = 365 * 24 * time.Hour

// RetryAfter returns how long the vendor asks to wait, at most a year; 0 when the
// header names no time, or one that has passed.
func RetryAfter(h http.Header) time.Duration {
	for _, name := range []string{"X-Ogw-Ratelimit-Reset", "Retry-After"} {
		value := strings.TrimSpace(h.Get(name))
		seconds, err := strconv.ParseFloat(value, 64)
		if err == nil || errors.Is(err, strconv.ErrRange) { // beyond the range it is infinite
			if !(seconds > 0) { // or no number at all
				return 0
			}
			return time.Duration(min(seconds, longest.Seconds()) * float64(time.Second))
		}
		if at, err := http.ParseTime(value); err == nil {
			return max(0, min(time.Until(at), longest))
		}
	}
	return 0
}
