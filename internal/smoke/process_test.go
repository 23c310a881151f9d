package smoke

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// A send that is under way when the process is told to stop is finished and recorded.
func TestTerminateFinishesSends(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		r := w.start()
		r.template()
		hang := w.feishu.Fail(feishu.Fault{Where: feishu.Messages, Hang: true, After: true})
		id := r.send("k", 3)
		require.NoError(t, hang.Wait(t.Context(), 3))
		code := make(chan int, 1)
		go func() { code <- r.terminate() }()
		r.log.await(t, "shutting down: sends in flight finish first", r.exited)
		hang.Lift()
		require.Zero(t, <-code)

		tasks := w.start().until(id, "success")
		require.Len(t, tasks, 3)
		requireOnceEach(t, w, ids(tasks))
		require.Equal(t, 3, w.feishu.Requests(feishu.Messages))
	})
}

// A worker that is killed in the middle of a send is replaced, and the message
// arrives once: the next attempt shows the same uuid.
func TestKillInTheMiddleOfASend(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.configure(map[string]string{
			"dispatcher": `{interval: 200ms, leaseTimeout: 11s}`, "defaults": `{retryBackoffSeconds: [0], timeoutSeconds: 1}`,
		})
		r := w.start()
		r.template()
		hang := w.feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, Hang: true, After: true})
		id := r.send("k", 1)
		require.NoError(t, hang.Wait(t.Context(), 1))
		r.kill()
		require.Equal(t, 1, w.feishu.Inbox().Total(), "it had arrived; only the answer was lost")

		r = w.start()
		tasks := r.until(id, "success")
		require.Equal(t, 2, w.feishu.Inbox().Mark(tasks[0].ID).Requests)
		requireOnceEach(t, w, ids(tasks))
	})
}

// Whatever was answered with 202 survives the death of the process.
func TestKillKeepsWhatWasAccepted(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.configure(map[string]string{"dispatcher": `{enabled: false}`})
		r := w.start()
		r.template()
		var mu sync.Mutex
		var accepted []string
		enough := make(chan struct{})
		var wg sync.WaitGroup
		for caller := range 8 {
			wg.Go(func() {
				for i := 0; ; i++ {
					a, err := r.try(appID, appSecret, http.MethodPost, "/api/v1/notifications", notification(fmt.Sprintf("%d-%d", caller, i), 1))
					if err != nil {
						return // killed
					}
					if a.status == http.StatusAccepted {
						mu.Lock()
						accepted = append(accepted, a.body["notificationId"].(string))
						if len(accepted) == 200 {
							close(enough)
						}
						mu.Unlock()
					}
				}
			})
		}
		<-enough
		r.kill()
		wg.Wait()

		w.configure(map[string]string{"dispatcher": `{interval: 200ms}`})
		r = w.start()
		for _, id := range accepted {
			requireOnceEach(t, w, ids(r.until(id, "success")))
		}
	})
}

func TestTwoReplicasShareTheWork(t *testing.T) {
	t.Parallel()
	w := newPostgresWorld(t)
	first, second := w.start(), w.start()
	first.template()
	var notifications []string
	for i := range 20 {
		notifications = append(notifications, []*replica{first, second}[i%2].send(fmt.Sprintf("k%d", i), 100))
	}
	total := 0
	for _, id := range notifications {
		tasks := second.until(id, "success")
		total += len(tasks)
		requireOnceEach(t, w, ids(tasks))
	}
	require.Equal(t, 2000, total, "none lost")
	require.Equal(t, 2000, w.feishu.Inbox().Total(), "none twice")
	for _, r := range []*replica{first, second} {
		require.Greater(t, strings.Count(r.log.String(), `"msg":"attempt"`), 200, "each replica had its share")
		require.Zero(t, r.terminate())
	}
}

func TestCommandLine(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		run := func(code int, args ...string) string {
			out, err := w.program(args...).CombinedOutput()
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
		require.NotContains(t, checked, feishuSecret)

		require.Contains(t, run(0, "migrate", "down", "-c", "config.yaml"), "not applied")
		require.NotContains(t, run(0, "migrate", "up", "-c", "config.yaml"), "not applied")
		require.NotContains(t, run(0, "migrate", "status", "-c", "config.yaml"), "not applied")

		w.configure(map[string]string{"providers": `{feishu: {type: carrier_pigeon}}`})
		require.Contains(t, run(1, "config", "check"), "providers.feishu.type: unknown provider type")
		require.Contains(t, run(1, "serve"), "config.yaml:")

		// flag > environment > file
		w.configure(map[string]string{"providers": w.provider(""), "logging": `{level: error}`})
		cmd := w.program("config", "check", "--log-level", "debug")
		cmd.Env = append(cmd.Environ(), "LOGGING_LEVEL=warn", "SERVER_ADDRESS=127.0.0.1:7")
		out, err := cmd.Output()
		require.NoError(t, err)
		require.Contains(t, string(out), "level: debug")
		require.Contains(t, string(out), "127.0.0.1:7")
	})
}

func TestDev(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newSQLiteConfig(t))
	out, err := w.program("dev", "--once", "--address", "127.0.0.1:0", "--vendors", "127.0.0.1:0", "--state", w.path("state")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), w.path("state"))
	require.Equal(t, 6, strings.Count(string(out), "success"), "%s", out)

	// A second run finds what the first one kept.
	out, err = w.program("dev", "--once", "--address", "127.0.0.1:0", "--vendors", "127.0.0.1:0", "--state", w.path("state")).CombinedOutput()
	require.NoError(t, err, "%s", out)

	taken := strings.TrimPrefix(w.vendor.URL, "http://")
	out, err = w.program("dev", "--once", "--address", taken, "--state", w.path("other")).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), taken+": another program is using it; choose another with --address")
}
