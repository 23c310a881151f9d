package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/store"
)

func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	for files, want := range map[int]int{
		1: 1, 64: 16, 256: 64, 1024: 768, otherFiles + maxConnections: maxConnections, 1 << 30: maxConnections,
	} {
		require.Equal(t, want, connectionLimit(files), files)
	}
}

// failing is a listener whose Accept fails first.
type failing struct {
	net.Listener
	errs []error
}

func (f *failing) Accept() (net.Conn, error) {
	if len(f.errs) == 0 {
		return f.Listener.Accept()
	}
	err := f.errs[0]
	f.errs = f.errs[1:]
	return nil, err
}

// A process without a file for a connection goes on when it has one, and says so once.
func TestAcceptSurvivesFullTables(t *testing.T) {
	t.Parallel()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	core, logs := observer.New(zap.WarnLevel)
	full := &failing{Listener: tcp}
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		full.errs = append(full.errs, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", errno)})
	}
	l := newListener(full, 10, zap.New(core))
	client, err := net.Dial("tcp", tcp.Addr().String())
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Close()) }()
	conn, err := l.Accept()
	require.NoError(t, err)
	require.Equal(t, 1, logs.Len())
	require.NoError(t, conn.Close())

	require.NoError(t, tcp.Close())
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	full.errs = []error{errors.New("other")}
	_, err = l.Accept()
	require.EqualError(t, err, "other")
}

// The server of a process with 64 files answers while 150 connections send nothing, and
// others send a part of a request.
func TestFewFilesAreEnough(t *testing.T) {
	t.Parallel()
	program := limit.Command(t, limit.Wait, "sh", "-c", `ulimit -n 64 && exec "$0" -test.run='^TestServeForFewFiles$' -test.v`, os.Args[0])
	program.Env = append(os.Environ(), serveForFewFiles+"=1")
	output, err := program.StdoutPipe()
	require.NoError(t, err)
	stdin, err := program.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, program.Start())
	line := limit.Line(t, output, "the address", func(line string) bool { return strings.HasPrefix(line, "serving ") })
	address := strings.TrimPrefix(strings.TrimSpace(line), "serving ")

	var idle []net.Conn
	for i := range 150 {
		conn, err := net.DialTimeout("tcp", address, limit.Wait)
		require.NoError(t, err)
		idle = append(idle, conn)
		if i%2 == 0 {
			_, err = io.WriteString(conn, "GET /livez HTTP/1.1\r\n")
			require.NoError(t, err)
		}
		if i%10 == 9 {
			requireLive(t, address)
		}
	}
	for _, conn := range idle {
		require.NoError(t, conn.Close())
	}
	requireLive(t, address)
	require.NoError(t, stdin.Close())
	go func() { _, _ = io.Copy(io.Discard, output) }()
	require.NoError(t, program.Wait())
}

func requireLive(t *testing.T, address string) {
	t.Helper()
	require.Equal(t, 200, live(t, address))
}

// live returns the status of /livez, or 0 when there was no answer.
func live(t *testing.T, address string) int {
	t.Helper()
	resp, err := limit.Client.Get("http://" + address + "/livez")
	if err != nil {
		t.Log(err)
		return 0
	}
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

// serveForFewFiles makes TestServeForFewFiles the server of TestFewFilesAreEnough.
const serveForFewFiles = "SERVE_FOR_FEW_FILES"

func TestServeForFewFiles(t *testing.T) {
	t.Parallel()
	if os.Getenv(serveForFewFiles) == "" {
		t.Skip("a part of TestFewFilesAreEnough")
	}
	server, err := New(Options{
		Config: DefaultServerConfig(), Auth: NewAuth(Unprotected(), zap.NewNop()), Ready: func() bool { return true }, Log: zap.NewNop(),
	})
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	fmt.Println("serving", l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the other closes it
	require.NoError(t, server.Shutdown(limit.Context(t)))
	require.NoError(t, <-served)
}

// When there is no place, the connection that has been waiting for the longest time goes.
// One whose request is handled stays.
func TestTheLongestWaitMakesRoom(t *testing.T) {
	t.Parallel()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := newListener(tcp, 2, zap.NewNop())
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	accept := func() (client net.Conn, server *conn) {
		client, err := net.DialTimeout("tcp", tcp.Addr().String(), limit.Wait)
		require.NoError(t, err)
		t.Cleanup(func() { _ = client.Close() })
		require.NoError(t, client.SetDeadline(time.Now().Add(limit.Wait)))
		accepted, err := l.Accept()
		require.NoError(t, err)
		return client, accepted.(*conn)
	}
	requireClosed := func(client net.Conn) {
		t.Helper()
		_, err := client.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	}
	first, firstConn := accept()
	_, secondConn := accept()
	third, thirdConn := accept()
	requireClosed(first)
	require.Error(t, firstConn.ctx.Err(), "what its request waits for is not needed any more")
	track(firstConn, fasthttp.StateClosed) // fasthttp notices later
	require.Equal(t, 2, l.open)

	handling(secondConn)
	fourth, fourthConn := accept()
	requireClosed(third)
	track(thirdConn, fasthttp.StateClosed)
	handling(fourthConn)
	require.NoError(t, fourthConn.ctx.Err())

	// All are at work: the next one is told so.
	fifth, err := net.DialTimeout("tcp", tcp.Addr().String(), limit.Wait)
	require.NoError(t, err)
	require.NoError(t, fifth.SetDeadline(time.Now().Add(limit.Wait)))
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		_, _ = l.Accept() // the sixth
	}()
	answer, err := io.ReadAll(fifth)
	require.NoError(t, err)
	require.Contains(t, string(answer), "503 Service Unavailable\r\nRetry-After: 1\r\n")

	require.NoError(t, fourthConn.Close())
	track(fourthConn, fasthttp.StateClosed)
	requireClosed(fourth)
	sixth, err := net.DialTimeout("tcp", tcp.Addr().String(), limit.Wait)
	require.NoError(t, err)
	t.Cleanup(func() { _ = sixth.Close() })
	limit.Receive(t, accepted, "the sixth connection")
}

// A client that is waited for never keeps others out: while its body is read, dropped or waits
// for room, while a session is looked up that may be made up, while it does not read its answer,
// and while a refused request lingers.
func TestClientsThatAreWaitedForMakeRoom(t *testing.T) {
	t.Parallel()
	const (
		most   = 8
		upload = "POST /api/v1/notifications HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		known  = upload + "X-App-Id: known\r\nX-App-Secret: known-secret\r\n"
		form   = "POST /console/sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
	)
	for name, said := range map[string]string{
		"a form":                      form + "Content-Length: 8000\r\n\r\na",
		"a form in chunks":            form + "Transfer-Encoding: chunked\r\n\r\n3e8\r\na",
		"a form that is too large":    form + "Content-Length: 16384\r\n\r\na",
		"a stranger's body":           upload + "Content-Length: 60000\r\n\r\n{",
		"a stranger's body in chunks": upload + "Transfer-Encoding: chunked\r\n\r\n3e8\r\n{",
		"a stranger's large body":     upload + "Content-Length: 4000000\r\n\r\n{",
		"an unknown path":             "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\na",
		"a probe with a body":         "POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\na",
		"an app's body":               known + "Content-Length: 60000\r\n\r\n{",
		"app's bodies without room":   known + "Content-Length: 4000000\r\n\r\n{",
		"an expectation":              known + "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n",
		"a stranger's expectation":    upload + "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n",
		"what is not HTTP":            "POST /x HTTP/1.1\r\nHost: <\r\nContent-Length: 60000\r\n\r\na",
		"a session":                   "GET /console/ HTTP/1.1\r\nHost: x\r\nCookie: sealos_notify_session=made-up\r\n\r\n",
		"a session at River UI":       "GET /riverui/ HTTP/1.1\r\nHost: x\r\nCookie: sealos_notify_session=made-up\r\n\r\n",
		"answers that nobody reads":   strings.Repeat("GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n", 200),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sessions := silent{end: make(chan struct{})}
			credentials, err := parseCredentials([]byte("apps: [{appId: known, appSecret: known-secret}]"))
			require.NoError(t, err)
			server, err := New(Options{
				Config: DefaultServerConfig(), Auth: NewAuth(credentials, zap.NewNop()), Store: sessions, RiverUI: http.NotFoundHandler(), Ready: func() bool { return true }, Log: zap.NewNop(),
			})
			require.NoError(t, err)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			served := make(chan error, 1)
			go func() { served <- server.serve(l, most) }()
			var conns []net.Conn
			attack := func() {
				conn, err := net.DialTimeout("tcp", l.Addr().String(), limit.Wait)
				require.NoError(t, err)
				require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4096))
				conns = append(conns, conn)
				_, _ = io.WriteString(conn, said) // it may be closed already
			}
			for range 3 * most {
				attack()
			}
			for range 20 {
				for range most {
					attack()
				}
				// Requests that have arrived are at work for a moment, and then wait.
				require.Eventually(t, func() bool { return live(t, l.Addr().String()) == 200 }, patience, time.Millisecond)
			}
			limit.Client.CloseIdleConnections()
			require.Eventually(t, func() bool { return server.app.Server().GetCurrentConcurrency() <= most+1 }, patience, time.Millisecond,
				"nothing is done for those that made room")
			close(sessions.end)
			for _, conn := range conns {
				require.NoError(t, conn.Close())
			}
			require.NoError(t, server.Shutdown(limit.Context(t)))
			require.NoError(t, limit.Receive(t, served, "the server to end"))
		})
	}
}

// patience is less than any request waits.
const patience = 3 * time.Second

// silent is a store that does not answer until the end.
type silent struct {
	Store
	end chan struct{}
}

func (s silent) Session(ctx context.Context, _ string) (store.Session, error) {
	select {
	case <-ctx.Done():
	case <-s.end:
	}
	return store.Session{}, store.ErrNotFound
}
