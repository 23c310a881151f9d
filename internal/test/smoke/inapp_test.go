package smoke

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/vendors/k8s"
)

// A notice that has ended is deleted from the cluster. Retention runs at each start.
func TestEndedNoticeIsDeleted(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.UseAllChannels(w.Vendors.Addresses)
		w.Configure(map[string]string{"retention": `{days: 0}`}) // until the notice has ended
		r := w.Start()
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
			"name": "notice", "channel": "inapp", "subject": "Maintenance", "body": "It begins.",
		})
		end := time.Now().Add(2 * time.Second)
		for key, expiresAt := range map[string]any{"ends": end.Format(time.RFC3339Nano), "stays": nil} {
			body := map[string]any{
				"idempotencyKey": key, "channels": map[string]any{"inapp": map[string]any{"template": "notice"}},
				"recipients": []any{map[string]any{"type": "user_id", "value": "alice"}},
			}
			if expiresAt != nil {
				body["expiresAt"] = expiresAt
			}
			r.Until(r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body).Body["notificationId"].(string), "success")
		}
		time.Sleep(time.Until(end))
		require.Zero(t, r.Terminate())
		w.Configure(map[string]string{"retention": `{days: 1}`})
		deleted := w.Start().Await("old messages deleted at the vendor")
		require.EqualValues(t, 1, deleted["messages"])
		require.Equal(t, 1, w.Vendors.Cluster.Requests(k8s.Delete))
	})
}
