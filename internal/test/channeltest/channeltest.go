// Package channeltest is the suite that every channel must pass. It tests what happens
// to a message when the vendor or the network misbehaves.
//
// A channel's package has one test for it:
//
//	func TestSuite(t *testing.T) { // not parallel: it looks for leaked goroutines
//		channeltest.Run(t, channeltest.Channel{
//			Open: func(t *testing.T, address string) channels.Sender {
//				// opens a provider whose vendor listens at address, without TLS
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
// A channel whose vendor speaks another protocol leaves Vendor out. The suite then runs
// the cases of the connection only, and the channel tests its protocol itself.
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

// Channel describes a channel to the suite.
type Channel struct {
	// Open opens a provider whose vendor listens at the address ("127.0.0.1:1234").
	Open func(t *testing.T, address string) channels.Sender
	// Message returns a message that the vendor accepts, with a new DeliveryID.
	Message func() channels.Message
	// Private are the secrets and addresses of the configuration and the message. No
	// error may show them.
	Private []string

	// Vendor returns a working vendor. It is nil for a vendor that does not speak
	// HTTP; the fields below are then unused.
	Vendor func() http.Handler
	// Sends reports whether a request carries the message. The vendor answers other
	// requests, such as one for a token, as usual. Nil means that all carry one.
	Sends func(r *http.Request) bool
	// Mark returns the delivery's id in a request that carries the message. It is nil
	// when the vendor has no field for one.
	Mark func(r *http.Request, body []byte) string
	// Classes are the classes of answers, by name, where they differ from the suite's.
	Classes map[string]channels.Class
}

const (
	// patience is the time of a send that should not use it up.
	patience = 30 * time.Second
	// hurry is the time of a send that gets no answer.
	hurry = time.Second
	// late is how long after its deadline a send may return, on a busy machine.
	late = 3 * time.Second
)

// Run runs the suite. It is called from a test that is not parallel.
func Run(t *testing.T, c Channel) {
	require.NotEmpty(t, c.Private)
	// Parallel tests wait for this one, so no other goroutine starts or ends meanwhile.
	before := goleak.IgnoreCurrent()
	t.Run("connection", c.testConnection)
	if c.Vendor != nil {
		t.Run("answer", c.testAnswers)
		t.Run("request", c.testRequests)
	}
	goleak.VerifyNone(t, before)
}

// send sends one message and checks the deadline and that the error shows nothing
// private.
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

// requirePrivate requires that no level of an error prints a secret or an address.
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

// levels returns an error and all errors that it wraps.
func levels(err error) []error {
	if err == nil {
		return nil
	}
	all := []error{err}
	switch e := err.(type) { //nolint:errorlint // each level is checked alone
	case interface{ Unwrap() error }:
		all = append(all, levels(e.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			all = append(all, levels(inner)...)
		}
	}
	return all
}

// requireClass requires a typed error of one of the classes, with a code and a text.
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
