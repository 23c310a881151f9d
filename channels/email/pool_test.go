package email

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestIdleConnectionsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p pool
		require.Nil(t, p.take())
		first, firstEnd := newConnection(t)
		second, secondEnd := newConnection(t)
		p.put(first)
		p.put(second)
		require.Same(t, second, p.take(), "the last one used")

		time.Sleep(idleTime - time.Second) // of the bubble's clock
		second.bind(t.Context())
		p.put(second)
		time.Sleep(time.Second)
		<-firstEnd
		require.Same(t, second, p.take())
		second.bind(t.Context())
		p.put(second)
		time.Sleep(idleTime)
		<-secondEnd
		require.Nil(t, p.take())
	})
}

// newConnection returns a connection in use and the channel that its end closes.
func newConnection(t *testing.T) (*connection, chan struct{}) {
	near, far := net.Pipe()
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, far)
		close(ended)
	}()
	c := &connection{raw: &boundedConn{Conn: near}}
	c.bind(t.Context())
	return c, ended
}
