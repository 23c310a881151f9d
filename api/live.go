package api

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
)

const (
	// lookInterval is how long one look at the database serves all streams.
	lookInterval = time.Second
	// tellInterval is the least time between two events of a stream: each makes a page refresh.
	tellInterval = 3 * time.Second
	// checkInterval is how often a stream looks whether its session has ended on another
	// replica. It then also writes something, so that proxies keep the connection.
	checkInterval = 15 * time.Second

	maxStreams          = 256 // of a replica; each is a connection
	maxStreamsOfUser    = 32
	maxStreamsOfSession = 4 // a browser opens six connections to a host, and needs some for the pages
)

// changes looks whether there is something new to show, once for all streams and pages.
type changes struct {
	store Store

	mu      sync.Mutex
	readAt  time.Time
	err     error
	counted map[string]int // by app
	audited uuid.UUID      // the newest entry
}

// mark returns what stands for all that the caller may see: when it is another one, something has
// changed. What happens to tests is not counted, so it changes no mark.
func (w *changes) mark(ctx context.Context, caller Caller) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.readAt) >= lookInterval {
		w.err = w.look(ctx) // an error serves all, too
		w.readAt = time.Now()
	}
	sum := 0
	for app, n := range w.counted {
		if caller.may(RoleAdmin) || app == caller.AppID {
			sum += n
		}
	}
	hash := fnv.New64a()
	_, _ = fmt.Fprint(hash, sum, w.audited) // it never fails
	return fmt.Sprintf("%x", hash.Sum64()), w.err
}

// look reads the counts of the last hours, which every acceptance and outcome changes, and the
// audit log, which has what people do to deliveries.
func (w *changes) look(ctx context.Context) error {
	counted, err := w.store.CountsOfApps(ctx, time.Now().Truncate(time.Hour).Add(-time.Hour))
	if err != nil {
		return err
	}
	audited, err := w.store.NewestAudit(ctx)
	if err != nil {
		return err
	}
	w.counted, w.audited = counted, audited
	return nil
}

// streams are the open ones.
type streams struct {
	mu     sync.Mutex
	open   map[*stream]struct{}
	closed bool
}

// begin opens a stream when there is room for one more.
func (s *streams) begin(o *stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ofUser, ofSession := 0, 0
	for other := range s.open {
		if other.caller.AppID == o.caller.AppID && other.caller.person == o.caller.person {
			ofUser++
		}
		if other.session == o.session {
			ofSession++
		}
	}
	if s.closed || len(s.open) >= maxStreams || ofUser >= maxStreamsOfUser || ofSession >= maxStreamsOfSession {
		return false
	}
	s.open[o] = struct{}{}
	return true
}

func (s *streams) end(o *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, o)
}

// endSession ends the streams of a session.
func (s *streams) endSession(session string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for o := range s.open {
		if o.session == session {
			o.cancel()
		}
	}
}

// close ends all streams and lets no more begin.
func (s *streams) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for o := range s.open {
		o.cancel()
	}
}

// stream is the body of an answer that tells a page of the console when there is something new to
// show. Its connection's goroutine reads it. To the listener, the connection waits for its client.
type stream struct {
	server  *Server
	caller  Caller
	token   string
	session string // what its browser's streams have in common
	conn    net.Conn
	ctx     context.Context
	cancel  context.CancelFunc

	seen          string // the mark that the page knows
	told, checked time.Time
	pending       []byte // to be written
	ticker        *time.Ticker
}

// follow answers with a stream. Without room for one it answers with 204: then the page refreshes
// itself by the clock.
func (s *Server) follow(c *fiber.Ctx) error {
	awaiting(c.Context().Conn()) // it may be a stranger's
	token := tokenOf(&c.Request().Header)
	caller, signedIn, err := s.signedIn(c.UserContext(), token)
	switch {
	case err != nil:
		return err
	case !signedIn:
		return errNoCredentials
	}
	c.Locals(callerKey{}, caller) // for the log
	if !caller.may(RoleSend) {
		return errForbidden(RoleSend)
	}
	o := &stream{
		server: s, caller: caller, token: token, session: tokenDigest(cmp.Or(token, s.peer(c).String())), conn: c.Context().Conn(),
		seen: cmp.Or(c.Get("Last-Event-ID"), c.Query("since")), checked: time.Now(),
		pending: []byte(":\n\n"), // something, so that the headers leave
	}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	// HTTP/1.0 has no chunks, and the answer to HEAD no body: both would have to end.
	if !c.Request().Header.IsHTTP11() || c.Method() != fiber.MethodGet || !s.streams.begin(o) {
		o.cancel()
		return c.SendStatus(http.StatusNoContent)
	}
	o.ticker = time.NewTicker(lookInterval)
	_ = o.conn.SetReadDeadline(time.Time{}) // an error shows at the first write
	go o.watch()
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no") // or nginx collects the events
	c.Context().SetConnectionClose()
	c.Context().SetBodyStream(o, -1)
	return nil
}

// watch ends the stream when its browser has gone, which a write would show only later. It ends
// with the connection.
func (o *stream) watch() {
	_, _ = o.conn.Read(make([]byte, 1))
	o.cancel()
}

// Read implements io.Reader. It waits until there is something to tell.
func (o *stream) Read(p []byte) (int, error) {
	for len(o.pending) == 0 {
		select {
		case <-o.ctx.Done():
			return 0, io.EOF
		case <-o.ticker.C:
		}
		news, goesOn := o.news()
		if !goesOn {
			return 0, io.EOF
		}
		o.pending = news
	}
	if err := o.conn.SetWriteDeadline(time.Now().Add(o.server.writeTimeout)); err != nil {
		return 0, err
	}
	n := copy(p, o.pending)
	o.pending = o.pending[n:]
	return n, nil
}

// news returns what is to be written now, if anything; false when the session has ended. A
// database that does not answer ends nothing.
func (o *stream) news() (text []byte, goesOn bool) {
	ctx, cancel := context.WithTimeout(o.ctx, handleTimeout)
	defer cancel()
	now := time.Now()
	if now.Sub(o.checked) >= checkInterval {
		_, signedIn, err := o.server.signedIn(ctx, o.token)
		if err == nil && !signedIn {
			return nil, false
		}
		o.checked = now
		text = append(text, ":\n\n"...)
	}
	if now.Sub(o.told) < tellInterval {
		return text, true
	}
	if mark, err := o.server.changes.mark(ctx, o.caller); err == nil && mark != o.seen {
		o.seen, o.told = mark, now
		text = fmt.Appendf(text, "id: %s\nevent: changed\ndata: 1\n\n", mark)
	}
	return text, true
}

// Close implements io.Closer. fasthttp calls it when the answer has ended or was cut.
func (o *stream) Close() error {
	o.cancel()
	o.ticker.Stop()
	o.server.streams.end(o)
	return nil
}
