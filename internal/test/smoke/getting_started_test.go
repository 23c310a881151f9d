package smoke

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/testdb"
)

// The commands of the page work. The test replaces only the build and the addresses
// of the database server and of Feishu.
func TestGettingStarted(t *testing.T) {
	t.Parallel()
	w := harness.NewPostgres(t)
	page := func(heading string, blocks int) string {
		found := shellBlocksOf(t, "docs/getting-started.md", heading)
		require.Len(t, found, blocks)
		return strings.Join(found, "\n")
	}

	// The server is shared, so the test uses names of its own.
	own := ownName(w)
	script := strings.ReplaceAll(page("## 1. A database", 1), "sealos_notify", own)
	postgres(t, w, `sudo() { shift 2; "$@"; }`+"\n"+script)
	t.Cleanup(func() { postgres(t, w, "dropdb --force "+own+"; dropuser "+own) })

	require.NoError(t, os.Symlink(w.Program().Path, w.Path("sealos-notify")))
	script = strings.NewReplacer(
		"host: localhost", fmt.Sprintf("host: %q\n  port: %d", w.DB.Host, w.DB.Port), "sealos_notify", own,
		"cli_xxxxxxxxxxxxxxxx", harness.VendorID, "appSecret: xxxxxxxxxxxxxxxx", "appSecret: "+harness.VendorSecret+"\n    baseUrl: http://"+w.Vendors.Addresses["feishu_app"],
	).Replace(page("## 3. Its configuration", 1))
	shell(t, w, script)

	r := w.StartWith([]string{"SERVER_ADDRESS=127.0.0.1:0", "METRICS_ADDRESS=127.0.0.1:0"})
	blocks := shellBlocksOf(t, "docs/getting-started.md", "## 4. Running it")
	require.Len(t, blocks, 3)
	require.Equal(t, "./sealos-notify\n", blocks[0])
	answers := curls(t, w, r, blocks[1])
	require.Len(t, answers, 2)
	require.Equal(t, http.StatusCreated, answers[0].Status, answers[0].Raw)
	require.Equal(t, http.StatusAccepted, answers[1].Status, answers[1].Raw)
	secret, _, _ := strings.Cut(blocks[1], "\n")
	id := answers[1].Body["notificationId"].(string)
	require.Eventually(t, func() bool {
		read := curls(t, w, r, secret+"\nID="+id+"\n"+blocks[2])[0]
		return read.Status == http.StatusOK && read.Body["status"] == "success"
	}, harness.Patience, harness.Tick)
	require.Equal(t, "db-0 has no space left", w.Vendors.Inbox.Arrivals()[0].Text)
	require.Zero(t, r.Terminate())
}

// The commands about faults show a retry, a dead letter and its replay. The test replaces
// only the addresses.
func TestGettingStartedWithFaults(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	blocks := shellBlocksOf(t, "docs/getting-started.md", "## Seeing it fail")
	require.Len(t, blocks, 2)
	flags, isDev := strings.CutPrefix(strings.TrimSpace(blocks[0]), "./sealos-notify dev ")
	require.True(t, isDev, blocks[0])
	r := startDev(t, w, strings.Fields(flags)...)
	require.NoError(t, os.Symlink(w.Program().Path, w.Path("sealos-notify")))

	api, err := client.New(client.Options{URL: r.Base, AppID: "notify-console", AppSecret: "dev-secret"})
	require.NoError(t, err)
	sms, err := api.Deliveries(t.Context(), client.DeliveryQuery{DeliveryFilter: client.DeliveryFilter{Channel: "sms", Recipient: "+8613800000000"}})
	require.NoError(t, err)
	require.Equal(t, client.StatusSuccess, sms.Deliveries[0].Status)
	require.Equal(t, 1, sms.Deliveries[0].RetryCount)

	said := shell(t, w, "export HOME=. SEALOS_NOTIFY_URL="+r.Base+"\n"+blocks[1])
	require.Contains(t, said, "feishu_230013: Bot has NO availability to this user.")
	require.Contains(t, said, "Sent again: 1 dead delivery.")
	require.Eventually(t, func() bool {
		app, err := api.Deliveries(t.Context(), client.DeliveryQuery{DeliveryFilter: client.DeliveryFilter{Channel: "feishu_app", Recipient: "alice@example.com"}})
		return err == nil && app.Deliveries[0].Status == client.StatusSuccess
	}, harness.Patience, harness.Tick)
}

// The page copies the files to where docker compose reads them.
func TestGettingStartedWithCompose(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	require.NoError(t, os.CopyFS(w.Path("deploy/compose"), os.DirFS(filepath.Join("..", "..", "..", "deploy", "compose"))))
	blocks := shellBlocksOf(t, "docs/getting-started.md", "## With Docker Compose")
	require.Len(t, blocks, 1)
	said := shell(t, w, `docker() { echo "docker $*"; ls -A . config; }`+"\n"+blocks[0])
	require.Contains(t, said, "docker compose up --detach --build\n")
	for _, file := range []string{".env", "apps.yaml", "compose.yaml", "config.yaml"} {
		require.Contains(t, strings.Split(said, "\n"), file)
	}
}

// postgres runs a script whose commands connect to the tests' server as its
// administrator.
func postgres(t *testing.T, w *harness.World, script string) {
	t.Helper()
	server, err := url.Parse(os.Getenv(testdb.EnvURL))
	require.NoError(t, err)
	password, _ := server.User.Password()
	cmd := limit.Command(t, 2*limit.Wait, "bash", "-euc", script)
	cmd.Dir = w.Dir
	cmd.Env = append(cmd.Environ(), "PGHOST="+server.Hostname(), "PGPORT="+server.Port(), "PGUSER="+server.User.Username(),
		"PGPASSWORD="+password, "PGDATABASE=postgres")
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// ownName returns a name for a database or a role that no other test uses.
func ownName(w *harness.World) string { return "own_" + w.DB.DBName[len(w.DB.DBName)-8:] }
