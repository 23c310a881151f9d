package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/store"
)

const livePath = "/console/live"

// follow opens a stream of events. Without one, lines is nil.
func (b *bench) follow(t *testing.T, cookies []*http.Cookie, query string) (status int, lines chan string, leave func()) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	t.Cleanup(leave)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+livePath+query, nil)
	require.NoError(t, err)
	for _, c := range cookies {
		req.AddCookie(c)
	}
	resp, err := (&http.Transport{}).RoundTrip(req) //nolint:bodyclose // below, by its reader
	require.NoError(t, err)
	if resp.StatusCode != http.StatusOK {
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode, nil, leave
	}
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	require.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
	lines = make(chan string, 100)
	go func() {
		defer close(lines)
		defer func() { _ = resp.Body.Close() }()
		for scanner := bufio.NewScanner(resp.Body); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	return resp.StatusCode, lines, leave
}

// awaitEnd waits until a stream has ended.
func awaitEnd(t *testing.T, lines chan string) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range lines { // what it tells does not matter
		}
	}()
	limit.Receive(t, ended, "the end of a stream")
}

// awaitChange waits for an event, and returns the mark in it.
func awaitChange(t *testing.T, lines chan string) string {
	t.Helper()
	mark := ""
	for {
		line := limit.Receive(t, lines, "an event")
		if id, is := strings.CutPrefix(line, "id: "); is {
			mark = id
		}
		if line == "event: changed" {
			return mark
		}
	}
}

func (b *bench) count(app string) {
	defer b.store.lock()()
	b.store.counted[app]++
}

// A page is told when something of its app has changed, or when somebody steered something. What
// is another app's tells it nothing.
func TestPagesAreTold(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *api.Options) { o.Config.WriteTimeout = 500 * time.Millisecond }) // streams live longer
	sender := b.signIn(t, "sender")
	_, lines, _ := b.follow(t, sender, "?since=none")
	first := awaitChange(t, lines)
	_, lines, _ = b.follow(t, sender, "?since="+first)
	_, ofAdmin, _ := b.follow(t, b.signIn(t, "root"), "")
	awaitChange(t, ofAdmin)
	b.count("console")
	awaitChange(t, ofAdmin)
	select {
	case line := <-lines:
		require.Equal(t, ":", line, "it is another app's, which was looked at now")
	default:
	}
	b.count("sender")
	second := awaitChange(t, lines)
	require.NotEqual(t, first, second)
	require.NoError(t, b.store.Audit(t.Context(), store.AuditEntry{ID: uuid.Must(uuid.NewV7())}))
	require.NotEqual(t, second, awaitChange(t, lines))
}

// One look at the database serves all streams and pages.
func TestOneLookServesAllStreams(t *testing.T) {
	t.Parallel()
	b := start(t)
	looks := func() int {
		defer b.store.lock()()
		return b.store.looks
	}
	for range 5 {
		cookies := b.signIn(t, "root")
		for range 4 {
			_, lines, _ := b.follow(t, cookies, "")
			go func() {
				for range lines { // what it tells does not matter
				}
			}()
		}
	}
	before, began := looks(), time.Now()
	require.Eventually(t, func() bool { return looks() >= before+3 }, limit.Wait, 10*time.Millisecond)
	require.GreaterOrEqual(t, time.Since(began), 1900*time.Millisecond, "20 streams look once a second together")
}

// A browser has a limit, and a person. What ends gives its place back, also when the browser goes
// without a word.
func TestStreamsAreLimited(t *testing.T) {
	t.Parallel()
	b := start(t)
	cookies := b.signIn(t, "sender")
	var leave func()
	for range 4 {
		status, _, end := b.follow(t, cookies, "")
		require.Equal(t, http.StatusOK, status)
		leave = end
	}
	status, _, _ := b.follow(t, cookies, "")
	require.Equal(t, http.StatusNoContent, status)
	leave()
	require.Eventually(t, func() bool {
		status, _, _ := b.follow(t, cookies, "")
		return status == http.StatusOK
	}, limit.Wait, 10*time.Millisecond)

	open := 4
	for range 7 {
		cookies = b.signIn(t, "sender")
		for range 4 {
			status, _, _ := b.follow(t, cookies, "")
			require.Equal(t, http.StatusOK, status)
			open++
		}
	}
	require.Equal(t, 32, open)
	status, _, _ = b.follow(t, b.signIn(t, "sender"), "")
	require.Equal(t, http.StatusNoContent, status)
	status, _, _ = b.follow(t, b.signIn(t, "root"), "")
	require.Equal(t, http.StatusOK, status, "another's")
}

// Only who may see deliveries follows them. HTTP/1.0 cannot, and a page's own clock refreshes it.
func TestWhoMayFollow(t *testing.T) {
	t.Parallel()
	b := start(t)
	status, _, _ := b.follow(t, nil, "")
	require.Equal(t, http.StatusUnauthorized, status)
	status, _, _ = b.follow(t, []*http.Cookie{{Name: "sealos_notify_session", Value: "made-up"}}, "")
	require.Equal(t, http.StatusUnauthorized, status)
	status, _, _ = b.follow(t, b.signIn(t, "editor"), "")
	require.Equal(t, http.StatusForbidden, status)

	cookie := b.signIn(t, "sender")[0]
	conn := b.dial(t, fmt.Sprintf("GET %s HTTP/1.0\r\nHost: x\r\nCookie: %s=%s\r\n\r\n", livePath, cookie.Name, cookie.Value))
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Contains(t, string(answer), " 204 ")
}

// Signing out ends the streams of the session, at once.
func TestSignOutEndsStreams(t *testing.T) {
	t.Parallel()
	b := start(t)
	first, second := b.signIn(t, "sender"), b.signIn(t, "sender")
	_, lines, _ := b.follow(t, first, "")
	_, others, _ := b.follow(t, second, "?since=none")
	b.browse(t, http.MethodPost, "/console/sign-out", url.Values{}, first)
	awaitEnd(t, lines)
	b.count("sender")
	awaitChange(t, others)
}

// A session that ends elsewhere, by another replica or by its time, ends its streams within seconds.
func TestSessionsEndStreams(t *testing.T) {
	t.Parallel()
	b := start(t)
	_, lines, _ := b.follow(t, b.signIn(t, "sender"), "")
	_, expiring, _ := b.follow(t, b.signIn(t, "root"), "")
	func() {
		defer b.store.lock()()
		for digest, session := range b.store.sessions {
			if session.AppID == "sender" {
				delete(b.store.sessions, digest)
				continue
			}
			session.ExpiresAt = time.Now()
			b.store.sessions[digest] = session
		}
	}()
	awaitEnd(t, lines)
	awaitEnd(t, expiring)
}

// Streams hold up no shutdown, and leave nothing behind.
func TestShutdownEndsStreams(t *testing.T) { // not parallel: it looks at all goroutines
	before := goleak.IgnoreCurrent()
	t.Run("", func(t *testing.T) {
		b := start(t)
		cookies := b.signIn(t, "sender")
		var all []chan string
		for range 3 {
			_, lines, _ := b.follow(t, cookies, "")
			limit.Receive(t, lines, "its begin")
			all = append(all, lines)
		}
		silent := b.dial(t, fmt.Sprintf("GET %s HTTP/1.1\r\nHost: x\r\nCookie: %s=%s\r\n\r\n", livePath, cookies[0].Name, cookies[0].Value))
		_, err := bufio.NewReader(silent).ReadString('\n')
		require.NoError(t, err)
		require.NoError(t, b.server.Shutdown(limit.Context(t)))
		for _, lines := range all {
			awaitEnd(t, lines)
		}
	})
	goleak.VerifyNone(t, before, // fasthttp's own never end
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

// A database that hangs does not hold up the end of streams.
func TestShutdownEndsStreamsThatAsk(t *testing.T) {
	t.Parallel()
	hung := make(chan struct{})
	b := start(t, func(o *api.Options) { o.Store = hangingStore{o.Store, hung} })
	_, lines, _ := b.follow(t, b.signIn(t, "sender"), "")
	limit.Receive(t, hung, "a look at the database")
	began := time.Now()
	require.NoError(t, b.server.Shutdown(limit.Context(t)))
	require.Less(t, time.Since(began), 8*time.Second, "a look has ten")
	awaitEnd(t, lines)
}

// hangingStore does not answer when it is asked for changes, and says once that it was.
type hangingStore struct {
	api.Store
	hung chan struct{}
}

func (s hangingStore) CountsOfApps(ctx context.Context, _ time.Time) (map[string]int, error) {
	select {
	case s.hung <- struct{}{}:
	case <-ctx.Done():
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// A stream is closed when a connection has no other place.
func TestStreamsMakeRoom(t *testing.T) {
	t.Parallel()
	b := start(t)
	cookies := b.signIn(t, "sender")
	few, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = b.server.ServeMost(few, 3) }() // until the server's end
	b.url = "http://" + few.Addr().String()
	_, lines, _ := b.follow(t, cookies, "")
	limit.Receive(t, lines, "its begin")
	for range 3 {
		conn := b.dial(t, "GET /livez HTTP/1.1\r\n")
		defer func() { _ = conn.Close() }()
	}
	awaitEnd(t, lines)
}
