package api

import (
	linked "container/list"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"
)

const (
	// maxConnections bounds the open connections. So many that send slowly took 51 MB, and
	// with forms 108 MB.
	maxConnections = 4096
	// otherFiles are kept for the database, vendors, and the rest of the process.
	otherFiles = 256
	// fullPause is how long no connection is accepted after the process had no file for one.
	fullPause = 10 * time.Millisecond
	// logInterval bounds how often a full server is logged.
	logInterval = time.Minute
	// lingerTime and lingerBytes bound what is read of a refused request after its answer. A
	// connection that is closed before is often reset, and then the answer is lost.
	lingerTime  = 2 * time.Second
	lingerBytes = maxDropped
)

// connectionLimit returns how many connections a process with so many files may have.
func connectionLimit(files int) int {
	return min(maxConnections, max(files-otherFiles, files/4, 1))
}

// listener bounds the connections. When a new one finds no place, the one that has been
// waiting for its client for the longest time is closed. So nobody can keep others out
// with connections that send nothing, send slowly, or do not read. A connection waits for its
// client except while its request, which has arrived with its body, is handled.
type listener struct {
	net.Listener
	most int
	log  *zap.Logger

	mu       sync.Mutex
	open     int
	waiting  linked.List // of *conn that wait for their client; the longest wait is first
	shutdown bool
	logged   time.Time
}

func newListener(l net.Listener, most int, log *zap.Logger) *listener {
	return &listener{Listener: l, most: most, log: log}
}

// conn is a connection. The listener's lock guards its fields.
type conn struct {
	net.Conn
	listener *listener
	ctx      context.Context // ends when the connection has no place any more
	end      context.CancelFunc
	place    *linked.Element // among those that wait; nil while a request is handled
	used     bool            // a request has begun to arrive
	lingers  bool            // a part of a request was not read
	gone     bool
}

// Accept implements net.Listener. Without a file for a connection it waits for one.
func (l *listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		switch {
		case isFull(err):
			l.warn("no file is free for another connection", zap.Error(err))
			l.closeLongestWaiting()
			time.Sleep(fullPause)
		case err != nil:
			return nil, err
		default:
			if c := l.admit(accepted); c != nil {
				return c, nil
			}
			_, _ = io.WriteString(accepted, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			_ = accepted.Close()
		}
	}
}

// isFull reports whether the process or the system has no room for a connection.
func isFull(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// admit returns the connection with a place, or nil when all others are at work.
func (l *listener) admit(accepted net.Conn) *conn {
	if l.isFull() {
		l.warn("too many connections", zap.Int("connections", l.most))
		if !l.closeLongestWaiting() {
			return nil
		}
	}
	c := &conn{Conn: accepted, listener: l}
	c.ctx, c.end = context.WithCancel(context.Background())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open++
	c.place = l.waiting.PushBack(c)
	if l.shutdown {
		_ = accepted.Close()
	}
	return c
}

func (l *listener) isFull() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open >= l.most
}

// closeLongestWaiting closes a connection. It returns false when none waits.
func (l *listener) closeLongestWaiting() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.waiting.Front()
	if first == nil {
		return false
	}
	c := first.Value.(*conn)
	l.remove(c)
	_ = c.Conn.Close()
	return true
}

// closeUnused closes the connections on which nothing has arrived yet, and all that are
// accepted later. fasthttp counts them as busy: one that a load balancer opened ahead
// would delay a shutdown.
func (l *listener) closeUnused() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shutdown = true
	for e := l.waiting.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*conn); !c.used {
			_ = c.Conn.Close()
		}
	}
}

// warn logs a full server, at most once in logInterval.
func (l *listener) warn(message string, field zap.Field) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.logged) < logInterval {
		return
	}
	l.logged = time.Now()
	l.log.Warn(message+": those that wait for their client are closed, the longest wait first", field)
}

// track implements fasthttp's ConnState.
func track(nc net.Conn, state fasthttp.ConnState) {
	c, ok := nc.(*conn)
	if !ok {
		return
	}
	l := c.listener
	l.mu.Lock()
	defer l.mu.Unlock()
	switch state {
	case fasthttp.StateActive:
		c.used = true
	case fasthttp.StateIdle:
		c.wait()
	case fasthttp.StateClosed:
		l.remove(c)
	}
}

// contextOf returns a context that ends when the connection was closed to make room: what its
// request waits for is not needed any more.
func contextOf(nc net.Conn) context.Context {
	if c, ok := nc.(*conn); ok {
		return c.ctx
	}
	return context.Background()
}

// Write implements net.Conn. The connection waits until its client has read.
func (c *conn) Write(p []byte) (int, error) {
	c.listener.mu.Lock()
	c.wait()
	c.listener.mu.Unlock()
	return c.Conn.Write(p)
}

// awaiting makes a connection one that waits, until handling: its request must not keep
// others out yet.
func awaiting(nc net.Conn) {
	if c, ok := nc.(*conn); ok {
		c.listener.mu.Lock()
		defer c.listener.mu.Unlock()
		c.wait()
	}
}

// handling notes that the request of a connection has arrived with its body.
func handling(nc net.Conn) {
	if c, ok := nc.(*conn); ok {
		c.listener.mu.Lock()
		defer c.listener.mu.Unlock()
		c.stopWaiting()
	}
}

// linger makes Close read what still arrives.
func linger(nc net.Conn) {
	if c, ok := nc.(*conn); ok {
		c.listener.mu.Lock()
		defer c.listener.mu.Unlock()
		c.lingers = true
	}
}

// remove gives a connection's place back.
func (l *listener) remove(c *conn) {
	c.stopWaiting()
	if !c.gone {
		c.gone = true
		l.open--
		c.end()
	}
}

// wait makes the connection the last of those that wait.
func (c *conn) wait() {
	switch {
	case c.gone:
	case c.place == nil:
		c.place = c.listener.waiting.PushBack(c)
	default:
		c.listener.waiting.MoveToBack(c.place)
	}
}

func (c *conn) stopWaiting() {
	if c.place != nil {
		c.listener.waiting.Remove(c.place)
		c.place = nil
	}
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.listener.mu.Lock()
	lingers := c.lingers && !c.gone
	c.listener.mu.Unlock()
	if tcp, ok := c.Conn.(*net.TCPConn); ok && lingers {
		_ = tcp.CloseWrite()
		_ = tcp.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, tcp, lingerBytes)
	}
	return c.Conn.Close()
}
