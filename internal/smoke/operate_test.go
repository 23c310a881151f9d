package smoke

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/vendors/feishu"
	"github.com/labring/sealos-notify/store"
)

func newSQLiteConfig(t *testing.T) store.Config {
	t.Helper()
	return store.Config{Driver: store.DriverSQLite, Path: filepath.Join(t.TempDir(), "notify.db")}
}

func TestHealth(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		r := w.start()
		for path, want := range map[string]string{"/health": `{"status":"healthy"}`, "/livez": "", "/readyz": ""} {
			a := r.do(http.StatusOK, http.MethodGet, path, nil)
			if want != "" {
				require.JSONEq(t, want, a.raw)
			}
		}
	})
}

func TestReload(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		r := w.start()
		r.template()

		// An invalid file changes nothing.
		w.configure(map[string]string{"channels": `{feishu_app: {enabled: true, provider: nobody}}`})
		refused := r.log.await(t, "configuration not reloaded: the running one stays", r.exited)
		require.Contains(t, fmt.Sprint(refused["problems"]), "channels.feishu_app.provider: there is no provider of that name")
		r.until(r.send("still-on", 1), "success")

		// A channel is switched off.
		w.configure(map[string]string{"channels": `{feishu_app: {enabled: false}}`})
		r.log.await(t, "configuration reloaded", r.exited)
		a := r.do(http.StatusUnprocessableEntity, http.MethodPost, "/api/v1/notifications", notification("off", 1))
		require.Equal(t, "channel_off", a.body["code"])

		// And on again, with a section that needs a restart.
		w.configure(map[string]string{
			"channels": `{feishu_app: {enabled: true, provider: feishu}}`, "server": `{address: "127.0.0.1:0", readTimeout: 31s}`,
		})
		later := r.log.await(t, "some changes take effect at the next start only", r.exited)
		require.Equal(t, []any{"server.readTimeout"}, later["keys"])
		r.until(r.send("on-again", 1), "success")

		// The credentials file reloads by itself.
		w.write("apps.yaml", "apps:\n  - {appId: "+appID+", appSecrets: [next-secret, "+appSecret+"]}\n")
		r.log.await(t, "configuration reloaded", r.exited) // of the section above
		r.log.await(t, "configuration reloaded", r.exited)
		require.Equal(t, http.StatusOK, r.call(appID, "next-secret", http.MethodGet, "/api/v1/templates", nil).status)
		require.Equal(t, http.StatusOK, r.call(appID, appSecret, http.MethodGet, "/api/v1/templates", nil).status)
		require.Equal(t, http.StatusUnauthorized, r.call(otherID, otherSecret, http.MethodGet, "/api/v1/templates", nil).status)

		require.NoError(t, r.cmd.Process.Signal(syscall.SIGHUP))
		r.log.await(t, "configuration reloaded", r.exited)
	})
}

// Kubernetes swaps a symlink beside the file and never touches the file.
func TestReloadOfAConfigMap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newSQLiteConfig(t))
	mount := w.path("mount")
	publish := func(version string) {
		require.NoError(t, os.MkdirAll(filepath.Join(mount, version), 0o700))
		content, err := os.ReadFile(w.path("config.yaml"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(mount, version, "config.yaml"), content, 0o600))
		require.NoError(t, os.Symlink(version, filepath.Join(mount, "..data_tmp")))
		require.NoError(t, os.Rename(filepath.Join(mount, "..data_tmp"), filepath.Join(mount, "..data")))
	}
	publish("..1")
	require.NoError(t, os.Symlink("..data/config.yaml", filepath.Join(mount, "config.yaml")))
	r := w.start("-c", filepath.Join(mount, "config.yaml"))
	r.template()
	w.configure(map[string]string{"channels": `{}`})
	publish("..2")
	r.log.await(t, "configuration reloaded", r.exited)
	r.do(http.StatusUnprocessableEntity, http.MethodPost, "/api/v1/notifications", notification("k", 1))
}

func TestReloadUnderLoad(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		r := w.start()
		r.template()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var mu sync.Mutex
		var accepted []string
		var wg sync.WaitGroup
		for caller := range 4 {
			wg.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					a, err := r.try(appID, appSecret, http.MethodPost, "/api/v1/notifications", notification(fmt.Sprintf("%d-%d", caller, i), 2))
					if err != nil || a.status != http.StatusAccepted {
						t.Errorf("not accepted: %v %s", err, a.raw)
						return
					}
					mu.Lock()
					accepted = append(accepted, a.body["notificationId"].(string))
					mu.Unlock()
				}
			})
		}
		for i := range 6 {
			if i%2 == 0 {
				w.configure(map[string]string{"defaults": `{maxRetry: -1}`})
				r.log.await(t, "configuration not reloaded: the running one stays", r.exited)
				continue
			}
			w.configure(map[string]string{"defaults": fmt.Sprintf(`{maxRetry: %d, retryBackoffSeconds: [0], timeoutSeconds: 10}`, i)})
			r.log.await(t, "configuration reloaded", r.exited)
		}
		stop()
		wg.Wait()
		require.NotEmpty(t, accepted)
		for _, id := range accepted {
			requireOnceEach(t, w, ids(r.until(id, "success")))
		}
	})
}

func TestRiverUI(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		r := w.start()
		r.template()
		hang := w.feishu.Fail(feishu.Fault{Where: feishu.Messages, Hang: true})
		defer hang.Lift()
		r.send("k", 1)
		require.NoError(t, hang.Wait(t.Context(), 1))
		get := func(id, secret, path string) (*http.Response, string) {
			req, err := http.NewRequest(http.MethodGet, r.base+path, nil)
			require.NoError(t, err)
			if id != "" {
				req.SetBasicAuth(id, secret)
			}
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			defer func() { _ = resp.Body.Close() }()
			page, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			return resp, string(page)
		}
		resp, _ := get("", "", "/riverui/")
		require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
		require.Contains(t, resp.Header.Get("WWW-Authenticate"), "Basic", "a browser asks")
		resp, _ = get(appID, appSecret, "/riverui/")
		require.Equal(t, http.StatusForbidden, resp.StatusCode)
		resp, page := get(adminID, adminSecret, "/riverui/")
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Contains(t, page, "<html")
		resp, queues := get(adminID, adminSecret, "/riverui/api/queues")
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Contains(t, queues, "feishu_app")
		resp, jobs := get(adminID, adminSecret, "/riverui/api/jobs?state=running")
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Contains(t, jobs, `"deliver"`)
		require.NotContains(t, jobs, "ou_k_0")
	})
}

// What somebody does to a job in River UI reaches its delivery.
func TestJobCancelledInRiverUI(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.configure(map[string]string{"defaults": `{retryBackoffSeconds: [3600], timeoutSeconds: 10}`})
		r := w.start()
		r.template()
		fault := w.feishu.Fail(feishu.Fault{Where: feishu.Messages, HTTPStatus: 500, Code: "1500"})
		id := r.send("k", 1)
		require.Eventually(t, func() bool { _, tasks := r.show(id); return tasks[0].Status == "failed" }, patience, tick)
		fault.Lift()
		r.riverUI("/riverui/api/jobs/cancel", r.jobs("retryable")...)
		require.Equal(t, "cancelled", r.until(id, "cancelled")[0].Status)

		r.riverUI("/riverui/api/jobs/retry", r.jobs("cancelled")...)
		requireOnceEach(t, w, ids(r.until(id, "success")))
	})
}
