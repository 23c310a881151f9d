package smoke

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// The commands of the operations page find a dead letter and send it again.
func TestFindAndReplay(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		blocks := shellBlocksOf(t, "docs/operations.md", "## Find and replay")
		require.Len(t, blocks, 7)
		r := w.Start()
		r.Template()
		refused := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, HTTPStatus: 400, Code: "230001"})
		body := harness.Notification("dead", 3)
		body["recipients"].([]map[string]string)[0]["value"] = "ou_xxxxxxxx"
		id := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body).Body["notificationId"].(string)
		tasks := r.Until(id, "failed")
		refused.Lift()

		lists := curls(t, w, r, blocks[0])
		require.Len(t, lists[0].Body["deliveries"], 3, lists[0].Raw)
		require.Len(t, lists[1].Body["notifications"], 1, lists[1].Raw)
		require.Equal(t, id, lists[1].Body["notifications"].([]any)[0].(map[string]any)["id"])

		one := curls(t, w, r, "DELIVERY="+tasks[0].ID+"\n"+blocks[1])[0]
		require.Equal(t, http.StatusOK, one.Status)
		require.Contains(t, one.Body["message"].(map[string]any)["body"], "DB 主节点不可用")
		attempts := one.Body["attempts"].([]any)
		require.Len(t, attempts, 1)
		require.Equal(t, "feishu_230001", attempts[0].(map[string]any)["code"])

		again := curls(t, w, r, "DELIVERY="+tasks[0].ID+"\n"+blocks[2])[0]
		require.Equal(t, http.StatusAccepted, again.Status, again.Raw)
		many := curls(t, w, r, blocks[3])
		require.JSONEq(t, `{"matched":2,"retried":0,"dryRun":true,"more":false}`, many[0].Raw)
		require.JSONEq(t, `{"matched":2,"retried":2,"dryRun":false,"more":false}`, many[1].Raw)
		harness.RequireOnceEach(t, w, harness.IDs(r.Until(id, "success")))
		arrived := curls(t, w, r, "DELIVERY="+tasks[0].ID+"\n"+blocks[2])[0]
		require.Equal(t, http.StatusConflict, arrived.Status)
		require.Equal(t, "delivery_arrived", arrived.Body["code"])

		cancelled := curls(t, w, r, "NOTIFICATION="+id+"\n"+blocks[4])[0]
		require.Equal(t, http.StatusOK, cancelled.Status)
		require.Equal(t, "success", cancelled.Body["status"], "what has arrived stays so")

		erased := curls(t, w, r, blocks[5])[0]
		require.Equal(t, http.StatusOK, erased.Status, erased.Raw)
		require.Equal(t, true, erased.Body["dryRun"])

		commands := strings.Split(strings.TrimSpace(strings.ReplaceAll(blocks[6], "aliyun-sms", "feishu")), "\n")
		require.Len(t, commands, 2)
		for i, open := range []bool{true, false} {
			cmd := w.Program(append(strings.Fields(commands[i])[1:], "--url", r.Base, "--app-id", harness.AdminID)...)
			cmd.Env = append(cmd.Environ(), "SEALOS_NOTIFY_APP_SECRET="+harness.AdminSecret)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			channels := r.Do(http.StatusOK, http.MethodGet, "/api/v1/channels", nil).Raw
			require.Equal(t, open, strings.Contains(channels, `"byHand":true`), channels)
		}
	})
}

// A dead delivery can be sent again through a provider that no channel uses.
func TestReplayThroughAnotherProvider(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		provider := `{type: feishu_app, appId: %q, appSecret: %q, baseUrl: "http://%s", rateLimit: {perSecond: 0, perMinute: 0}}`
		w.Configure(map[string]string{"providers": fmt.Sprintf(`{feishu: `+provider+`, backup: `+provider+`}`,
			harness.VendorID, harness.VendorSecret, "127.0.0.1:1",
			harness.VendorID, harness.VendorSecret, w.Vendors.Addresses["feishu_app"]),
			"defaults": `{maxRetry: 1, retryBackoffSeconds: [0], timeoutSeconds: 5}`}) // few enough that no breaker opens
		r := w.Start()
		r.Template()
		id := r.Send("k", 2)
		tasks := r.Until(id, "failed")
		retry := func(i int, body map[string]any) harness.Answer {
			return r.Call(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/deliveries/"+tasks[i].ID+"/retry", body)
		}
		refused := retry(0, map[string]any{"provider": "nobody"})
		require.Equal(t, http.StatusUnprocessableEntity, refused.Status)
		require.Contains(t, refused.Raw, "backup, feishu")

		a := retry(0, map[string]any{"provider": "backup"})
		require.Equal(t, http.StatusAccepted, a.Status, a.Raw)
		require.Equal(t, "backup", a.Body["provider"])
		many := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/deliveries/retry", map[string]any{
			"filter": map[string]any{"notification": id}, "provider": "backup",
		})
		require.EqualValues(t, 1, many.Body["retried"], many.Raw)
		for _, task := range r.Until(id, "success") {
			require.Equal(t, "backup", task.Provider)
		}
		harness.RequireOnceEach(t, w, harness.IDs(tasks))
	})
}

// Cancelling a notification lets sends in flight finish and cancels the rest. Another
// app cannot do it.
func TestCancel(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Configure(map[string]string{"dispatcher": `{interval: 200ms, leaseTimeout: 30s, batchSize: 2}`})
		r := w.Start()
		r.Template()
		hang := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Hang: true, Times: 2})
		id := r.Send("k", 6)
		limit.Count(t, hang, 2, "hanging sends")
		path := "/api/v1/notifications/" + id + "/cancel"
		require.Equal(t, http.StatusNotFound, r.Call(harness.OtherID, harness.OtherSecret, http.MethodPost, path, nil).Status)
		a := r.Do(http.StatusOK, http.MethodPost, path, nil)
		require.EqualValues(t, 4, a.Body["counts"].(map[string]any)["cancelled"])
		require.Equal(t, "processing", a.Body["status"])
		running := r.Do(http.StatusOK, http.MethodGet, "/api/v1/deliveries?"+url.Values{"notification": {id}, "status": {"processing"}}.Encode(), nil)
		require.Len(t, running.Body["deliveries"], 2)
		hang.Lift()
		arrived := 0
		for _, task := range r.Until(id, "cancelled") {
			if task.Status == "success" {
				arrived++
				require.Equal(t, 1, w.Vendors.Inbox.Mark(task.ID).Arrivals)
			}
		}
		require.Equal(t, 2, arrived)
		require.Equal(t, 2, w.Vendors.Inbox.Total())
	})
}
