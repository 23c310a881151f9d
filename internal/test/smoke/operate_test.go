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

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

func TestHealth(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		for path, want := range map[string]string{"/health": `{"status":"healthy"}`, "/livez": "", "/readyz": ""} {
			a := r.Do(http.StatusOK, http.MethodGet, path, nil)
			if want != "" {
				require.JSONEq(t, want, a.Raw)
			}
		}
	})
}

func TestReload(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		r.Template()

		// An invalid file changes nothing.
		w.Configure(map[string]string{"channels": `{feishu_app: {enabled: true, provider: nobody}}`})
		refused := r.Await("configuration not reloaded: the running one stays")
		require.Contains(t, fmt.Sprint(refused["problems"]), "channels.feishu_app.provider: there is no provider of that name")
		r.Until(r.Send("still-on", 1), "success")

		// A channel is switched off.
		w.Configure(map[string]string{"channels": `{feishu_app: {enabled: false}}`})
		r.Await("configuration reloaded")
		a := r.Do(http.StatusUnprocessableEntity, http.MethodPost, "/api/v1/notifications", harness.Notification("off", 1))
		require.Equal(t, "channel_off", a.Body["code"])

		// And on again, with a section that needs a restart.
		w.Configure(map[string]string{
			"channels": `{feishu_app: {enabled: true, provider: feishu}}`, "server": `{address: "127.0.0.1:0", readTimeout: 31s}`,
		})
		later := r.Await("some changes take effect at the next start only")
		require.Equal(t, []any{"server.readTimeout"}, later["keys"])
		r.Until(r.Send("on-again", 1), "success")

		// The credentials file reloads by itself.
		w.Write("apps.yaml", "apps:\n  - {appId: "+harness.AppID+", appSecrets: [next-secret, "+harness.AppSecret+"]}\n")
		r.Await("configuration reloaded") // of the section above
		r.Await("configuration reloaded")
		require.Equal(t, http.StatusOK, r.Call(harness.AppID, "next-secret", http.MethodGet, "/api/v1/templates", nil).Status)
		require.Equal(t, http.StatusOK, r.Call(harness.AppID, harness.AppSecret, http.MethodGet, "/api/v1/templates", nil).Status)
		require.Equal(t, http.StatusUnauthorized, r.Call(harness.OtherID, harness.OtherSecret, http.MethodGet, "/api/v1/templates", nil).Status)

		require.NoError(t, r.Cmd.Process.Signal(syscall.SIGHUP))
		r.Await("configuration reloaded")
	})
}

// Kubernetes swaps a symlink in the folder; the file itself does not change.
func TestReloadOfAConfigMap(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	mount := w.Path("mount")
	publish := func(version string) {
		require.NoError(t, os.MkdirAll(filepath.Join(mount, version), 0o700))
		content, err := os.ReadFile(w.Path("config.yaml"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(mount, version, "config.yaml"), content, 0o600))
		require.NoError(t, os.Symlink(version, filepath.Join(mount, "..data_tmp")))
		require.NoError(t, os.Rename(filepath.Join(mount, "..data_tmp"), filepath.Join(mount, "..data")))
	}
	publish("..1")
	require.NoError(t, os.Symlink("..data/config.yaml", filepath.Join(mount, "config.yaml")))
	r := w.Start("-c", filepath.Join(mount, "config.yaml"))
	r.Template()
	w.Configure(map[string]string{"channels": `{}`})
	publish("..2")
	r.Await("configuration reloaded")
	r.Do(http.StatusUnprocessableEntity, http.MethodPost, "/api/v1/notifications", harness.Notification("k", 1))
}

func TestReloadUnderLoad(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		r.Template()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var mu sync.Mutex
		var accepted []string
		var wg sync.WaitGroup
		for caller := range 4 {
			wg.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					a, err := r.Try(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", harness.Notification(fmt.Sprintf("%d-%d", caller, i), 2))
					if err != nil || a.Status != http.StatusAccepted {
						t.Errorf("not accepted: %v %s", err, a.Raw)
						return
					}
					mu.Lock()
					accepted = append(accepted, a.Body["notificationId"].(string))
					mu.Unlock()
				}
			})
		}
		for i := range 6 {
			if i%2 == 0 {
				w.Configure(map[string]string{"defaults": `{maxRetry: -1}`})
				r.Await("configuration not reloaded: the running one stays")
				continue
			}
			w.Configure(map[string]string{"defaults": fmt.Sprintf(`{maxRetry: %d, retryBackoffSeconds: [0], timeoutSeconds: 10}`, i)})
			r.Await("configuration reloaded")
		}
		stop()
		limit.Group(t, &wg, "callers")
		require.NotEmpty(t, accepted)
		for _, id := range accepted {
			harness.RequireOnceEach(t, w, harness.IDs(r.Until(id, "success")))
		}
	})
}

func TestRiverUI(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		r.Template()
		hang := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Hang: true})
		defer hang.Lift()
		r.Send("k", 1)
		limit.Count(t, hang, 1, "hanging sends")
		get := func(id, secret, path string) (*http.Response, string) {
			req, err := http.NewRequest(http.MethodGet, r.Base+path, nil)
			require.NoError(t, err)
			if id != "" {
				req.SetBasicAuth(id, secret)
			}
			resp, err := limit.Client.Do(req)
			require.NoError(t, err)
			defer func() { _ = resp.Body.Close() }()
			page, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			return resp, string(page)
		}
		resp, _ := get("", "", "/riverui/")
		require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
		require.Contains(t, resp.Header.Get("WWW-Authenticate"), "Basic", "a browser asks")
		resp, _ = get(harness.AppID, harness.AppSecret, "/riverui/")
		require.Equal(t, http.StatusForbidden, resp.StatusCode)
		resp, page := get(harness.AdminID, harness.AdminSecret, "/riverui/")
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Contains(t, page, "<html")
		resp, queues := get(harness.AdminID, harness.AdminSecret, "/riverui/api/queues")
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Contains(t, queues, "feishu_app")
		resp, jobs := get(harness.AdminID, harness.AdminSecret, "/riverui/api/jobs?state=running")
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Contains(t, jobs, `"deliver"`)
		require.NotContains(t, jobs, "ou_k_0")
	})
}

// Cancelling or retrying a job in River UI changes its delivery.
func TestJobCancelledInRiverUI(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Configure(map[string]string{"defaults": `{retryBackoffSeconds: [3600], timeoutSeconds: 10}`})
		r := w.Start()
		r.Template()
		fault := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, HTTPStatus: 500, Code: "1500"})
		id := r.Send("k", 1)
		require.Eventually(t, func() bool { _, tasks := r.Show(id); return tasks[0].Status == "failed" }, harness.Patience, harness.Tick)
		fault.Lift()
		r.RiverUI("/riverui/api/jobs/cancel", r.Jobs("retryable")...)
		require.Equal(t, "cancelled", r.Until(id, "cancelled")[0].Status)

		r.RiverUI("/riverui/api/jobs/retry", r.Jobs("cancelled")...)
		harness.RequireOnceEach(t, w, harness.IDs(r.Until(id, "success")))
	})
}
