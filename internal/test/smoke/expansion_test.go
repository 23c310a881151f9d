package smoke

import (
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
	"github.com/labring/sealos-notify/internal/test/harness"
)

// A group with more contacts than one request bears is accepted at once, and its deliveries follow,
// each once. They can be cancelled.
func TestGroupLargerThanARequest(t *testing.T) {
	t.Parallel()
	const members, twice = 35_000, 500
	w := harness.NewPostgres(t)
	r := w.Start()
	r.Template()
	c := openTerminal(t, w, r)
	// The last ones have the addresses of the first. (That many are pushed in half a minute.)
	_, err := w.Pool().Exec(t.Context(), `
		INSERT INTO contacts (owner, name, addresses, locale, time_zone, labels, created_at, updated_at)
		SELECT $3, 'person-' || i, jsonb_build_array(jsonb_build_object('type', 'feishu_user_id', 'value', 'ou_' || i % ($1::int - $2::int))),
			'', '', '{"all": "yes"}', now(), now() FROM generate_series(1, $1) i`, members, twice, harness.AppID)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.Path("groups.yaml"), []byte("name: everyone\nlabels: {all: \"yes\"}\n"), 0o600))
	c.run(0, "group", "push", w.Path("groups.yaml"))

	send := []string{"send", "-t", "feishu_app=feishu-alert", "-p", "incident=x", "-p", "severity=P0", "--to", "group:everyone", "--key", "k"}
	out, _ := c.run(0, append(send, "--send-at", "2h")...)
	require.Contains(t, out, "with group everyone, which is being expanded: 0 contacts so far (key k)")
	id := runJSON[client.NotificationList](c, 0, "notifications", "list").Notifications[0].ID
	var n client.NotificationList
	require.Eventually(t, func() bool {
		n = runJSON[client.NotificationList](c, 0, "notifications", "list", "--key", "k")
		return n.Notifications[0].Expansion.Done
	}, 2*harness.Patience, harness.Tick)
	require.Equal(t, &client.Expansion{Group: "everyone", Contacts: members, Deliveries: members - twice, Done: true}, n.Notifications[0].Expansion)
	require.Equal(t, client.StatusPending, n.Notifications[0].Status)
	require.Equal(t, members-twice, n.Notifications[0].Counts.Pending)
	var distinct, jobs int
	require.NoError(t, w.Pool().QueryRow(t.Context(), `SELECT count(DISTINCT d.recipient_value), count(DISTINCT j.id)
		FROM deliveries d JOIN river_job j ON j.id = d.job_id AND j.state = 'scheduled'`).Scan(&distinct, &jobs))
	require.Equal(t, []int{members - twice, members - twice}, []int{distinct, jobs})

	body := map[string]any{
		"idempotencyKey": "again", "recipients": []map[string]string{{"type": "group", "value": "everyone"}},
		"channels": map[string]any{"feishu_app": map[string]any{"template": "feishu-alert", "params": map[string]any{"incident": "y", "severity": "P1"}}},
	}
	first := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body)
	require.Equal(t, "everyone", first.Body["expansion"].(map[string]any)["group"])
	again := r.Do(http.StatusOK, http.MethodPost, "/api/v1/notifications", body)
	require.Equal(t, first.Body["notificationId"], again.Body["notificationId"])
	stopped := r.Do(http.StatusOK, http.MethodPost, "/api/v1/notifications/"+first.Body["notificationId"].(string)+"/cancel", nil)
	require.Equal(t, true, stopped.Body["expansion"].(map[string]any)["done"], "however far it was")

	cancelled := runJSON[client.Notification](c, 0, "notifications", "cancel", id)
	require.Equal(t, members-twice, cancelled.Counts.Cancelled)
}
