// Package channeltest is the suite that every channel passes: what becomes of a
// message when the vendor, or the way to it, misbehaves.
//
// A channel's package has one test for it:
//
//	func TestSuite(t *testing.T) { // not parallel: it looks for leaked goroutines
//		channeltest.Run(t, channeltest.Channel{
//			Open: func(t *testing.T, address string) channels.Sender {
//				// a provider of the vendor that listens at address, by plain TCP
//			},
//			Message: func() channels.Message { /* one with an id of its own */ },
//			Private: []string{apiKey, phoneNumber},
//			// For a vendor that speaks HTTP:
//			Vendor: func() http.Handler { return simulated.New(…) },
//			Sends:  func(r *http.Request) bool { return r.URL.Path == "/send" },
//			Mark:   func(_ *http.Request, body []byte) string { /* the delivery's id in it */ },
//		})
//	}
//
// A channel whose vendor speaks another protocol leaves Vendor out: the cases of
// the connection itself are run, and those of the protocol are its own to test.
package channeltest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/channels"
)

// Channel is what the suite needs to know of a channel.
type Channel struct {
	// Open opens a provider whose vendor listens at the address ("127.0.0.1:1234").
	Open func(t *testing.T, address string) channels.Sender
	// Message returns a message that the vendor takes, each with another DeliveryID.
	Message func() channels.Message
	// Private are the secrets and the addresses that stand in the provider's
	// configuration and in the message. No error may show them.
	Private []string

	// Vendor makes a vendor that is well. It is nil for a vendor that does not
	// speak HTTP; the fields below are of no use then.
	Vendor func() http.Handler
	// Sends tells the request that carries the message from those before and after
	// it (for a token, say), which the vendor answers truly. All of them when nil.
	Sends func(r *http.Request) bool
	// Mark returns the delivery's mark in the request that carries the message. It
	// is nil when the vendor has no place for one.
	Mark func(r *http.Request, body []byte) string
	// Classes are the answers, by their names, that mean something else for this
	// vendor than they do in the suite.
	Classes map[string]channels.Class
}

const (
	// patience is the time a send has when nothing should use it up.
	patience = 30 * time.Second
	// hurry is the deadline of a send that will not be answered.
	hurry = time.Second
	// late is how long after its deadline a send may return, on a busy machine.
	late = 3 * time.Second
)

// Run runs the suite. It is called from a test that is not parallel.
func Run(t *testing.T, c Channel) {
	require.NotEmpty(t, c.Private)
	// Nothing else starts or ends meanwhile: parallel tests wait for this one.
	before := goleak.IgnoreCurrent()
	t.Run("connection", c.testConnection)
	if c.Vendor != nil {
		t.Run("answer", c.testAnswers)
		t.Run("request", c.testRequests)
	}
	goleak.VerifyNone(t, before)
}

// send sends one message within the time and checks what holds for every send.
func (c Channel) send(ctx context.Context, t *testing.T, s channels.Sender, timeout time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	result := make(chan error, 1)
	go func() {
		_, err := s.Send(ctx, c.Message())
		result <- err
	}()
	select {
	case err := <-result:
		c.requirePrivate(t, err)
		return err
	case <-time.After(timeout + late):
		require.FailNow(t, "the context's deadline is not honoured")
		return nil
	}
}

// requirePrivate looks for secrets and addresses in all that an error prints, at
// every level of it.
func (c Channel) requirePrivate(t *testing.T, err error) {
	t.Helper()
	for _, level := range levels(err) {
		for _, format := range []string{"%v", "%+v", "%q"} {
			text := strings.ToLower(fmt.Sprintf(format, level))
			for _, private := range c.Private {
				require.NotEmpty(t, private, "Private has an empty text")
				require.NotContains(t, text, strings.ToLower(private), "%T shows what is private", level)
			}
		}
	}
}

// levels returns an error and all that it wraps.
func levels(err error) []error {
	if err == nil {
		return nil
	}
	all := []error{err}
	switch e := err.(type) { //nolint:errorlint // each level is looked at by itself
	case interface{ Unwrap() error }:
		all = append(all, levels(e.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			all = append(all, levels(inner)...)
		}
	}
	return all
}

// requireClass wants a typed error of one of the classes, with a code and a text.
func requireClass(t *testing.T, err error, classes ...channels.Class) {
	t.Helper()
	var e *channels.Error
	require.True(t, errors.As(err, &e), "no *channels.Error: %v", err)
	require.Contains(t, classes, e.Class, "%v", e)
	require.NotEmpty(t, e.Code)
	require.NotEmpty(t, e.Message)
}

// RequireError requires a typed error of the class, with the code and a text.
func RequireError(t *testing.T, err error, class channels.Class, code string) {
	t.Helper()
	requireClass(t, err, class)
	require.Equal(t, code, channels.AsError(err).Code, "%v", err)
}
