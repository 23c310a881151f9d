package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/config"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/migrate"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/postgres"
	"github.com/labring/sealos-notify/store/sqlite"
)

// folder is a folder with the files of a configuration on SQLite.
type folder struct {
	t   *testing.T
	dir string
}

const goodApps = "apps: [{appId: console, appSecret: a-secret-of-the-console}]\n"

func newFolder(t *testing.T) folder {
	t.Helper()
	f := folder{t, t.TempDir()}
	f.write("apps.yaml", goodApps)
	f.configure("")
	return f
}

func (f folder) path(name string) string { return filepath.Join(f.dir, name) }

func (f folder) write(name, content string) {
	f.t.Helper()
	require.NoError(f.t, os.WriteFile(f.path(name), []byte(content), 0o600))
}

// configure writes config.yaml with more at its end.
func (f folder) configure(more string) {
	f.t.Helper()
	f.write("config.yaml", fmt.Sprintf("server: {address: '127.0.0.1:0'}\ndatabase: {driver: sqlite, path: %q}\nauth: {credentialsFilePath: %q}\n",
		f.path("notify.db"), f.path("apps.yaml"))+more)
}

func (f folder) options() Options { return Options{ConfigPath: f.path("config.yaml")} }

func (f folder) run() *running { return run(f.t, f.options()) }

const noMetrics = "metrics: {address: ''}\n"

// Whatever a start refuses, `config check` refuses with the same words.
func TestCheckRefusesWhatAStartRefuses(t *testing.T) {
	t.Parallel()
	const feishu = noMetrics + "channels: {feishu_app: {enabled: true, provider: p}}\nproviders:\n  p: {type: feishu_app, appId: a, %s}\n"
	for name, spoil := range map[string]func(f folder){
		"credentials: missing":     func(f folder) { require.NoError(f.t, os.Remove(f.path("apps.yaml"))) },
		"credentials: empty":       func(f folder) { f.write("apps.yaml", "") },
		"credentials: mistyped":    func(f folder) { f.write("apps.yaml", "apps: [{appId: a, appSecret: [b]}]") },
		"credentials: unknown key": func(f folder) { f.write("apps.yaml", "apps: [{appId: a, secret: b}]") },
		"credentials: key twice":   func(f folder) { f.write("apps.yaml", "apps: []\napps: []\n") },
		"credentials: broken":      func(f folder) { f.write("apps.yaml", "apps: [") },
		"credentials: placeholder": func(f folder) {
			f.write("apps.yaml", "apps: [{appId: a, appSecret: CHANGE_ME_TO_A_LONG_RANDOM_SECRET}]")
		},
		"credentials: a folder": func(f folder) {
			require.NoError(f.t, os.Remove(f.path("apps.yaml")))
			require.NoError(f.t, os.Mkdir(f.path("apps.yaml"), 0o700))
		},
		"credentials: UTF-16":      func(f folder) { f.write("apps.yaml", "\xff\xfea\x00") },
		"configuration: missing":   func(f folder) { require.NoError(f.t, os.Remove(f.path("config.yaml"))) },
		"configuration: empty":     func(f folder) { f.write("config.yaml", "") },
		"configuration: broken":    func(f folder) { f.configure("channels: {") },
		"configuration: key twice": func(f folder) { f.configure("server: {address: ':0'}\n") },
		"secret's file: missing":   func(f folder) { f.configure(fmt.Sprintf(feishu, "appSecretFile: "+f.path("secret"))) },
		"secret's file: empty": func(f folder) {
			f.write("secret", "\n")
			f.configure(fmt.Sprintf(feishu, "appSecretFile: "+f.path("secret")))
		},
		"secret's file: a folder": func(f folder) { f.configure(fmt.Sprintf(feishu, "appSecretFile: "+f.dir)) },
		"secret: placeholder":     func(f folder) { f.configure(fmt.Sprintf(feishu, "appSecret: CHANGE_ME")) },
		"receiver: channel is off": func(f folder) {
			f.configure(noMetrics + "integrations: {receivers: {x: {channels: {sms: {template: t}}, recipients: [{type: phone, value: '+8613800000000'}]}}}\n")
		},
		"receiver: address": func(f folder) {
			f.configure(fmt.Sprintf(feishu, "appSecret: b") + "integrations: {receivers: {x: {channels: {feishu_app: {template: t}}, recipients: [{type: email, value: nobody}]}}}\n")
		},
		"receiver: address's file": func(f folder) {
			f.configure(fmt.Sprintf(feishu, "appSecret: b") + "integrations: {receivers: {x: {channels: {feishu_app: {template: t}}, recipients: [{type: email, valueFile: nowhere}]}}}\n")
		},
		"database: certificate": func(f folder) {
			f.configure("metrics: {address: ''}\n")
			f.write("config.yaml", "auth: {enabled: false}\ndatabase: {sslMode: verify-full, sslRootCert: nowhere}\n")
		},
		"mail: CA that is not PEM": func(f folder) {
			f.write("ca", "none")
			f.configure(noMetrics + "providers: {m: {type: smtp, host: h, from: a@b.example, caFile: " + f.path("ca") + "}}\nchannels: {email: {enabled: true, provider: m}}\n")
		},
		"in-app: kubeconfig missing": func(f folder) {
			f.configure(noMetrics + "providers: {k: {type: inapp_crd, namespace: n, from: f, kubeconfig: nowhere}}\nchannels: {inapp: {enabled: true, provider: k}}\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t)
			spoil(f)
			_, err := f.options().Loader().Check(nil)
			require.Error(t, err)
			require.EqualError(t, f.run().awaitEnd(), err.Error())
		})
	}
}

// By default the metrics are on a port that others rarely have. Where somebody has it, the
// service serves without them; an address that was chosen must be free.
func TestMetricsAddressTaken(t *testing.T) {
	taken := config.Default().Metrics.Address
	require.Equal(t, ":9464", taken)
	if busy, err := net.Listen("tcp", taken); err == nil { // otherwise somebody has it already
		defer func() { _ = busy.Close() }()
	}
	t.Run("default", func(t *testing.T) {
		r := newFolder(t).run()
		r.awaitServing()
		r.awaitLog("metrics are not served: the default address is taken; choose another by metrics.address")
		require.NoError(t, r.stop())
	})
	t.Run("chosen", func(t *testing.T) {
		f := newFolder(t)
		f.configure("metrics: {address: ':9464'}\n")
		require.ErrorContains(t, f.run().awaitEnd(), "metrics.address: listen tcp :9464: bind: address already in use")
	})
}

// An SQLite file belongs to one process. The second says who has it; the lock ends with
// the first.
func TestSQLiteFileIsLocked(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.configure(noMetrics)
	first := f.run()
	base := first.awaitServing()
	host, err := os.Hostname()
	require.NoError(t, err)
	held := fmt.Sprintf("open the database: %s is in use by process %d on %s since ", f.path("notify.db"), os.Getpid(), host)
	require.ErrorContains(t, f.run().awaitEnd(), held)

	// By another name, too.
	link := newFolder(t)
	require.NoError(t, os.Symlink(f.dir, link.path("elsewhere")))
	link.write("config.yaml", fmt.Sprintf("auth: {enabled: false}\ndatabase: {driver: sqlite, path: %q}\n", link.path("elsewhere/notify.db")))
	err = link.run().awaitEnd()
	require.ErrorContains(t, err, held)
	require.NotContains(t, err.Error(), "\n", "one line")
	_, err = OpenDatabase(t.Context(), store.Config{Driver: store.DriverSQLite, Path: f.path("notify.db")}, func(error) {})
	require.ErrorContains(t, err, held, "migrate changes nothing under a running service")

	require.Equal(t, http.StatusOK, get(t, base+"/readyz").status, "the first goes on")
	require.NoError(t, first.stop())
	again := f.run()
	again.awaitServing()
	require.NoError(t, again.stop())
}

type answer struct {
	status int
	body   string
}

func get(t *testing.T, url string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	req.SetBasicAuth("console", "a-secret-of-the-console")
	req.Header.Set("Authorization", "Bearer console:a-secret-of-the-console")
	resp, err := limit.Client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return answer{resp.StatusCode, string(body)}
}

// Somebody migrates down under a running service: it says what schema it needs, answers
// 503, and serves again after migrate up, on connections that have prepared statements too.
func TestOldSchemaIsNotReadyAndRecovers(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{store.DriverPostgres, store.DriverSQLite} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t)
			c := store.Config{Driver: store.DriverSQLite, Path: f.path("notify.db"), MaxOpenConns: 4}
			database := fmt.Sprintf("{driver: sqlite, path: %q}", c.Path)
			if engine == store.DriverPostgres {
				c = testdb.New(t)
				database = fmt.Sprintf("{host: %q, port: %d, user: %q, password: %q, dbname: %q}", c.Host, c.Port, c.User, c.Password, c.DBName)
			}
			f.write("config.yaml", fmt.Sprintf("server: {address: '127.0.0.1:0'}\ndispatcher: {interval: 200ms}\n%sauth: {credentialsFilePath: %q}\ndatabase: %s\n",
				noMetrics, f.path("apps.yaml"), database))
			r := f.run()
			base := r.awaitServing()
			reads := []string{"/api/v1/templates", "/api/v1/notifications", "/api/v1/deliveries"}
			for range 20 { // the statements are prepared on every connection
				for _, path := range reads {
					require.Equal(t, http.StatusOK, get(t, base+path).status, path)
				}
			}
			other, err := openDatabase(t.Context(), c)
			if engine == store.DriverSQLite {
				require.ErrorContains(t, err, "is in use by process")
				other = reopenSQLite(t, c)
			} else {
				require.NoError(t, err)
			}
			defer other.Close()

			require.NoError(t, other.Migrator.Down(t.Context()))
			ready := get(t, base+"/readyz")
			require.Equal(t, http.StatusServiceUnavailable, ready.status)
			var view struct{ Status, Reason string }
			require.NoError(t, json.Unmarshal([]byte(ready.body), &view))
			require.Equal(t, "not ready", view.Status)
			require.Contains(t, view.Reason, "the schema of the database is sealos-notify version 0, and this program needs")
			require.Contains(t, view.Reason, "run sealos-notify migrate up")
			require.Equal(t, http.StatusOK, get(t, base+"/livez").status, "a restart would not help")
			for _, path := range reads {
				require.Equal(t, http.StatusServiceUnavailable, get(t, base+path).status, path)
			}

			require.NoError(t, other.Migrator.Up(t.Context()))
			require.Eventually(t, func() bool { return get(t, base+"/readyz").status == http.StatusOK }, limit.Wait, 10*time.Millisecond)
			for range 20 {
				for _, path := range reads {
					a := get(t, base+path)
					require.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, a.status, "%s: %s", path, a.body)
				}
			}
			require.Eventually(t, func() bool {
				for range 20 {
					for _, path := range reads {
						if get(t, base+path).status != http.StatusOK {
							return false
						}
					}
				}
				return true
			}, limit.Wait, 10*time.Millisecond)
			require.NoError(t, r.stop())
		})
	}
}

// A reload that cannot read a file ends, says which one, changes nothing, and does not keep
// the process from ending.
func TestReloadOfAFileThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.configure("metrics: {address: '127.0.0.1:0'}\n")
	reload := make(chan os.Signal)
	o := f.options()
	o.Reload = reload
	r := run(t, o)
	base := r.awaitServing()
	require.NoError(t, os.Remove(f.path("apps.yaml")))
	require.NoError(t, os.Symlink("/dev/ptmx", f.path("apps.yaml"))) // a terminal on which nobody types
	started := time.Now()
	send(t, reload)
	r.awaitLog("auth.credentialsFilePath: cannot be read: no answer; does its file system hang?")
	require.Less(t, time.Since(started), 30*time.Second)
	require.Equal(t, http.StatusOK, get(t, base+"/api/v1/templates").status, "the credentials of before are in effect")
	require.Contains(t, get(t, r.metrics()).body, "sealos_notify_config_last_reload_successful 0")

	send(t, reload) // it reads now, and is not waited for
	started = time.Now()
	require.NoError(t, r.stop())
	require.Less(t, time.Since(started), 10*time.Second)
}

func send(t *testing.T, reload chan<- os.Signal) {
	t.Helper()
	select {
	case reload <- syscall.SIGHUP:
	case <-time.After(limit.Wait):
		require.FailNow(t, "nobody takes the request to reload")
	}
}

// metrics returns the URL of the metrics.
func (r *running) metrics() string {
	r.t.Helper()
	_, after, found := strings.Cut(r.log.String(), `"metrics":"`)
	require.True(r.t, found)
	address, _, _ := strings.Cut(after, `"`)
	return "http://" + address + "/metrics"
}

// A renewed password of the database is used by new connections, without a restart, and
// certificates are read from their files.
func TestDatabaseCredentialsAreReloaded(t *testing.T) {
	t.Parallel()
	cluster, err := testdb.NewTLSCluster(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Remove(context.Background())) })
	f := newFolder(t)
	db := cluster.Config()
	f.write("password", db.Password+"\n")
	f.write("ca.crt", "\xef\xbb\xbf"+cluster.CA)
	f.write("config.yaml", fmt.Sprintf("server: {address: '127.0.0.1:0'}\n%sauth: {credentialsFilePath: %q}\n"+
		"database: {host: 127.0.0.1, port: %d, user: postgres, passwordFile: %q, dbname: postgres, sslMode: verify-full, sslRootCert: %q}\n",
		noMetrics, f.path("apps.yaml"), db.Port, f.path("password"), f.path("ca.crt")))
	r := f.run()
	base := r.awaitServing()

	db.SSLMode, db.PEM.RootCert = "verify-full", []byte(cluster.CA)
	admin, err := openDatabase(t.Context(), db)
	require.NoError(t, err)
	defer admin.Close()
	exec := func(sql string) {
		t.Helper()
		require.NoError(t, execute(t, admin, sql))
	}
	exec("ALTER ROLE postgres PASSWORD 'the next one'")
	f.write("password", "the next one")
	r.awaitLog("configuration reloaded")
	require.NotContains(t, r.log.String(), "take effect at the next start only")
	exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sealos-notify' AND pid <> pg_backend_pid()")
	require.Eventually(t, func() bool { return get(t, base+"/readyz").status == http.StatusOK }, limit.Wait, 10*time.Millisecond)
	require.NoError(t, r.stop())
}

// reopenSQLite opens a file that another process has open: what the lock keeps people from.
func reopenSQLite(t *testing.T, c store.Config) *Database {
	t.Helper()
	st, err := sqlite.Open(t.Context(), c)
	require.NoError(t, err)
	return &Database{Store: st, Migrator: migrate.SQLite(st.DB())}
}

func execute(t *testing.T, db *Database, sql string) error {
	t.Helper()
	_, err := db.Store.(*postgres.Store).Pool().Exec(t.Context(), sql)
	return err
}

// A reload that a shutdown left behind puts nothing into effect: what it would change is closed.
func TestAnAbandonedReloadChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	loader := f.options().Loader()
	current, err := loader.Check(nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	loader.Override = func(*config.Config) { cancel() } // while it reads
	r := &reloader{loader: loader, current: current, log: zap.NewNop()}
	r.reload(ctx)
	require.Same(t, current, r.current)
	require.Zero(t, r.refused)
}
