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
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/store"
)

// Whatever Run starts has ended when it returns.
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

			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			serving := make(chan net.Addr, 1)
			reload := make(chan struct{})
			stopped := make(chan error, 1)
			var log buffer
			go func() {
				stopped <- Run(ctx, Options{ConfigPath: path, LogOutput: &log, Reload: reload, Serving: func(a net.Addr) { serving <- a }})
			}()
			var address net.Addr
			select {
			case address = <-serving:
			case err := <-stopped:
				require.FailNow(t, "not serving", "%v", err)
			}
			resp, err := http.Get("http://" + address.String() + "/health")
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, http.StatusOK, resp.StatusCode)
			reload <- struct{}{}
			http.DefaultClient.CloseIdleConnections()

			stop()
			select {
			case err := <-stopped:
				require.NoError(t, err)
			case <-time.After(time.Minute):
				require.FailNow(t, "Run did not return")
			}
			goleak.VerifyNone(t, before,
				// fasthttp's own: one ends with its next look at idle workers, one lives as long as the process.
				goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
				goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
			require.Contains(t, log.String(), "AUTHENTICATION IS OFF")
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
		"no credentials file": {sqlite + "auth: {credentialsFilePath: /nonexistent/apps.yaml}", "credentials"},
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
			err := Run(t.Context(), Options{ConfigPath: path, LogOutput: &bytes.Buffer{}})
			require.ErrorContains(t, err, c.want)
		})
	}
}

// A database that is not there yet is waited for, and the log says so; being told
// to stop ends the waiting.
func TestRunWaitsForItsDatabase(t *testing.T) {
	t.Parallel()
	for name, comes := range map[string]bool{"it comes": true, "told to stop": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := testdb.New(t)
			address, up := startLate(t, net.JoinHostPort(db.Host, strconv.Itoa(db.Port)))
			path := filepath.Join(t.TempDir(), "config.yaml")
			require.NoError(t, os.WriteFile(path, fmt.Appendf(nil,
				"server: {address: '127.0.0.1:0'}\nmetrics: {address: ''}\nauth: {enabled: false}\ndatabase: {host: 127.0.0.1, port: %d, user: %q, password: %q, dbname: %q}\n",
				address.Port, db.User, db.Password, db.DBName), 0o600))

			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			waits, serves := make(chan struct{}), make(chan struct{})
			stopped := make(chan error, 1)
			go func() {
				stopped <- Run(ctx, Options{
					ConfigPath: path,
					LogOutput:  &watchedLog{text: "waiting for the database", seen: sync.OnceFunc(func() { close(waits) })},
					Serving:    func(net.Addr) { close(serves) },
				})
			}()
			await := func(event <-chan struct{}) {
				select {
				case <-event:
				case err := <-stopped:
					require.FailNow(t, "Run returned", "%v", err)
				}
			}
			await(waits)
			if !comes {
				stop()
				err := <-stopped
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorContains(t, err, "open the database")
				return
			}
			up()
			await(serves)
			stop()
			require.NoError(t, <-stopped)
		})
	}
}

// What waiting cannot mend ends the start at once.
func TestRunDoesNotWaitForAnotherPassword(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil,
		"auth: {enabled: false}\ndatabase: {host: %q, port: %d, user: %q, password: wrong, dbname: %q}\n", db.Host, db.Port, db.User, db.DBName), 0o600))
	var log buffer
	err := Run(t.Context(), Options{ConfigPath: path, LogOutput: &log})
	require.ErrorContains(t, err, "password authentication failed")
	require.NotContains(t, log.String(), "waiting for the database")
}

// startLate listens for the upstream, which seems to be starting until up is called.
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
			server, err := net.Dial("tcp", upstream)
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

// watchedLog calls seen for each line that has the text.
type watchedLog struct {
	text string
	seen func()
}

func (w *watchedLog) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(w.text)) {
		w.seen()
	}
	return len(p), nil
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
