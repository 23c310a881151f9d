package smoke

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// A send in flight at SIGTERM is finished and recorded.
func TestTerminateFinishesSends(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		r.Template()
		hang := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Hang: true, After: true})
		id := r.Send("k", 3)
		limit.Count(t, hang, 3, "hanging sends")
		r.Signal(syscall.SIGTERM)
		r.Await("shutting down: sends in flight finish first")
		hang.Lift()
		require.Zero(t, r.Wait())

		tasks := w.Start().Until(id, "success")
		require.Len(t, tasks, 3)
		harness.RequireOnceEach(t, w, harness.IDs(tasks))
		require.Equal(t, 3, w.Vendors.Feishu.Requests(feishu.Messages))
	})
}

// A message arrives once though its worker is killed during the send: the next
// attempt has the same uuid.
func TestKillInTheMiddleOfASend(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Configure(map[string]string{
			"dispatcher": `{interval: 200ms, leaseTimeout: 11s}`, "defaults": `{retryBackoffSeconds: [0], timeoutSeconds: 1}`,
		})
		r := w.Start()
		r.Template()
		hang := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, Hang: true, After: true})
		id := r.Send("k", 1)
		limit.Count(t, hang, 1, "hanging sends")
		r.Kill()
		require.Equal(t, 1, w.Vendors.Feishu.Inbox().Total(), "it arrived; only the answer was lost")

		r = w.Start()
		tasks := r.Until(id, "success")
		require.Equal(t, 2, w.Vendors.Feishu.Inbox().Mark(tasks[0].ID).Requests)
		harness.RequireOnceEach(t, w, harness.IDs(tasks))
	})
}

// What was answered with 202 survives a kill of the process.
func TestKillKeepsWhatWasAccepted(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Configure(map[string]string{"dispatcher": `{enabled: false}`})
		r := w.Start()
		r.Template()
		var mu sync.Mutex
		var accepted []string
		enough := make(chan struct{})
		var wg sync.WaitGroup
		for caller := range 8 {
			wg.Go(func() {
				for i := 0; ; i++ {
					a, err := r.Try(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", harness.Notification(fmt.Sprintf("%d-%d", caller, i), 1))
					if err != nil {
						return // killed
					}
					if a.Status == http.StatusAccepted {
						mu.Lock()
						accepted = append(accepted, a.Body["notificationId"].(string))
						if len(accepted) == 200 {
							close(enough)
						}
						mu.Unlock()
					}
				}
			})
		}
		limit.Receive(t, enough, "200 accepted notifications")
		r.Kill()
		limit.Group(t, &wg, "callers")

		w.Configure(map[string]string{"dispatcher": `{interval: 200ms}`})
		r = w.Start()
		for _, id := range accepted {
			harness.RequireOnceEach(t, w, harness.IDs(r.Until(id, "success")))
		}
	})
}

func TestTwoReplicasShareTheWork(t *testing.T) {
	t.Parallel()
	w := harness.NewPostgres(t)
	first, second := w.Start(), w.Start()
	first.Template()
	var notifications []string
	for i := range 20 {
		notifications = append(notifications, []*harness.Replica{first, second}[i%2].Send(fmt.Sprintf("k%d", i), 100))
	}
	total := 0
	for _, id := range notifications {
		tasks := second.Until(id, "success")
		total += len(tasks)
		harness.RequireOnceEach(t, w, harness.IDs(tasks))
	}
	require.Equal(t, 2000, total, "none lost")
	require.Equal(t, 2000, w.Vendors.Feishu.Inbox().Total(), "none twice")
	for _, r := range []*harness.Replica{first, second} {
		require.Greater(t, strings.Count(r.Log.String(), `"msg":"attempt"`), 200, "each replica had its share")
		require.Zero(t, r.Terminate())
	}
}

func TestCommandLine(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		run := func(code int, args ...string) string {
			out, err := w.Program(args...).CombinedOutput()
			var exit *exec.ExitError
			if code != 0 {
				require.ErrorAs(t, err, &exit, "%v: %s", args, out)
				require.Equal(t, code, exit.ExitCode(), "%s", out)
				return string(out)
			}
			require.NoError(t, err, "%v: %s", args, out)
			return string(out)
		}
		require.Contains(t, run(0, "version"), "sealos-notify")

		checked := run(0, "config", "check", "-c", "config.yaml")
		require.Contains(t, checked, "config.yaml is valid")
		require.NotContains(t, checked, harness.VendorSecret)

		require.NotContains(t, run(0, "migrate", "up", "-c", "config.yaml"), "not applied")
		refused := run(1, "migrate", "down", "-c", "config.yaml")
		require.Regexp(t, `All \d+ migrations will be undone: every notification, template and job is lost\. Nothing was done, .*: --yes does it`, refused)
		require.NotContains(t, run(0, "migrate", "status", "-c", "config.yaml"), "not applied")
		require.Contains(t, run(0, "migrate", "down", "--yes", "-c", "config.yaml"), "not applied")
		require.Contains(t, run(0, "migrate", "down", "-c", "config.yaml"), "not applied", "there is nothing to undo, and nothing to ask")
		require.NotContains(t, run(0, "migrate", "up", "-c", "config.yaml"), "not applied")
		require.NotContains(t, run(0, "migrate", "status", "-c", "config.yaml"), "not applied")

		w.Configure(map[string]string{"providers": `{feishu: {type: carrier_pigeon}}`})
		require.Contains(t, run(1, "config", "check"), "providers.feishu.type: unknown provider type")
		require.Contains(t, run(1, "serve"), "config.yaml:")

		// What serve refuses, config check refuses.
		w.Configure(map[string]string{"providers": w.FeishuProvider(""), "auth": `{credentialsFilePath: nowhere.yaml}`})
		for _, command := range [][]string{{"config", "check"}, {"serve"}} {
			require.Contains(t, run(1, command...), "auth.credentialsFilePath: cannot be read: no such file or directory")
		}

		// flag > environment > file
		w.Configure(map[string]string{"logging": `{level: error}`, "auth": `{credentialsFilePath: apps.yaml}`})
		cmd := w.Program("config", "check", "--log-level", "debug")
		cmd.Env = append(cmd.Environ(), "LOGGING_LEVEL=warn", "SERVER_ADDRESS=127.0.0.1:7")
		out, err := cmd.Output()
		require.NoError(t, err)
		require.Contains(t, string(out), "level: debug")
		require.Contains(t, string(out), "127.0.0.1:7")
	})
}

func TestDev(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	out, err := w.Program("dev", "--once", "--address", "127.0.0.1:0", "--vendors", "127.0.0.1:0", "--state", w.Path("state")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), w.Path("state"))
	require.Equal(t, len(builtin.Types()), strings.Count(string(out), "success"), "%s", out)

	// A second run finds what the first one kept.
	out, err = w.Program("dev", "--once", "--address", "127.0.0.1:0", "--vendors", "127.0.0.1:0", "--state", w.Path("state")).CombinedOutput()
	require.NoError(t, err, "%s", out)

	// With faults, a retry arrives and a refusal is dead.
	out, err = w.Program("dev", "--once", "--address", "127.0.0.1:0", "--vendors", "127.0.0.1:0", "--state", w.Path("state"),
		"--fault", "feishu_app=refuse", "--fault", "sms=down").CombinedOutput()
	require.Error(t, err, "%s", out)
	require.Equal(t, len(builtin.Types())-1, strings.Count(string(out), "success"), "%s", out)
	require.Contains(t, string(out), "Bot has NO availability to this user.")
	out, err = w.Program("dev", "--once", "--state", w.Path("other"), "--fault", "feishu=down").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), `--fault "feishu=down" is not CHANNEL=NAME with a channel of dingtalk_group, email, `)
	out, err = w.Program("dev", "--help").CombinedOutput()
	require.NoError(t, err)
	help := strings.Join(strings.Fields(string(out)), " ")
	for _, typ := range builtin.Types() {
		require.Contains(t, help, typ.Channel)
	}
	for _, name := range vendors.Names() {
		require.Contains(t, help, name+" (")
	}

	taken := w.Vendors.Addresses["feishu_app"]
	out, err = w.Program("dev", "--once", "--address", taken, "--state", w.Path("other")).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), taken+": another program is using it; choose another with --address")
}
