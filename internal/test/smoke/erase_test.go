package smoke

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// A person is erased: what was sent, what failed with a vendor's text, what waits, and what fitted
// no channel. Nothing of it is left in any table; counts and states stay; the idempotency key
// answers as before; and what waits is never sent, not even when an operator starts it again.
func TestErase(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Configure(map[string]string{"defaults": `{maxRetry: 0, retryBackoffSeconds: [0], timeoutSeconds: 10}`})
		r := w.Start()
		r.Template()
		const person, phone, text = "ou_canary_person", "+8613812345678", "canary-text"
		body := func(key, to string) map[string]any {
			n := harness.Notification(key, 1)
			n["recipients"] = []map[string]string{{"type": "feishu_user_id", "value": to}, {"type": "phone", "value": phone}}
			n["channels"].(map[string]any)["feishu_app"].(map[string]any)["params"] = map[string]any{"severity": text, "incident": text}
			return n
		}
		send := func(n map[string]any) string {
			return r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", n).Body["notificationId"].(string)
		}
		sent := send(body("sent", person))
		r.Until(sent, "success")
		w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, HTTPStatus: 400, Code: "230001", Message: text + person})
		failed := send(body("failed", person))
		r.Until(failed, "failed")
		later := body("waits", person)
		later["sendAt"] = time.Now().Add(time.Hour).Format(time.RFC3339Nano)
		waits := send(later)
		r.Until(send(body("other", "ou_other")), "success")

		erase := func(request map[string]any) map[string]any {
			a := r.Call(harness.AdminID, harness.AdminSecret, http.MethodPost, "/api/v1/erase", request)
			require.Equal(t, http.StatusOK, a.Status, a.Raw)
			return a.Body
		}
		address := map[string]any{"type": "feishu_user_id", "value": person}
		require.EqualValues(t, 3, erase(map[string]any{"recipient": address, "dryRun": true})["deliveries"])
		require.Contains(t, all(w), person)
		done := erase(map[string]any{"recipient": address})
		require.Equal(t, []any{3.0, 1.0, 3.0, false}, []any{done["deliveries"], done["cancelled"], done["messages"], done["more"]})
		require.NotContains(t, all(w), person)
		require.EqualValues(t, 4, erase(map[string]any{"recipient": map[string]any{"type": "phone", "value": phone}})["unmatched"])
		require.NotContains(t, all(w), phone)

		for id, status := range map[string]string{sent: "success", failed: "failed", waits: "cancelled"} {
			got, tasks := r.Show(id)
			require.Equal(t, status, got)
			require.Len(t, tasks, 1)
			a := r.Call(harness.AdminID, harness.AdminSecret, http.MethodPost, "/api/v1/deliveries/"+tasks[0].ID+"/retry", map[string]any{})
			if status != "success" {
				require.Equal(t, http.StatusConflict, a.Status, a.Raw)
				require.Contains(t, a.Raw, `"erased"`)
			}
		}
		// An operator starts all jobs that have ended again: those of the two that were erased are
		// cancelled.
		var ended []int64
		require.Eventually(t, func() bool {
			ended = append(append(r.Jobs("cancelled"), r.Jobs("discarded")...), r.Jobs("completed")...)
			return len(ended) == 3
		}, limit.Wait, harness.Tick)
		arrived := w.Vendors.Inbox.Total()
		r.RiverUI("/riverui/api/jobs/retry", ended...)
		require.Eventually(t, func() bool { return len(r.Jobs("cancelled")) == 2 && len(r.Jobs("completed")) == 1 }, limit.Wait, harness.Tick)
		require.Equal(t, arrived, w.Vendors.Inbox.Total())

		replay := r.Do(http.StatusOK, http.MethodPost, "/api/v1/notifications", body("sent", person))
		require.Equal(t, sent, replay.Body["notificationId"])

		// The one of the other person has the same text: by notification it goes, too.
		require.Contains(t, all(w), text)
		list := r.Do(http.StatusOK, http.MethodGet, "/api/v1/notifications?key=other", nil)
		other := list.Body["notifications"].([]any)[0].(map[string]any)["id"]
		erase(map[string]any{"notification": other})
		require.NotContains(t, all(w), text)

		audit := r.Call(harness.AdminID, harness.AdminSecret, http.MethodGet, "/api/v1/audit?action=recipient.erase", nil)
		require.Len(t, audit.Body["entries"], 2, audit.Raw)
		require.NotContains(t, audit.Raw, person)
		audit = r.Call(harness.AdminID, harness.AdminSecret, http.MethodGet, "/api/v1/audit?action=notification.erase", nil)
		require.Contains(t, audit.Raw, other)
		require.Equal(t, http.StatusForbidden, r.Call(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/erase",
			map[string]any{"recipient": address}).Status)
		require.Equal(t, http.StatusNotFound, r.Call(harness.AdminID, harness.AdminSecret, http.MethodPost, "/api/v1/erase",
			map[string]any{"notification": "01890000-0000-7000-8000-000000000000"}).Status)
	})
}

// all returns the content of all tables.
func all(w *harness.World) string {
	var b strings.Builder
	for _, content := range w.Dump() {
		b.WriteString(content)
	}
	return b.String()
}

// What is being sent is left, and goes with the next request. The command repeats it.
func TestEraseCommandWaitsForWhatIsBeingSent(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		r.Template()
		hang := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, Hang: true, After: true})
		id := r.Send("k", 3)
		limit.Count(t, hang, 1, "hanging sends")
		run := func(args ...string) (string, error) {
			cmd := w.Program(append([]string{"erase", "--url", r.Base, "--app-id", harness.AdminID}, args...)...)
			cmd.Env = append(cmd.Environ(), "SEALOS_NOTIFY_APP_SECRET="+harness.AdminSecret)
			out, err := cmd.CombinedOutput()
			return string(out), err
		}
		out, err := run("--notification", id)
		require.Error(t, err)
		require.Contains(t, out, "unreadable for ever: 3. Nothing was done")
		type result struct {
			out string
			err error
		}
		done := make(chan result, 1)
		go func() {
			out, err := run("--notification", id, "--yes")
			done <- result{out, err}
		}()
		require.Eventually(t, func() bool {
			return strings.Count(w.Dump()["deliveries"], "(erased)") == 2
		}, limit.Wait, harness.Tick)
		hang.Lift()
		ended := limit.Receive(t, done, "the command")
		require.NoError(t, ended.err, ended.out)
		require.Contains(t, ended.out, "being sent: 1")
		require.Regexp(t, `Erased deliveries +3\n`, ended.out)
		require.Equal(t, 3, strings.Count(w.Dump()["deliveries"], "(erased)"))
	})
}
