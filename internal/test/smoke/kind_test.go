package smoke

import (
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
	"github.com/labring/sealos-notify/internal/test/harness"
)

// A kind from a file: what is beyond its cap is cancelled and says why, what comes in its quiet hours
// is held, and somebody may send either all the same.
func TestKindFromTheCommandLine(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		r.Template()
		c := openTerminal(t, w, r)
		admin := c.with("SEALOS_NOTIFY_APP_ID="+harness.AdminID, "SEALOS_NOTIFY_APP_SECRET="+harness.AdminSecret)
		push := func(content string) {
			require.NoError(t, os.WriteFile(w.Path("kind.yaml"), []byte(content), 0o600))
			admin.run(0, "kind", "push", w.Path("kind.yaml"))
		}
		c.run(1, sendArgs("unknown", "--kind", "billing")...)
		push("name: billing\ndescription: 欠费\nchannels: [feishu_app]\ncaps:\n  feishu_app: {limit: 1, per: day}\n")
		_, said := c.run(1, "kind", "push", w.Path("kind.yaml"))
		require.Contains(t, said, "forbidden")
		out, _ := c.run(0, "kind", "list")
		require.Contains(t, out, "feishu_app: 1 a day")

		again := func(key string, code int) (out, said string) {
			return c.run(code, append(sendArgs("k", "--kind", "billing", "--key", key), "--wait")...)
		}
		again("first", 0)
		out, said = again("second", 2)
		require.Contains(t, said, "Not sent: 1 delivery (capped")
		require.Contains(t, out, "cancelled")
		list := runJSON[client.DeliveryList](c, 0, "deliveries", "list", "--code", "capped")
		require.Len(t, list.Deliveries, 1)
		require.Equal(t, client.StatusCancelled, list.Deliveries[0].Status)
		c.run(0, "deliveries", "retry", list.Deliveries[0].ID)
		r.Until(list.Deliveries[0].NotificationID, "success")

		now := time.Now().UTC()
		push("name: billing\nquiet: {from: \"" + now.Add(-2*time.Hour).Format("15:04") + "\", to: \"" + now.Add(2*time.Hour).Format("15:04") + "\", timeZone: UTC}\n")
		held := runJSON[client.Accepted](c, 0, sendArgs("held", "--kind", "billing")...)
		n := runJSON[client.Notification](c, 0, "notifications", "show", held.NotificationID)
		require.Equal(t, client.StatusPending, n.Status)
		require.Equal(t, "quiet_hours", n.Tasks[0].HeldWhy)
		require.WithinDuration(t, now.Add(2*time.Hour), *n.Tasks[0].HeldUntil, time.Minute)
		c.run(0, "deliveries", "retry", n.Tasks[0].ID)
		r.Until(held.NotificationID, "success")

		shown, _ := c.run(0, "kind", "show", "billing")
		push(shown)
		admin.run(0, "kind", "rm", "billing", "--yes")
		require.Equal(t, http.StatusNotFound, r.Call(harness.AdminID, harness.AdminSecret, http.MethodGet, "/api/v1/kinds/billing", nil).Status)
		audit := runJSON[client.AuditList](admin, 0, "audit", "--object", "billing")
		require.Len(t, audit.Entries, 4)
	})
}
