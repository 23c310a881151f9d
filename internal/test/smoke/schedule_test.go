package smoke

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// One app's large fan-out does not delay another app's urgent notification.
func TestUrgentBeforeAFanOut(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		const backlog, workers = 5000, 20
		w.Configure(map[string]string{"dispatcher": `{interval: 200ms, leaseTimeout: 30s, batchSize: 20}`})
		r := w.Start()
		r.Template()
		slow := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Hang: true})
		r.Send("fanout", backlog)
		limit.Count(t, slow, workers, "busy workers")
		urgent := harness.Notification("urgent", 1)
		urgent["priority"] = "high"
		a := r.Call(harness.OtherID, harness.OtherSecret, http.MethodPost, "/api/v1/notifications", urgent)
		require.Equal(t, http.StatusAccepted, a.Status, a.Raw)
		slow.Lift()

		inbox, place := w.Vendors.Feishu.Inbox(), -1
		for arrived := 1; place < 0; arrived++ {
			limit.Count(t, inbox, arrived, "messages")
			place = slices.IndexFunc(inbox.Arrivals(), func(a vendors.Arrival) bool { return a.To == "ou_urgent_0" })
			require.Less(t, arrived, backlog, "the whole backlog arrived before")
		}
		// Before it come at most the sends in flight and the jobs of the fetches until its
		// announcement is heard.
		require.Less(t, place, 10*workers)
	})
}

func TestSendAtAndExpiresAt(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		r.Template()
		sendAt := time.Now().Add(2 * time.Second)
		body := harness.Notification("later", 1)
		body["sendAt"], body["priority"] = sendAt.Format(time.RFC3339Nano), "low"
		a := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body)
		id := a.Body["notificationId"].(string)
		shown := r.Do(http.StatusOK, http.MethodGet, "/api/v1/notifications/"+id, nil).Body
		require.Equal(t, "pending", shown["status"])
		require.Equal(t, sendAt.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano), shown["sendAt"])
		require.Equal(t, []any{nil, "low", false}, []any{shown["expiresAt"], shown["priority"], shown["test"]})

		// Another one expires: the vendor throttles until its expiresAt.
		throttle := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, HTTPStatus: 429, Code: "99991400"})
		body = harness.Notification("short", 1)
		body["expiresAt"] = time.Now().Add(3 * time.Second).Format(time.RFC3339Nano)
		a = r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body)
		tasks := r.Until(a.Body["notificationId"].(string), "failed")
		require.Equal(t, []string{"dead", "expired"}, []string{tasks[0].Status, tasks[0].LastCode})
		throttle.Lift()

		r.Until(id, "success")
		arrivals := w.Vendors.Feishu.Inbox().Arrivals()
		require.Len(t, arrivals, 1)
		require.False(t, arrivals[0].At.Before(sendAt))

		body["expiresAt"] = time.Now().Add(-time.Minute).Format(time.RFC3339Nano)
		refused := r.Do(http.StatusConflict, http.MethodPost, "/api/v1/notifications", body)
		require.Equal(t, "idempotency_conflict", refused.Body["code"], "it is another request")
		body["idempotencyKey"] = "past"
		refused = r.Do(http.StatusUnprocessableEntity, http.MethodPost, "/api/v1/notifications", body)
		require.Equal(t, "invalid_expires_at", refused.Body["code"])
		require.Contains(t, refused.Raw, `"field":"expiresAt"`)
	})
}
