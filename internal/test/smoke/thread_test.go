package smoke

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
	"github.com/labring/sealos-notify/internal/test/harness"
)

// What the command line sends in a thread is one message over Feishu and one notice in the desktop, and
// two mails.
func TestThreadFromTheCommandLine(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.UseAllChannels(w.Vendors.Addresses)
		r := w.Start()
		for _, template := range []map[string]any{
			{"name": "card", "channel": "feishu_app", "msgType": "interactive", "body": `{"elements": [{"tag": "markdown", "content": "{{ .state }}"}]}`},
			{"name": "notice", "channel": "inapp", "subject": "db", "body": "{{ .state }}"},
			{"name": "mail", "channel": "email", "msgType": "text", "subject": "db", "body": "{{ .state }}"},
		} {
			r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", template)
		}
		c := openTerminal(t, w, r)
		send := func(state string, more ...string) client.Notification {
			args := append([]string{"send", "-t", "feishu_app=card", "-t", "inapp=notice", "-t", "email=mail", "-p", "state=" + state,
				"--to", "feishu_user_id:ou_alice", "--to", "user_id:alice", "--to", "email=email:alice@example.com", "--thread", "db-7", "--wait"}, more...)
			sent := runJSON[client.Notification](c, 0, args...)
			return runJSON[client.Notification](c, 0, "notifications", "show", sent.ID) // with its deliveries
		}
		first := send("down")
		second := send("up", "--resolved")
		require.Equal(t, []any{"db-7", false, "db-7", true}, []any{first.Thread, first.Resolved, second.Thread, second.Resolved})
		details := map[string]map[string]any{}
		for _, d := range second.Tasks {
			var of map[string]any
			if d.Details != nil {
				require.NoError(t, json.Unmarshal(d.Details, &of))
			}
			details[d.Channel] = of
		}
		require.Equal(t, []any{true, true, nil}, []any{details["feishu_app"]["edited"], details["inapp"]["edited"], details["email"]["edited"]})

		shown := map[string][]string{}
		for _, a := range w.Vendors.Inbox.Arrivals() {
			shown[a.Channel] = append(shown[a.Channel], append(a.Was, a.Text)...)
			if a.Channel == "inapp" {
				require.Equal(t, []string{"marked as read"}, a.Notes)
			}
		}
		require.Equal(t, 4, w.Vendors.Inbox.Total())
		require.Equal(t, []string{"down", "up"}, shown["inapp"])
		require.Len(t, shown["feishu_app"], 2)
		require.Contains(t, shown["feishu_app"][1], `"up"`)
		require.Len(t, shown["email"], 2)

		list := runJSON[client.NotificationList](c, 0, "notifications", "list", "--thread", "db-7")
		require.Len(t, list.Notifications, 2)
		require.Equal(t, second.ID, list.Notifications[0].ID)
		require.Empty(t, runJSON[client.NotificationList](c, 0, "notifications", "list", "--thread", "db-8").Notifications)
		out, _ := c.run(0, "notifications", "show", second.ID)
		require.Contains(t, out, "db-7")
		_, said := c.run(1, "send", "card", "--to", "feishu_user_id:ou_alice", "--resolved")
		require.Contains(t, said, "--thread")
		refused := r.Do(http.StatusUnprocessableEntity, http.MethodPost, "/api/v1/notifications", map[string]any{
			"idempotencyKey": "k", "resolved": true, "recipients": []any{map[string]any{"type": "feishu_user_id", "value": "ou_alice"}},
			"channels": map[string]any{"feishu_app": map[string]any{"template": "card", "params": map[string]any{"state": "up"}}},
		})
		require.Equal(t, "invalid_thread", refused.Body["code"])
	})
}
