package smoke

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// A kind with a digest from a file: what is sent to a person within its window arrives as one message,
// and each notification says which.
func TestDigestFromTheCommandLine(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		r.Template()
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
			"name": "digest", "channel": "feishu_app", "msgType": "text", "body": "{{ .count }}:{{ range .items }} {{ .incident }}{{ end }}",
		})
		c := openTerminal(t, w, r)
		admin := c.with("SEALOS_NOTIFY_APP_ID="+harness.AdminID, "SEALOS_NOTIFY_APP_SECRET="+harness.AdminSecret)
		push := func(digest string, code int) string {
			require.NoError(t, os.WriteFile(w.Path("kind.yaml"), []byte("name: billing\ndigest: "+digest+"\n"), 0o600))
			_, said := admin.run(code, "kind", "push", w.Path("kind.yaml"))
			return said
		}
		require.Contains(t, push("{window: never, template: digest}", 1), "digest.window")
		require.Contains(t, push("{window: 6s, template: unknown}", 1), "digest.template")
		push("{window: 6s, template: digest}", 0)
		out, _ := c.run(0, "kind", "list")
		require.Contains(t, out, "6s with digest")

		send := func(key string, more map[string]any) string {
			body := harness.Notification(key, 0)
			body["kind"], body["recipients"] = "billing", []map[string]string{{"type": "feishu_user_id", "value": "ou_alice"}}
			for name, value := range more {
				body[name] = value
			}
			return r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body).Body["notificationId"].(string)
		}
		var items []string
		for i := range 3 {
			items = append(items, send(fmt.Sprint(i), nil))
		}
		left := send("cancelled", nil)
		r.Do(http.StatusOK, http.MethodPost, "/api/v1/notifications/"+left+"/cancel", map[string]any{})
		r.Until(left, "cancelled")
		held := runJSON[client.Notification](c, 0, "notifications", "show", items[0]).Tasks[0]
		require.Equal(t, "digest", held.HeldWhy)
		require.WithinDuration(t, time.Now(), *held.HeldUntil, 6*time.Second)
		r.Until(send("urgent", map[string]any{"priority": "high"}), "success")
		require.Equal(t, 1, w.Vendors.Feishu.Inbox().Total())

		for _, id := range items {
			task := r.Until(id, "success")[0]
			require.Equal(t, "digested", task.LastCode)
		}
		limit.Count(t, w.Vendors.Feishu.Inbox(), 2, "messages")
		arrival := w.Vendors.Feishu.Inbox().Arrivals()[1]
		require.Equal(t, held.DigestID, arrival.Mark)
		require.Contains(t, arrival.Text, "3:")

		list := runJSON[client.DeliveryList](c, 0, "deliveries", "list", "--digest", held.DigestID)
		require.Len(t, list.Deliveries, 4, "the digest and its items")
		digest := runJSON[client.Delivery](c, 0, "deliveries", "show", held.DigestID)
		require.Equal(t, arrival.Text, digest.Message.Body)
	})
}
