package api

import (
	"net"
	"sync"
)

// quietListener tracks the connections on which nothing has arrived yet. fasthttp
// counts them as busy: one that a load balancer opened ahead would delay a
// shutdown for the whole read timeout.
type quietListener struct {
	net.Listener

	mu     sync.Mutex
	quiet  map[*quietConn]struct{}
	closed bool
}

func newQuietListener(l net.Listener) *quietListener {
	return &quietListener{Listener: l, quiet: map[*quietConn]struct{}{}}
}

// Accept implements net.Listener.
func (l *quietListener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &quietConn{Conn: accepted, listener: l, isQuiet: true}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.quiet[c] = struct{}{}
	if l.closed {
		_ = c.Conn.Close()
	}
	return c, nil
}

// closeQuiet closes the quiet connections, and all that are accepted later.
func (l *quietListener) closeQuiet() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for c := range l.quiet {
		_ = c.Conn.Close()
	}
}

func (l *quietListener) forget(c *quietConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.quiet, c)
}

type quietConn struct {
	net.Conn
	listener *quietListener
	isQuiet  bool // only the goroutine that reads uses it
}

// Read implements net.Conn.
func (c *quietConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.isQuiet && n > 0 {
		c.isQuiet = false
		c.listener.forget(c)
	}
	return n, err
}

// Close implements net.Conn.
func (c *quietConn) Close() error {
	c.listener.forget(c)
	return c.Conn.Close()
}
