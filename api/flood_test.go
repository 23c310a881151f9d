package api_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// Thousands of connections that send nothing, or send slowly, cost little: the
// service answers others meanwhile, and closes them at the read timeout.
func TestSlowConnectionsDoNotStopTheService(t *testing.T) { // not parallel: it measures memory
	const (
		each   = 500
		upload = "POST /api/v1/notifications HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	)
	slow := []string{
		"", "", "", "", // most of them are idle
		"GET /li",
		"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		upload + "Content-Length: 10000\r\n\r\n{",
		upload + "Transfer-Encoding: chunked\r\n\r\n3e8\r\n{",
	}
	b := start(t, func(o *api.Options) { o.Config.ReadTimeout = 3 * time.Second })
	before := inUse()
	conns := make([]net.Conn, each*len(slow))
	var dialled sync.WaitGroup
	for i := range conns {
		dialled.Go(func() { conns[i] = b.dial(t, slow[i%len(slow)]) })
	}
	limit.Group(t, &dialled, "connections")
	require.False(t, t.Failed(), "not all are connected")
	b.requireAlive(t)
	require.Less(t, inUse()-before, int64(len(conns)*64<<10))
	for i, conn := range conns {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(limit.Wait)))
		_, err := io.Copy(io.Discard, conn)
		var network net.Error
		require.False(t, errors.As(err, &network) && network.Timeout(), "left open: %q", slow[i%len(slow)])
		require.NoError(t, conn.Close())
	}
}

// An unauthenticated body takes no memory, whatever its Content-Length.
func TestHugeBodiesOfStrangersTakeNoMemory(t *testing.T) { // not parallel: it measures memory
	const strangers = 100
	b := start(t, func(o *api.Options) { o.Config.ReadTimeout = 5 * time.Second })
	before := allocated()
	var refused sync.WaitGroup
	for range strangers {
		refused.Go(func() {
			conn := b.dial(t, "POST /api/v1/notifications HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n[")
			_, _ = io.Copy(io.Discard, conn) // until it is closed
			_ = conn.Close()
		})
	}
	limit.Group(t, &refused, "refusals")
	require.Less(t, allocated()-before, int64(strangers*256<<10))
	b.requireAlive(t)
}

// JSON that is deep, wide or both, and as large as a body may be, is refused while
// the service answers others.
func TestHostileJSONDoesNotStopTheService(t *testing.T) {
	t.Parallel()
	b := start(t)
	const most = 4<<20 - 100
	var senders sync.WaitGroup
	for name, body := range map[string]string{
		"deep arrays":     strings.Repeat("[", most),
		"deep objects":    strings.Repeat(`{"a":`, most/5),
		"deep in params":  `{"idempotencyKey":"k","recipients":[],"channels":{"email":{"template":"t","params":{"a":` + strings.Repeat("[", most),
		"many members":    `{"a":1` + strings.Repeat(`,"a":1`, most/6) + `}`,
		"many recipients": `{"idempotencyKey":"k","channels":{},"recipients":[{}` + strings.Repeat(",{}", most/3) + `]}`,
		"many numbers":    `{"recipients":[0` + strings.Repeat(",0", most/2) + `]}`,
		"a long number":   `{"recipients":` + strings.Repeat("1", most) + `}`,
		"a long key":      `{"` + strings.Repeat("a", most) + `":1}`,
		"escapes":         `{"idempotencyKey":"` + strings.Repeat(`\u0061`, most/6) + `"}`,
	} {
		for range 4 {
			senders.Go(func() {
				a := b.callUndescribed(t, post("console", body))
				if a.status != 400 && a.status != 503 { // so many at once may find no room
					t.Errorf("%s: %d %s", name, a.status, a.text)
				}
			})
		}
	}
	refused := make(chan struct{})
	go func() { senders.Wait(); close(refused) }()
	end := limit.Context(t)
	for waiting := true; waiting; {
		asked := time.Now()
		require.Equal(t, 200, b.call(t, request{method: "GET", path: "/livez"}).status)
		require.Less(t, time.Since(asked), 10*time.Second, "a probe's patience")
		select {
		case <-refused:
			waiting = false
		case <-end.Done():
			require.FailNow(t, "waited too long for the refusals")
		default:
		}
	}
}

func TestHugeHeadsAreRefused(t *testing.T) {
	t.Parallel()
	b := start(t)
	const tail = " HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, said := range map[string]string{
		"many headers":     "GET /livez HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: b\r\n", 100_000) + "\r\n",
		"long header":      "GET /livez HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 10<<20) + "\r\n\r\n",
		"long path":        "GET /" + strings.Repeat("a/", 1<<20) + tail,
		"long query":       "GET /livez?" + strings.Repeat("a=b&", 1<<20) + tail,
		"long method":      strings.Repeat("A", 1<<20) + " /livez" + tail,
		"endless line":     strings.Repeat("a", 1<<20),
		"many empty lines": strings.Repeat("\r\n", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := b.dial(t, "")
			defer func() { _ = conn.Close() }()
			go func() { _, _ = io.WriteString(conn, said) }() // it is not read to its end
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil { // the answer is lost when the client is still writing
				var network net.Error
				require.False(t, errors.As(err, &network) && network.Timeout(), "no answer")
				return
			}
			_ = resp.Body.Close()
			require.Contains(t, []int{400, 431}, resp.StatusCode)
		})
	}
}

// dial connects and writes a text. The connection's reads and writes end after
// limit.Wait.
func (b *bench) dial(t *testing.T, said string) net.Conn {
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(b.url, "http://"), limit.Wait)
	if err != nil {
		t.Error(err)
		return nil
	}
	if err := conn.SetDeadline(time.Now().Add(limit.Wait)); err != nil {
		t.Error(err)
	}
	if _, err := io.WriteString(conn, said); err != nil {
		t.Error(err)
	}
	return conn
}

// requireAlive checks that the service answers.
func (b *bench) requireAlive(t *testing.T) {
	t.Helper()
	b.client.Timeout = 10 * time.Second // a probe's patience
	require.Equal(t, 200, b.call(t, request{method: "GET", path: "/livez"}).status)
	require.Equal(t, 202, b.call(t, post("console", goodNotification)).status)
}

// inUse returns how much memory is in use, in bytes.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}} // without what was allocated since: much, on a busy machine
	metrics.Read(live)
	return int64(live[0].Value.Uint64() + m.StackInuse)
}

// allocated returns how much memory was allocated since the start, in bytes.
func allocated() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.TotalAlloc)
}
