package channeltest

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
)

// testConnection runs the cases without a protocol: the vendor does not listen, or
// closes the connection before it answers.
func (c Channel) testConnection(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		l := listen(t)
		require.NoError(t, l.Close())
		err := c.send(t.Context(), t, c.Open(t, l.Addr().String()), patience)
		requireClass(t, err, channels.Transient)
	})

	// Some protocols wait for a greeting before they send a request, so both classes
	// are right.
	for _, tc := range []struct {
		name  string
		serve func(net.Conn)
	}{
		{"closed at once", func(net.Conn) {}},
		{"reset at once", reset},
		{"not the vendor", func(conn net.Conn) { _, _ = io.WriteString(conn, "\x15\x03\x01\x00\x02\x02\x28") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			address, _ := serve(t, tc.serve)
			err := c.send(t.Context(), t, c.Open(t, address), patience)
			requireClass(t, err, channels.Transient, channels.Uncertain)
		})
	}

	t.Run("silent until the deadline", func(t *testing.T) {
		t.Parallel()
		address, _ := serve(t, wait)
		err := c.send(t.Context(), t, c.Open(t, address), hurry)
		requireClass(t, err, channels.Transient, channels.Uncertain)
	})

	t.Run("cancelled before", func(t *testing.T) {
		t.Parallel()
		address, connections := serve(t, wait)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := c.send(ctx, t, c.Open(t, address), patience)
		requireClass(t, err, channels.Transient)
		require.Zero(t, connections.Load())
	})
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

// serve handles every connection until the test ends, and counts them.
func serve(t *testing.T, handle func(net.Conn)) (address string, connections *atomic.Int64) {
	t.Helper()
	l := listen(t)
	connections = new(atomic.Int64)
	done := make(chan struct{})
	ctx := t.Context()
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			go hold(ctx, conn, handle)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String(), connections
}

// hold handles a connection and closes it, at the latest when ctx ends.
func hold(ctx context.Context, conn net.Conn, handle func(net.Conn)) {
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }()
	handle(conn)
}

// wait returns when the client closes the connection.
func wait(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// reset closes the connection with RST instead of FIN.
func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}
