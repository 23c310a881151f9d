package smoke

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/skip"
)

// A node has few inotify instances, and others may have all. The service starts, says so
// once, counts it, and reloads when it is asked.
func TestServesWithoutInotify(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	w.Before = []string{"unshare", "--user", "--map-root-user", "sh", "-c", `echo 0 >/proc/sys/user/max_inotify_instances && exec "$@"`, "sh"}
	if out, err := exec.Command(w.Before[0], append(w.Before[1:], "true")...).CombinedOutput(); err != nil {
		skip.Lacking(t, "user namespaces: "+string(out))
	}
	r := w.Start()
	r.Template()
	said := r.Await("changed files are not seen at once: the kernel gives no watch (fs.inotify.max_user_instances, max_user_watches)")
	require.Contains(t, said["error"], "too many open files")
	require.Equal(t, "10s", said["seenWithin"])
	r.Until(r.Send("sent", 1), "success")

	w.Configure(map[string]string{"channels": `{}`})
	r.Signal(syscall.SIGHUP)
	r.Await("configuration reloaded")
	r.Do(http.StatusUnprocessableEntity, http.MethodPost, "/api/v1/notifications", harness.Notification("off", 1))

	w.Configure(map[string]string{"channels": `{feishu_app: {enabled: true, provider: feishu}}`})
	r.Await("configuration reloaded") // by itself
	require.Equal(t, 1, strings.Count(r.Log.String(), "the kernel gives no watch"))
	require.Positive(t, scrape(t, r)["sealos_notify_config_watch_failures_total"].GetMetric()[0].GetCounter().GetValue())
}

// A revoked secret ends when the folder of the credentials is removed and made again.
func TestCredentialsFolderIsReplaced(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	folder := filepath.Join(w.Dir, "credentials")
	apps := func(secret string) {
		require.NoError(t, os.RemoveAll(folder))
		require.NoError(t, os.Mkdir(folder, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "apps.yaml"), []byte("apps: [{appId: rotated, appSecret: "+secret+"}]\n"), 0o600))
	}
	apps("the-secret-of-yesterday")
	w.Configure(map[string]string{"auth": fmt.Sprintf(`{credentialsFilePath: %q}`, filepath.Join(folder, "apps.yaml"))})
	r := w.Start()
	for _, secret := range []string{"the-secret-of-today", "the-secret-of-tomorrow"} {
		apps(secret)
		require.Eventually(t, func() bool {
			return r.Call("rotated", secret, http.MethodGet, "/api/v1/templates", nil).Status == http.StatusOK
		}, 5*time.Second, harness.Tick, "long before the slow look")
		status := r.Call("rotated", "the-secret-of-yesterday", http.MethodGet, "/api/v1/templates", nil).Status
		require.Contains(t, []int{http.StatusUnauthorized, http.StatusTooManyRequests}, status) // the tries before were guesses
	}
}

// Many requests to reload at once: the newest files are in effect, and nothing stops.
func TestManyReloadsAtOnce(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	r.Template()
	for i := range 50 {
		w.Configure(map[string]string{"defaults": fmt.Sprintf(`{maxRecipients: %d, timeoutSeconds: 10}`, 1+i)})
		r.Signal(syscall.SIGHUP)
		r.Signal(syscall.SIGHUP)
	}
	require.Eventually(t, func() bool {
		return r.Call(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", harness.Notification("many", 50)).Status == http.StatusAccepted
	}, harness.Patience, harness.Tick)
	r.Do(http.StatusUnprocessableEntity, http.MethodPost, "/api/v1/notifications", harness.Notification("more", 51))
	require.Zero(t, r.Terminate())
}

// A file that would block the start is refused: at once a pipe, which has no end, and the
// start says which one it is; one that does not answer after a while.
func TestStartWithAFileThatBlocks(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	require.NoError(t, os.Remove(w.Path("apps.yaml")))
	require.NoError(t, syscall.Mkfifo(w.Path("apps.yaml"), 0o600))
	require.NoError(t, w.Program("version").Run(), "it is built")
	for _, command := range [][]string{{"-c", "config.yaml"}, {"config", "check", "-c", "config.yaml"}} {
		started := time.Now()
		out, err := w.Program(command...).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "auth.credentialsFilePath: is a pipe; it must be a file, because it is read again later")
		require.Less(t, time.Since(started), 10*time.Second)
	}
	require.NoError(t, os.Remove(w.Path("apps.yaml")))
	require.NoError(t, os.Symlink("/dev/ptmx", w.Path("apps.yaml"))) // a terminal on which nobody types
	started := time.Now()
	out, err := w.Program("-c", "config.yaml").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "auth.credentialsFilePath: cannot be read: no answer; does its file system hang?")
	require.Less(t, time.Since(started), 30*time.Second)
}

// Somebody migrates down under a running service, and up again: it says what it needs,
// and goes on to deliver by itself.
func TestMigrateDownWhileServing(t *testing.T) {
	t.Parallel()
	w := harness.NewPostgres(t)
	r := w.Start()
	r.Template()
	r.Until(r.Send("before", 1), "success")
	migrate := func(args ...string) {
		t.Helper()
		out, err := w.Program(append([]string{"migrate"}, args...)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	migrate("down", "--yes")
	await := func(status int) (a harness.Answer) {
		t.Helper()
		require.Eventually(t, func() bool { // a probe is told what was known a second ago
			a = r.Call("", "", http.MethodGet, "/readyz", nil)
			return a.Status == status
		}, harness.Patience, harness.Tick)
		return a
	}
	require.Contains(t, await(http.StatusServiceUnavailable).Body["reason"], "this program needs")
	r.Do(http.StatusServiceUnavailable, http.MethodGet, "/health", nil)
	r.Do(http.StatusOK, http.MethodGet, "/livez", nil)
	for _, path := range []string{"/api/v1/templates", "/api/v1/notifications", "/api/v1/deliveries"} {
		r.Do(http.StatusServiceUnavailable, http.MethodGet, path, nil)
	}
	r.Do(http.StatusServiceUnavailable, http.MethodPost, "/api/v1/notifications", harness.Notification("meanwhile", 1))
	r.Do(http.StatusServiceUnavailable, http.MethodPost, "/api/v1/templates", map[string]any{"name": "n", "channel": "feishu_app", "body": "b"})

	migrate("up")
	await(http.StatusOK)
	r.Template()
	for i := range 20 { // on every connection
		r.Until(r.Send(fmt.Sprintf("after-%d", i), 1), "success")
	}
}

// An SQLite file and a folder of dev belong to one process. The second one says which
// process has it, in one line, and changes nothing. A kill frees it.
func TestFilesBelongToOneProcess(t *testing.T) {
	t.Parallel()
	t.Run("serve", func(t *testing.T) {
		t.Parallel()
		w := harness.NewSQLite(t)
		r := w.Start()
		r.Template()
		for _, command := range [][]string{{"-c", "config.yaml"}, {"migrate", "down", "--yes"}, {"migrate", "up"}} {
			refused(t, w, fmt.Sprintf("notify.db is in use by process %d on ", r.Cmd.Process.Pid), command...)
		}
		r.Until(r.Send("goes-on", 1), "success")
		r.Kill()
		w.Start()
	})
	t.Run("dev", func(t *testing.T) {
		t.Parallel()
		w := harness.NewSQLite(t)
		flags := []string{"dev", "--address", "127.0.0.1:0", "--vendors", "127.0.0.1:0", "--state", w.Path("state")}
		cmd := w.Program(flags...)
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		limit.Line(t, stdout, "address of the API", func(line string) bool { return strings.Contains(line, "  API ") })
		database, err := os.Stat(w.Path("state/notify.db"))
		require.NoError(t, err)
		for _, more := range [][]string{nil, {"--fresh"}, {"--once", "--fresh"}} {
			refused(t, w, fmt.Sprintf("is in use by process %d on ", cmd.Process.Pid), append(flags, more...)...)
		}
		after, err := os.Stat(w.Path("state/notify.db"))
		require.NoError(t, err)
		require.True(t, os.SameFile(database, after), "nothing was deleted")
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
		out, err := w.Program(append(flags, "--once", "--fresh")...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	})
}

// refused runs a command that ends with one line with the text.
func refused(t *testing.T, w *harness.World, text string, args ...string) {
	t.Helper()
	out, err := w.Program(args...).CombinedOutput()
	require.Error(t, err, "%s", out)
	var said []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "is in use by") {
			said = append(said, line)
		}
	}
	require.Len(t, said, 1, "%s", out)
	require.Contains(t, said[0], text)
}
