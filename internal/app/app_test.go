package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/store"
)

// Run leaves no goroutine behind.
func TestRunLeavesNothingBehind(t *testing.T) {
	for _, engine := range []string{store.DriverPostgres, store.DriverSQLite} {
		t.Run(engine, func(t *testing.T) {
			dir := t.TempDir()
			database := fmt.Sprintf("{driver: sqlite, path: %q}", filepath.Join(dir, "notify.db"))
			if engine == store.DriverPostgres {
				db := testdb.New(t)
				database = fmt.Sprintf("{host: %q, port: %d, user: %q, password: %q, dbname: %q}", db.Host, db.Port, db.User, db.Password, db.DBName)
			}
			path := filepath.Join(dir, "config.yaml")
			require.NoError(t, os.WriteFile(path, []byte("server: {address: '127.0.0.1:0'}\nmetrics: {address: '127.0.0.1:0'}\nauth: {enabled: false}\ndatabase: "+database+"\n"), 0o600))
			before := goleak.IgnoreCurrent()

			reload := make(chan os.Signal)
			r := run(t, Options{ConfigPath: path, Reload: reload})
			resp, err := limit.Client.Get(r.awaitServing() + "/health")
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, http.StatusOK, resp.StatusCode)
			select {
			case reload <- syscall.SIGHUP:
			case <-time.After(limit.Wait):
				require.FailNow(t, "nobody takes the request to reload")
			}
			limit.Client.CloseIdleConnections()

			require.NoError(t, r.stop())
			goleak.VerifyNone(t, before,
				// fasthttp's own: one ends when it next looks for idle workers, one lives as long as the process.
				goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
				goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
			require.Contains(t, r.log.String(), "AUTHENTICATION IS OFF")
		})
	}
}

func TestRunSaysWhyItDoesNotStart(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = busy.Close() }()
	sqlite := "database: {driver: sqlite, path: '" + filepath.Join(t.TempDir(), "notify.db") + "'}\n"
	for name, c := range map[string]struct{ config, want string }{
		"no credentials file": {sqlite + "auth: {credentialsFilePath: /nonexistent/apps.yaml}", "auth.credentialsFilePath: cannot be read: no such file"},
		"no folder":           {"database: {driver: sqlite, path: /nonexistent/notify.db}\nauth: {enabled: false}", "open the database"},
		"address taken":       {sqlite + "auth: {enabled: false}\nserver: {address: '" + busy.Addr().String() + "'}", "address already in use"},
		"metrics address taken": {
			sqlite + "auth: {enabled: false}\nserver: {address: '127.0.0.1:0'}\nmetrics: {address: '" + busy.Addr().String() + "'}",
			"metrics.address: listen tcp",
		},
		"unknown key": {"sevrer: {}", "config.yaml:1: sevrer: unknown key"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.yaml")
			require.NoError(t, os.WriteFile(path, []byte(c.config), 0o600))
			require.ErrorContains(t, run(t, Options{ConfigPath: path}).awaitEnd(), c.want)
		})
	}
}

// Run waits for a database that is not there yet, and logs that it waits. The end of
// its context ends the waiting.
func TestRunWaitsForItsDatabase(t *testing.T) {
	t.Parallel()
	for name, comes := range map[string]bool{"it comes": true, "told to stop": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLate(t)
			l.write("apps.yaml", "apps: [{appId: app, appSecret: secret}]")
			l.configure("apps.yaml")
			r := run(t, Options{ConfigPath: l.path("config.yaml")})
			r.awaitLog("waiting for the database")
			if !comes {
				err := r.stop()
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorContains(t, err, "open the database")
				return
			}
			l.up()
			r.awaitServing()
			require.NoError(t, r.stop())
		})
	}
}

// Files that change while a start waits for its database are in effect from the
// first request on.
func TestStartReadsWhatChangedWhileItWaited(t *testing.T) {
	t.Parallel()
	const apps = "apps: [{appId: app, appSecret: %s}]"
	for name, change := range map[string]func(*late){
		"credentials":   func(l *late) { l.write("apps.yaml", fmt.Sprintf(apps, "after")) },
		"configuration": func(l *late) { l.configure("other.yaml") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLate(t)
			l.write("apps.yaml", fmt.Sprintf(apps, "before"))
			l.write("other.yaml", fmt.Sprintf(apps, "after"))
			l.configure("apps.yaml")
			r := run(t, Options{ConfigPath: l.path("config.yaml")})
			r.awaitLog("waiting for the database")
			change(l)
			l.up()
			base := r.awaitServing()
			for secret, status := range map[string]int{"before": http.StatusUnauthorized, "after": http.StatusOK} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/api/v1/templates", nil)
				require.NoError(t, err)
				req.Header.Set("Authorization", "Bearer app:"+secret)
				resp, err := limit.Client.Do(req)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, status, resp.StatusCode, secret)
			}
			require.NoError(t, r.stop())
		})
	}
}

// A start refuses files that became wrong while it waited, as it refuses them at
// first.
func TestStartRefusesWhatBecameWrongWhileItWaited(t *testing.T) {
	t.Parallel()
	l := newLate(t)
	l.write("apps.yaml", "apps: [{appId: app, appSecret: before}]")
	l.configure("apps.yaml")
	r := run(t, Options{ConfigPath: l.path("config.yaml")})
	r.awaitLog("waiting for the database")
	l.write("apps.yaml", "apps: []")
	l.up()
	require.ErrorContains(t, r.awaitEnd(), "apps: must have at least one element")
}

// A database that is slow again once it was reached does not end the start.
func TestStartWaitsForRiver(t *testing.T) {
	t.Parallel()
	l := newLate(t)
	l.up()
	l.write("apps.yaml", "apps: [{appId: app, appSecret: secret}]")
	l.configure("apps.yaml")
	r := run(t, Options{ConfigPath: l.path("config.yaml")})
	r.awaitServing()
	require.NoError(t, r.stop()) // the tables are there

	conn, err := pgx.Connect(t.Context(), fmt.Sprintf("host=127.0.0.1 port=%d user=%s password=%s dbname=%s sslmode=disable",
		l.proxy.Port, l.db.User, l.db.Password, l.db.DBName))
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "LOCK TABLE river_queue")
	require.NoError(t, err)
	r = run(t, Options{ConfigPath: l.path("config.yaml")})
	r.awaitLog("start river")
	require.NoError(t, tx.Rollback(t.Context()))
	r.awaitServing()
	require.NoError(t, r.stop())
}

// An error that waiting cannot mend ends the start at once.
func TestRunDoesNotWaitForAnotherPassword(t *testing.T) {
	t.Parallel()
	cluster, err := testdb.NewCluster(t.Context(), "fsync=off") // it checks passwords; the shared server may not
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Remove(context.Background())) })
	db := cluster.Config()
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil,
		"auth: {enabled: false}\ndatabase: {host: %q, port: %d, user: %q, password: wrong, dbname: %q}\n", db.Host, db.Port, db.User, db.DBName), 0o600))
	r := run(t, Options{ConfigPath: path})
	require.ErrorContains(t, r.awaitEnd(), "password authentication failed")
	require.NotContains(t, r.log.String(), "waiting for the database")
}

// late is the configuration of a database that cannot be reached until up is called.
type late struct {
	t     *testing.T
	dir   string
	db    store.Config
	proxy *net.TCPAddr
	up    func()
}

func newLate(t *testing.T) *late {
	t.Helper()
	l := &late{t: t, dir: t.TempDir(), db: testdb.New(t)}
	l.proxy, l.up = startLate(t, net.JoinHostPort(l.db.Host, strconv.Itoa(l.db.Port)))
	return l
}

func (l *late) path(name string) string { return filepath.Join(l.dir, name) }

func (l *late) write(name, content string) {
	l.t.Helper()
	require.NoError(l.t, os.WriteFile(l.path(name), []byte(content), 0o600))
}

// configure writes config.yaml, with that credentials file.
func (l *late) configure(apps string) {
	l.t.Helper()
	l.write("config.yaml", fmt.Sprintf("server: {address: '127.0.0.1:0'}\nmetrics: {address: ''}\nauth: {credentialsFilePath: %q}\n"+
		"database: {host: 127.0.0.1, port: %d, user: %q, password: %q, dbname: %q}\n",
		l.path(apps), l.proxy.Port, l.db.User, l.db.Password, l.db.DBName))
}

// startLate returns the address of a proxy for upstream. The proxy closes each
// connection until up is called.
func startLate(t *testing.T, upstream string) (address *net.TCPAddr, up func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	var isUp atomic.Bool
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			if !isUp.Load() {
				_ = client.Close()
				continue
			}
			server, err := net.DialTimeout("tcp", upstream, limit.Wait)
			if err != nil {
				_ = client.Close()
				continue
			}
			go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
			go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
		}
	}()
	return listener.Addr().(*net.TCPAddr), func() { isUp.Store(true) }
}

// running is a Run in the background.
type running struct {
	t       *testing.T
	cancel  context.CancelFunc
	log     logBuffer
	serving chan net.Addr
	ended   chan error
}

// run starts Run. It ends with the test, if not before.
func run(t *testing.T, o Options) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{t: t, cancel: cancel, serving: make(chan net.Addr, 1), ended: make(chan error, 1)}
	t.Cleanup(cancel)
	o.LogOutput, o.Serving = &r.log, func(a net.Addr) { r.serving <- a }
	go func() { r.ended <- Run(ctx, o) }()
	return r
}

// awaitServing waits until the service is ready, and returns its URL.
func (r *running) awaitServing() string {
	r.t.Helper()
	select {
	case address := <-r.serving:
		return "http://" + address.String()
	case err := <-r.ended:
		require.FailNow(r.t, "Run returned", "%v", err)
	case <-time.After(limit.Wait):
		require.FailNow(r.t, "not serving", r.log.String())
	}
	return ""
}

// awaitLog waits until the log has the text.
func (r *running) awaitLog(text string) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return strings.Contains(r.log.String(), text) }, limit.Wait, 10*time.Millisecond, text)
}

// awaitEnd waits until Run returns, and returns its error.
func (r *running) awaitEnd() error {
	r.t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(limit.Wait):
		require.FailNow(r.t, "Run did not return", r.log.String())
		return nil
	}
}

// stop ends Run, and returns its error.
func (r *running) stop() error {
	r.t.Helper()
	r.cancel()
	return r.awaitEnd()
}

// logBuffer is a bytes.Buffer for several goroutines.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
