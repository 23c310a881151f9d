// Package harness runs the real program for tests: the binary, over HTTP, on a real
// database, against simulated vendors.
package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/internal/vendors/world"
	"github.com/labring/sealos-notify/store"
)

// Credentials in every world: of the usual app, another app, an administrator, and
// the service at its vendors.
const (
	AppID        = "notify-console"
	AppSecret    = "dev-secret"
	OtherID      = "other-app"
	OtherSecret  = "other-secret"
	AdminID      = "operator"
	AdminSecret  = "operator-secret"
	VendorID     = "cli_smoke"
	VendorSecret = "vendor-canary-secret"
)

// World is the program's surroundings: a database, a configuration and simulated
// vendors. They end with the test.
type World struct {
	Dir     string // where the program runs
	Vendors *world.World
	DB      store.Config
	// Race builds the program with the race detector.
	Race bool
	// Before is a command that runs the program, which is appended to it; none by default.
	Before []string

	t        *testing.T
	mu       sync.Mutex
	sections map[string]string // of the configuration file, by name
}

// NewWorld returns a world with the database. Only the channel feishu_app is on. The
// simulated Feishu has no rate limit.
func NewWorld(t *testing.T, db store.Config) *World {
	t.Helper()
	vendors, err := world.Start(t.Context(), VendorID, VendorSecret)
	require.NoError(t, err)
	t.Cleanup(func() { _ = vendors.Close() })
	w := &World{t: t, Dir: t.TempDir(), DB: db, Vendors: vendors}

	w.Write("apps.yaml", fmt.Sprintf(`apps:
  - {appId: %s, appSecret: %s}
  - {appId: %s, appSecret: %s}
  - {appId: %s, appSecret: %s, roles: [admin]}
`, AppID, AppSecret, OtherID, OtherSecret, AdminID, AdminSecret))
	w.sections = map[string]string{
		"server":     `{address: "127.0.0.1:0"}`,
		"database":   Database(w.DB),
		"dispatcher": `{interval: 200ms, leaseTimeout: 30s}`,
		"metrics":    `{address: "127.0.0.1:0"}`,
		"auth":       fmt.Sprintf(`{credentialsFilePath: %q}`, w.Path("apps.yaml")),
		"defaults":   `{retryBackoffSeconds: [0, 0, 0], timeoutSeconds: 10}`,
		"channels":   `{feishu_app: {enabled: true, provider: feishu}}`,
		"providers":  w.FeishuProvider(""),
	}
	w.Configure(nil)
	return w
}

// NewPostgres returns a world with a PostgreSQL database of its own.
func NewPostgres(t *testing.T) *World {
	t.Helper()
	return NewWorld(t, testdb.New(t))
}

// NewSQLite returns a world with an SQLite file.
func NewSQLite(t *testing.T) *World {
	t.Helper()
	return NewWorld(t, store.Config{Driver: store.DriverSQLite, Path: filepath.Join(t.TempDir(), "notify.db")})
}

// EachEngine runs the test twice, on PostgreSQL and on SQLite.
func EachEngine(t *testing.T, test func(t *testing.T, w *World)) {
	t.Helper()
	t.Parallel()
	t.Run(store.DriverPostgres, func(t *testing.T) {
		t.Parallel()
		test(t, NewPostgres(t))
	})
	t.Run(store.DriverSQLite, func(t *testing.T) {
		t.Parallel()
		test(t, NewSQLite(t))
	})
}

// Database returns the `database` section for the settings.
func Database(db store.Config) string {
	if db.Driver == store.DriverSQLite {
		return fmt.Sprintf(`{driver: sqlite, path: %q}`, db.Path)
	}
	return fmt.Sprintf(`{host: %q, port: %d, user: %q, password: %q, dbname: %q, maxOpenConns: 10}`,
		db.Host, db.Port, db.User, db.Password, db.DBName)
}

// FeishuProvider returns a `providers` section with the provider "feishu". More is
// appended to its keys.
func (w *World) FeishuProvider(more string) string {
	return fmt.Sprintf(`{feishu: {type: feishu_app, appId: %q, appSecret: %q, baseUrl: "http://%s", rateLimit: {perSecond: 0, perMinute: 0}%s}}`,
		VendorID, VendorSecret, w.Vendors.Addresses["feishu_app"], more)
}

// UseAllChannels turns all channels on without rate limits. The program reaches
// the vendors at the addresses.
func (w *World) UseAllChannels(at world.Addresses) {
	w.t.Helper()
	w.Write("kubeconfig.yaml", string(world.Kubeconfig(at)))
	w.Configure(map[string]string{
		"channels":  world.Channels,
		"providers": w.Vendors.Providers(at, w.Path("kubeconfig.yaml"), "rateLimit: {perSecond: 0, perMinute: 0}"),
	})
}

// Configure replaces sections of the configuration file atomically.
func (w *World) Configure(sections map[string]string) {
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
	w.Write("config.yaml", b.String())
}

// Write replaces a file in the world's folder atomically.
func (w *World) Write(name, content string) {
	w.t.Helper()
	next := w.Path("." + name + ".new")
	require.NoError(w.t, os.WriteFile(next, []byte(content), 0o600))
	require.NoError(w.t, os.Rename(next, w.Path(name)))
}

// Path returns the path of a file in the world's folder.
func (w *World) Path(name string) string { return filepath.Join(w.Dir, name) }
