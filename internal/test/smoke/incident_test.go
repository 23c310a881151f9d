package smoke

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
	"github.com/labring/sealos-notify/internal/test/harness"
)

// A step is sent although the program was killed after it had answered, and once. What follows is not sent when
// somebody acknowledges from the command line.
func TestEscalationFromTheCommandLine(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.UseAllChannels(w.Vendors.Addresses)
		r := w.Start()
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
			"name": "page", "channel": "feishu_app", "msgType": "text", "body": "{{ .what }} is down",
		})
		step := func(after, to string) map[string]any {
			return map[string]any{
				"after": after, "channels": map[string]any{"feishu_app": map[string]any{"template": "page"}},
				"recipients": []map[string]string{{"type": "feishu_user_id", "value": to}},
			}
		}
		body := map[string]any{
			"idempotencyKey": "k", "recipients": []map[string]string{{"type": "feishu_user_id", "value": "ou_alice"}},
			"channels":   map[string]any{"feishu_app": map[string]any{"template": "page", "params": map[string]any{"what": "db"}}},
			"escalation": []any{step("3s", "ou_bob"), step("1h", "ou_boss")},
		}
		id := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body).Body["notificationId"].(string)
		r.Until(id, "success")
		r.Kill() // the step waits, or is being sent
		r = w.Start()
		r.Do(http.StatusOK, http.MethodPost, "/api/v1/notifications", body)
		require.Eventually(t, func() bool { return w.Vendors.Inbox.Total() == 2 }, harness.Patience, harness.Tick, "the first step")

		c := openTerminal(t, w, r)
		open := runJSON[client.IncidentList](c, 0, "incidents", "list", "--status", "open").Incidents
		require.Len(t, open, 1)
		require.Equal(t, id, open[0].ID)
		last := open[0].Next.NotificationID
		done := runJSON[client.Acknowledged](c, 0, "ack", id, "--by", "alice", "--note", "on it")
		require.True(t, done.Changed)
		tasks := r.Until(last, "cancelled")
		require.Len(t, tasks, 1)
		said, _ := c.run(0, "ack", last, "--by", "bob")
		require.Contains(t, said, "Nothing was changed.")
		require.Contains(t, said, "acknowledged by alice over api")
		shown, _ := c.run(0, "notifications", "show", id)
		require.Contains(t, shown, "acknowledged by alice over api")
		require.Equal(t, 2, w.Vendors.Inbox.Total())
	})
}
