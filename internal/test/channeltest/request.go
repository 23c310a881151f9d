package channeltest

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
)

// senders is how many goroutines send at once.
const senders = 100

// testRequests checks what the vendor receives.
func (c Channel) testRequests(t *testing.T) {
	t.Run("same mark on each attempt", func(t *testing.T) {
		t.Parallel()
		if c.Mark == nil {
			return // the vendor has no field for one
		}
		v := c.start(t, answer(503, "", page), reset)
		m := c.Message()
		for m.Attempt = 1; m.Attempt <= 3; m.Attempt++ {
			_, err := v.sender.Send(t.Context(), m)
			require.Equal(t, m.Attempt == 3, err == nil, "attempt %d: %v", m.Attempt, err)
		}
		_, err := v.sender.Send(t.Context(), c.Message())
		require.NoError(t, err)

		marks := v.seen()
		require.Len(t, marks, 4)
		require.NotEmpty(t, marks[0])
		require.Equal(t, marks[0], marks[1])
		require.Equal(t, marks[0], marks[2])
		require.NotEqual(t, marks[0], marks[3], "two deliveries share a mark")
	})

	t.Run("cancelled while it waits", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		v := c.start(t, func(conn net.Conn) {
			cancel()
			wait(conn)
		})
		requireClass(t, c.send(ctx, t, v.sender, patience), channels.Uncertain)
	})

	t.Run("many at once", func(t *testing.T) {
		t.Parallel()
		v := c.start(t)
		errs := make(chan error, senders)
		var wg sync.WaitGroup
		for range senders {
			wg.Go(func() {
				_, err := v.sender.Send(t.Context(), c.Message())
				errs <- err
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		marks := v.seen()
		require.Len(t, marks, senders, "requests that carry a message")
		if c.Mark != nil {
			distinct := map[string]bool{}
			for _, mark := range marks {
				distinct[mark] = true
			}
			require.Len(t, distinct, senders, "deliveries share a mark")
		}
	})
}

// vendor is a vendor some of whose answers are replaced.
type vendor struct {
	channel Channel
	well    http.Handler
	sender  channels.Sender

	mu    sync.Mutex
	spoil []func(net.Conn) // write the next answers; nil for the true answer
	marks []string         // of all messages
}

// start starts a vendor and opens a provider of it. The functions write its first
// answers to messages; nil leaves the true answer.
func (c Channel) start(t *testing.T, spoil ...func(net.Conn)) *vendor {
	t.Helper()
	l := listen(t)
	ctx := t.Context()
	v := &vendor{channel: c, well: c.Vendor(), spoil: spoil, sender: c.Open(t, l.Addr().String())}
	server := &http.Server{
		Handler: v, ReadHeaderTimeout: patience,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // until Close
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return v
}

// seen returns the marks of the messages that came; empty ones when the vendor has no
// field for them.
func (v *vendor) seen() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.marks
}

// ServeHTTP implements http.Handler.
func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	write := v.message(r, body)
	if write == nil {
		v.well.ServeHTTP(w, r)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err) // the server speaks HTTP/1.1 only
	}
	hold(r.Context(), conn, write)
}

// message records a request that carries a message and returns the function that
// writes its answer; nil for the true one.
func (v *vendor) message(r *http.Request, body []byte) func(net.Conn) {
	if v.channel.Sends != nil && !v.channel.Sends(r) {
		return nil
	}
	mark := ""
	if v.channel.Mark != nil {
		mark = v.channel.Mark(r, body)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.marks = append(v.marks, mark)
	if len(v.spoil) == 0 {
		return nil
	}
	write := v.spoil[0]
	v.spoil = v.spoil[1:]
	return write
}
