// Package smoke drives the real program: the binary, over HTTP, on a real
// database, against simulated vendors. Its tests are the promises of the README.
package smoke

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/testdb"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
	"github.com/labring/sealos-notify/store"
)

// Credentials in every world.
const (
	appID, appSecret           = "notify-console", "dev-secret"
	otherID, otherSecret       = "other-app", "other-secret"
	adminID, adminSecret       = "operator", "operator-secret"
	feishuID, feishuSecret     = "cli_smoke", "feishu-canary-secret"
	engineSQLite, enginePGName = "sqlite", "postgres"
)

// world is everything around the program: a database, a configuration, and
// simulated vendors.
type world struct {
	t      *testing.T
	dir    string
	feishu *feishu.Platform
	vendor *httptest.Server
	db     store.Config

	mu       sync.Mutex
	sections map[string]string // of the configuration file
}

// eachEngine runs the test in a world on PostgreSQL and in one on SQLite.
func eachEngine(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	t.Run(enginePGName, func(t *testing.T) {
		t.Parallel()
		test(t, newWorld(t, testdb.New(t)))
	})
	t.Run(engineSQLite, func(t *testing.T) {
		t.Parallel()
		test(t, newWorld(t, store.Config{Driver: store.DriverSQLite, Path: filepath.Join(t.TempDir(), "notify.db")}))
	})
}

// newPostgresWorld is a world for what needs several replicas.
func newPostgresWorld(t *testing.T) *world {
	t.Helper()
	return newWorld(t, testdb.New(t))
}

func newWorld(t *testing.T, db store.Config) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), db: db, feishu: feishu.New(feishuID, feishuSecret, vendors.NewInbox())}
	w.vendor = httptest.NewServer(w.feishu)
	t.Cleanup(w.vendor.Close)

	w.write("apps.yaml", fmt.Sprintf(`apps:
  - {appId: %s, appSecret: %s}
  - {appId: %s, appSecret: %s}
  - {appId: %s, appSecret: %s, roles: [admin]}
`, appID, appSecret, otherID, otherSecret, adminID, adminSecret))
	w.sections = map[string]string{
		"server":     `{address: "127.0.0.1:0"}`,
		"database":   w.database(),
		"dispatcher": `{interval: 200ms, leaseTimeout: 30s}`,
		"auth":       fmt.Sprintf(`{credentialsFilePath: %q}`, w.path("apps.yaml")),
		"defaults":   `{retryBackoffSeconds: [0, 0, 0], timeoutSeconds: 10}`,
		"channels":   `{feishu_app: {enabled: true, provider: feishu}}`,
		"providers":  w.provider(""),
	}
	w.configure(nil)
	return w
}

func (w *world) database() string {
	if w.db.Driver == store.DriverSQLite {
		return fmt.Sprintf(`{driver: sqlite, path: %q}`, w.db.Path)
	}
	return fmt.Sprintf(`{host: %q, port: %d, user: %q, password: %q, dbname: %q, maxOpenConns: 10}`,
		w.db.Host, w.db.Port, w.db.User, w.db.Password, w.db.DBName)
}

// provider is the providers section; more is put behind the provider's own keys.
// The simulated vendor takes messages as fast as they come.
func (w *world) provider(more string) string {
	return fmt.Sprintf(`{feishu: {type: feishu_app, appId: %q, appSecret: %q, baseUrl: %q, rateLimit: {perSecond: 0, perMinute: 0}%s}}`,
		feishuID, feishuSecret, w.vendor.URL, more)
}

// configure replaces sections of the configuration file, whole and at once.
func (w *world) configure(sections map[string]string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, section := range sections {
		w.sections[name] = section
	}
	var b strings.Builder
	for name, section := range w.sections {
		fmt.Fprintf(&b, "%s: %s\n", name, section)
	}
	w.write("config.yaml", b.String())
}

// write replaces a file in the world's folder atomically.
func (w *world) write(name, content string) {
	w.t.Helper()
	next := w.path("." + name + ".new")
	require.NoError(w.t, os.WriteFile(next, []byte(content), 0o600))
	require.NoError(w.t, os.Rename(next, w.path(name)))
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }
