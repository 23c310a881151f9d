package api_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// startReceivers has a receiver for all apps and one for the app console alone.
func startReceivers(t *testing.T) *bench {
	t.Helper()
	return start(t, func(o *api.Options) {
		o.Integrations = api.IntegrationsConfig{Receivers: map[string]api.Receiver{
			"team-a": receivers.Receivers["team-a"],
			"On call / 值班": {
				Channels:   map[string]api.ReceiverChannel{"feishu_app": {Template: "card"}},
				Recipients: []api.ReceiverRecipient{{Type: "feishu_user_id", Value: "ou_b"}},
				Apps:       []string{"console"}, RemindAfter: time.Hour,
			},
		}}
	})
}

// An app sees the receivers that take its alerts, without their addresses.
func TestReceivers(t *testing.T) {
	t.Parallel()
	b := startReceivers(t)
	list := func(app string) []any {
		a := b.call(t, request{method: http.MethodGet, path: "/api/v1/receivers", app: app})
		require.Equal(t, http.StatusOK, a.status, a.text)
		if app != "root" {
			require.NotContains(t, a.text, "ou_")
			require.NotContains(t, a.text, "example.com")
		}
		return a.json(t)["receivers"].([]any)
	}
	require.Len(t, list("sender"), 1)
	require.Len(t, list("console"), 2)
	all := list("root")
	require.Equal(t, map[string]any{
		"name": "On call / 值班", "channels": []any{map[string]any{"channel": "feishu_app", "template": "card"}},
		"recipients": []any{map[string]any{"type": "feishu_user_id", "value": "ou_b"}}, "apps": []any{"console"},
		"kind": "", "remindAfterSeconds": float64(3600), "problems": []any{},
	}, all[0])

	b = startReceivers(t)
	b.accepter.problems = []*refusal.Error{refusal.New(refusal.UnknownTemplate, "channels.email.template", "there is no template %q", "mail")}
	wrong := list("console")[0].(map[string]any)["problems"].([]any)
	require.Equal(t, map[string]any{"field": "channels.email.template", "message": `there is no template "mail"`}, wrong[0])
}

// The last alerts of a receiver are those that the caller posted; a notification may be deleted.
func TestReceiverAlerts(t *testing.T) {
	t.Parallel()
	b := startReceivers(t)
	n := store.Notification{ID: uuid.New(), AppID: "sender", Status: store.NotificationFailed, Counts: store.Counts{Total: 2, Success: 1, Dead: 1}}
	b.store.notifications[n.ID] = n
	at := time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)
	b.store.told = []store.Told{
		{AlertGroup: store.AlertGroup{AppID: "sender"}, State: "f00d", At: at, NotificationID: n.ID},
		{AlertGroup: store.AlertGroup{AppID: "console"}, State: "resolved", At: at, NotificationID: uuid.New()},
	}
	list := func(app string, status int) []any {
		a := b.call(t, request{method: http.MethodGet, path: "/api/v1/receivers/alerts?receiver=team-a", app: app})
		require.Equal(t, status, a.status, a.text)
		return a.json(t)["alerts"].([]any)
	}
	own := list("sender", 200)
	require.Len(t, own, 1)
	require.Equal(t, map[string]any{
		"notificationId": n.ID.String(), "app": "sender", "at": "2026-11-29T08:00:00Z", "state": "firing", "status": "failed",
		"counts": map[string]any{"total": 2.0, "pending": 0.0, "failed": 0.0, "success": 1.0, "dead": 1.0, "cancelled": 0.0},
	}, own[0])
	deleted := list("root", 200)[1].(map[string]any)
	require.Equal(t, []any{"resolved", "", nil}, []any{deleted["state"], deleted["status"], deleted["counts"]})

	for path, status := range map[string]int{
		"/api/v1/receivers/alerts": 400, "/api/v1/receivers/alerts?receiver=": 400, "/api/v1/receivers/alerts?receiver=nobody": 422,
		"/api/v1/receivers/alerts?receiver=On%20call%20%2F%20%E5%80%BC%E7%8F%AD": 403, "/api/v1/receivers/alerts?receiver=team-a&ap=x": 400,
	} {
		require.Equal(t, status, b.call(t, request{method: http.MethodGet, path: path, app: "sender"}).status, path)
	}
}

// A test alert goes the way of Alertmanager's webhook, and each one is news.
func TestTestAlert(t *testing.T) {
	t.Parallel()
	b := startReceivers(t)
	b.accepter.accepted = accepting.Accepted{NotificationID: uuid.New(), Deliveries: 2}
	post := func(receiver, app string) answer {
		return b.call(t, request{method: http.MethodPost, path: "/api/v1/receivers/test", app: app, body: fmt.Sprintf(`{"receiver": %q}`, receiver)})
	}
	for range 2 {
		a := post("team-a", "sender")
		require.Equal(t, http.StatusAccepted, a.status, a.text)
		require.Equal(t, b.accepter.accepted.NotificationID.String(), a.json(t)["notificationId"])
	}
	first, second := b.accepter.requests[0], b.accepter.requests[1]
	require.Equal(t, "sender", first.AppID)
	require.Equal(t, "team-a", first.Alerts.Receiver)
	require.Equal(t, "team-a", first.Alerts.Telling.Receiver)
	require.NotEqual(t, first.Alerts.Telling.Group, second.Alerts.Telling.Group)
	require.Len(t, first.Recipients, 2)
	params := paramsOf(first)
	require.Equal(t, "[FIRING:1] TestAlert", params["title"])
	require.Len(t, params["alerts"], 1)

	code, field := post("nobody", "sender").problem(t)
	require.Equal(t, []string{"unknown_receiver", "receiver"}, []string{code, field})
	code, _ = post("On call / 值班", "sender").problem(t)
	require.Equal(t, "forbidden", code)
	b.accepter.err = refusal.New(refusal.ChannelOff, "channels.email", "the channel is off")
	code, _ = post("team-a", "root").problem(t)
	require.Equal(t, "receiver_broken", code)

	require.Len(t, b.store.entries, 2, "what was not sent is not noted")
	require.Equal(t, actorOf("sender").Did(store.AuditReceiverTest, "team-a"), b.store.entries[0])
}
