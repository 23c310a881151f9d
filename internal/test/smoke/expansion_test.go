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

// A group with more contacts than one request bears is accepted at once, and its deliveries follow,
// each once and in the contact's language. What its kind does not allow again is cancelled and says so. The
// rest can be cancelled.
func TestGroupLargerThanARequest(t *testing.T) {
	t.Parallel()
	const members, twice = 35_000, 500
	w := harness.NewPostgres(t)
	r := w.Start()
	r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", debt("debt", "feishu_app", map[string]any{"msgType": "text"}))
	c := openTerminal(t, w, r)
	require.NoError(t, os.WriteFile(w.Path("kind.yaml"), []byte("name: billing\ncaps:\n  feishu_app: {limit: 1, per: day}\n"), 0o600))
	c.with("SEALOS_NOTIFY_APP_ID="+harness.AdminID, "SEALOS_NOTIFY_APP_SECRET="+harness.AdminSecret).run(0, "kind", "push", w.Path("kind.yaml"))
	// The last ones have the addresses of the first. (That many are pushed in half a minute.)
	_, err := w.Pool().Exec(t.Context(), `
		INSERT INTO contacts (owner, name, addresses, locale, time_zone, labels, created_at, updated_at)
		SELECT $3, 'person-' || i, jsonb_build_array(jsonb_build_object('type', 'feishu_user_id', 'value', 'ou_' || i % ($1::int - $2::int))),
			CASE WHEN i % 2 = 0 THEN 'en' ELSE 'zh-CN' END, '', '{"all": "yes"}', now(), now() FROM generate_series(1, $1) i`, members, twice, harness.AppID)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.Path("groups.yaml"), []byte("name: everyone\nlabels: {all: \"yes\"}\n"), 0o600))
	c.run(0, "group", "push", w.Path("groups.yaml"))

	sendAt := time.Now().Add(2 * time.Hour).UTC().Format(time.RFC3339) // the cap counts for its day
	send := func(key string) client.Notification {
		out, _ := c.run(0, "send", "-t", "feishu_app=debt", "-p", "amount=5", "--to", "group:everyone", "--kind", "billing", "--send-at", sendAt, "--key", key)
		require.Contains(t, out, "with group everyone, which is being expanded: 0 contacts so far (key "+key+")")
		var n client.Notification
		require.Eventually(t, func() bool {
			n = runJSON[client.NotificationList](c, 0, "notifications", "list", "--key", key).Notifications[0]
			return n.Expansion.Done
		}, 2*harness.Patience, harness.Tick)
		require.Equal(t, &client.Expansion{Group: "everyone", Contacts: members, Deliveries: members - twice, Done: true}, n.Expansion)
		return n
	}
	n := send("k")
	require.Equal(t, client.StatusPending, n.Status)
	require.Equal(t, members-twice, n.Counts.Pending)
	var distinct, jobs, english int
	require.NoError(t, w.Pool().QueryRow(t.Context(), `
		SELECT count(DISTINCT d.recipient_value), count(DISTINCT j.id), count(*) FILTER (WHERE d.locale = 'en' AND m.body LIKE 'You owe %')
		FROM deliveries d JOIN messages m ON m.id = d.message_id JOIN river_job j ON j.id = d.job_id AND j.state = 'scheduled'`).Scan(&distinct, &jobs, &english))
	require.Equal(t, []int{members - twice, members - twice, (members - twice) / 2}, []int{distinct, jobs, english})
	capped := send("once a day")
	require.Equal(t, client.StatusCancelled, capped.Status)
	require.Equal(t, map[string]int{"capped": members - twice}, capped.Withheld)

	body := map[string]any{
		"idempotencyKey": "again", "recipients": []map[string]string{{"type": "group", "value": "everyone"}},
		"channels": map[string]any{"feishu_app": map[string]any{"template": "debt", "params": map[string]any{"amount": "6"}}},
	}
	first := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body)
	require.Equal(t, "everyone", first.Body["expansion"].(map[string]any)["group"])
	again := r.Do(http.StatusOK, http.MethodPost, "/api/v1/notifications", body)
	require.Equal(t, first.Body["notificationId"], again.Body["notificationId"])
	stopped := r.Do(http.StatusOK, http.MethodPost, "/api/v1/notifications/"+first.Body["notificationId"].(string)+"/cancel", nil)
	require.Equal(t, true, stopped.Body["expansion"].(map[string]any)["done"], "however far it was")

	cancelled := runJSON[client.Notification](c, 0, "notifications", "cancel", n.ID)
	require.Equal(t, members-twice, cancelled.Counts.Cancelled)
}
