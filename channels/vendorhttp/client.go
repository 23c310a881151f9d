// Package vendorhttp is the HTTP client that the vendors' SDKs send through.
//
// SDKs lose what matters when a call fails: whether the request had left, which
// status came back, how long to wait. The client therefore turns every answer
// that is not the vendor's own into a *channels.Error, which comes out of an SDK
// with errors.As. Answers in JSON pass, whatever their status, because the
// vendor's code is inside; the channel decides what it means.
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
	"sync/atomic"
	"time"

	"github.com/labring/sealos-notify/channels"
)

// Codes of the failures the client finds.
const (
	CodeConnectFailed      = "connect_failed"      // not a byte of the request was written
	CodeTimeout            = "timeout"             // the caller's deadline passed
	CodeNoAnswer           = "no_answer"           // the request left and the connection broke
	CodeUnexpectedAnswer   = "unexpected_answer"   // a success that is not the vendor's: not JSON, or too large
	CodeUnexpectedRedirect = "unexpected_redirect" // never followed: it would carry the message elsewhere
)

// maxAnswer bounds the answer that is read, in bytes.
const maxAnswer = 1 << 20

// NewClient returns a client for one provider. The caller's context bounds each
// call. It has no timeout of its own, because net/http's hides the typed error.
func NewClient() *http.Client { return newClient(NewDialer(), http.ProxyFromEnvironment) }

// NewDirectClient returns a client that connects with the dialer and never
// through a proxy, which would connect to what the dialer refuses.
func NewDirectClient(dialer *net.Dialer) *http.Client { return newClient(dialer, nil) }

// NewDialer returns a dialer with the timeouts of the clients.
func NewDialer() *net.Dialer {
	return &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
}

func newClient(dialer *net.Dialer, proxy func(*http.Request) (*url.URL, error)) *http.Client {
	// HTTP/1.1 only: HTTP/2 shares one connection among requests and repeats some
	// of them by itself, which blurs whether a request had left.
	var http1 http.Protocols
	http1.SetHTTP1(true)
	return &http.Client{Transport: &transport{base: &http.Transport{
		Proxy:               proxy,
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		Protocols:           &http1,
		// As many as a busy queue has workers, so that none waits for a handshake.
		MaxIdleConns:        512,
		MaxIdleConnsPerHost: 256,
		// Shorter than the vendors' own, so that a connection seldom dies in our hands.
		IdleConnTimeout: 30 * time.Second,
	}}}
}

// Wrap classes the failures of base, for an SDK that makes its own connections.
func Wrap(base http.RoundTripper) http.RoundTripper { return &transport{base: base} }

// transport classes the failures of its base.
type transport struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper. Its errors are all *channels.Error.
//
// A request counts as written from the moment it has a connection: that is a
// few microseconds too early and never too late. net/http repeats a POST by
// itself only on a reused connection that took no byte of it; the repetition
// looks for a connection again, which starts the count anew.
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
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	_ = resp.Body.Close() // what was read decides

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
	// A gateway's answer even when it is JSON; SDKs throw its body away.
	case resp.StatusCode == http.StatusGatewayTimeout:
		return nil, StatusError(resp.StatusCode)
	case len(body) > maxAnswer || !json.Valid(body):
		return nil, StatusError(resp.StatusCode)
	}
	// SDKs refuse JSON that does not call itself so.
	resp.Header.Set("Content-Type", "application/json; charset=utf-8")
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	return resp, nil
}

// transportError classes a failure to send the request or to read its answer.
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

// UnexpectedAnswer returns the error of JSON that says neither yes nor no.
func UnexpectedAnswer() *channels.Error {
	return &channels.Error{
		Class: channels.Uncertain, Code: CodeUnexpectedAnswer,
		Message: "the vendor's answer is not understood",
	}
}

// StatusError classes an answer by its HTTP status alone, for want of a vendor's
// code in it.
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

// RetryAfter returns how long the vendor asks to wait; 0 when it does not say.
func RetryAfter(h http.Header) time.Duration {
	for _, name := range []string{"X-Ogw-Ratelimit-Reset", "Retry-After"} {
		value := h.Get(name)
		if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
			return max(0, time.Duration(seconds)*time.Second)
		}
		if at, err := http.ParseTime(value); err == nil {
			return max(0, time.Until(at))
		}
	}
	return 0
}
