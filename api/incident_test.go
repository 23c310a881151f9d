package api_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

func TestSendWithEscalation(t *testing.T) {
	t.Parallel()
	b := start(t)
	now := store.Now()
	incident := store.Incident{ID: uuid.Must(uuid.NewV7()), AppID: "sender", OpenedAt: now, Steps: store.IncidentSteps{
		{NotificationID: uuid.Must(uuid.NewV7()), At: now.Add(time.Hour), Channels: []string{"email"}, Urgent: "sms"},
	}}
	b.store.incidents = append(b.store.incidents, incident)
	b.accepter.accepted = accepting.Accepted{NotificationID: incident.ID, IncidentID: incident.ID, Deliveries: 1}
	a := b.call(t, post("sender", with("escalation", `[
		{"after": "1h", "channels": {"email": {"template": "plain", "params": {"a": 1}}}, "if": "failed", "urgent": "sms",
			"recipients": [{"type": "email", "value": "boss@example.com"}]}], "repeat": 2, "acknowledge": true`)))
	require.Equal(t, 202, a.status, a.text)
	got := b.accepter.requests[0]
	require.True(t, got.Acknowledge)
	require.Equal(t, 2, got.Repeat)
	require.Len(t, got.Escalation, 1)
	require.Equal(t, time.Hour, got.Escalation[0].After)
	require.Equal(t, store.IfFailed, got.Escalation[0].If)
	require.Equal(t, "sms", got.Escalation[0].Urgent)
	require.Equal(t, "plain", got.Escalation[0].Channels["email"].Template)
	require.Equal(t, accepting.To(store.Recipient{Type: "email", Value: "boss@example.com"}), got.Escalation[0].Recipients)
	require.Contains(t, a.text, `"incident":{"id":"`+incident.ID.String()+`","app":"sender","thread":"","status":"open"`)
	require.Contains(t, a.text, `"channels":["email"],"urgent":"sms"`)

	for body, field := range map[string]string{
		`[{"after": "soon", "channels": {"email": {"template": "plain"}}}]`:              "escalation[0].after",
		`[{"after": "1m", "channels": {}}]`:                                              "escalation[0].channels",
		`[{"after": "1m", "channels": {"email": {"template": "plain"}}, "if": "x"}]`:     "escalation[0].if",
		`[{"after": "1m", "channels": {"email": {"template": "plain"}}, "urgent": "x"}]`: "escalation[0].urgent",
		`[]`: "escalation",
	} {
		a := b.call(t, post("sender", with("escalation", body)))
		require.Equal(t, 400, a.status, body)
		_, fields := a.problem(t)
		require.Contains(t, fields, field, body)
	}
}

func TestAcknowledge(t *testing.T) {
	t.Parallel()
	b := start(t)
	n := b.notificationOf("sender", 1)
	path := "/api/v1/notifications/" + n.ID.String() + "/ack"
	a := b.call(t, request{method: "POST", path: path, app: "sender", body: "{}"})
	require.Equal(t, 409, a.status)
	code, _ := a.problem(t)
	require.Equal(t, "no_incident", code)

	n.IncidentID = uuid.Must(uuid.NewV7())
	b.store.notifications[n.ID] = n
	a = b.call(t, request{method: "POST", path: path, app: "sender", body: `{"by": "alice", "note": "on it"}`})
	require.Equal(t, 200, a.status, a.text)
	require.Equal(t, []steering.Acknowledgement{{IncidentID: n.IncidentID, By: "alice", Note: "on it", Over: store.OverAPI}}, b.control.acknowledged)
	require.Contains(t, a.text, `{"changed":true,"incident":{"id":"`+n.IncidentID.String()+`","app":"","thread":"","status":"acknowledged"`)
	a = b.call(t, request{method: "POST", path: path, app: "root", body: "{}"})
	require.Contains(t, a.text, `"changed":false`)
	require.Equal(t, 404, b.call(t, request{method: "POST", path: path, app: "console2", body: "{}"}).status)
	require.Equal(t, 405, b.callUndescribed(t, request{method: "GET", path: path, app: "sender"}).status, "a link that is opened acknowledges nothing")

	read := b.call(t, request{method: "GET", path: "/api/v1/notifications/" + n.ID.String(), app: "sender"})
	require.Contains(t, read.text, `"incidentId":"`+n.IncidentID.String()+`"`)
}

func TestListIncidents(t *testing.T) {
	t.Parallel()
	b := start(t)
	now := store.Now()
	for i, app := range []string{"sender", "sender", "console"} {
		b.store.incidents = append(b.store.incidents, store.Incident{ID: uuid.Must(uuid.NewV7()), AppID: app, OpenedAt: now})
		if i == 1 {
			b.store.incidents[i].AcknowledgedAt, b.store.incidents[i].AcknowledgedBy = &now, "alice"
		}
	}
	ids := func(app, query string) (list []string) {
		a := b.call(t, request{method: "GET", path: "/api/v1/incidents" + query, app: app})
		require.Equal(t, 200, a.status, a.text)
		for _, i := range a.json(t)["incidents"].([]any) {
			list = append(list, i.(map[string]any)["id"].(string))
		}
		return list
	}
	of := func(i int) string { return b.store.incidents[i].ID.String() }
	require.Equal(t, []string{of(0), of(1)}, ids("sender", ""))
	require.Equal(t, []string{of(1)}, ids("sender", "?status=acknowledged"))
	require.Equal(t, []string{of(0), of(1), of(2)}, ids("root", ""))
	require.Equal(t, []string{of(2)}, ids("root", "?app=console"))
	require.Contains(t, b.call(t, request{method: "GET", path: "/api/v1/incidents?limit=1", app: "root"}).text, `"next":"`+of(0)+`"`)
	require.Equal(t, 403, b.call(t, request{method: "GET", path: "/api/v1/incidents?app=console", app: "sender"}).status)
}

func TestIncidentPages(t *testing.T) {
	b := start(t)
	n := b.notificationOf("console", 1)
	now := store.Now()
	n.IncidentID = n.ID
	b.store.notifications[n.ID] = n
	b.store.incidents = []store.Incident{{ID: n.ID, AppID: "console", Thread: "disk", OpenedAt: now, Steps: store.IncidentSteps{
		{NotificationID: uuid.Must(uuid.NewV7()), At: now.Add(time.Hour), Channels: []string{"email"}},
	}}}
	cookies := b.signIn(t, "console")
	page := "/console/incidents/" + n.ID.String()
	list := b.browse(t, "GET", "/console/incidents", nil, cookies)
	require.Equal(t, 200, list.status, list.text)
	for _, part := range []string{page, "disk", "Acknowledge"} {
		require.Contains(t, list.text, part)
	}
	one := b.browse(t, "GET", page, nil, cookies)
	require.Equal(t, 200, one.status, one.text)
	require.Contains(t, one.text, "/console/deliveries/"+b.store.deliveries[0].ID.String())
	require.Contains(t, one.text, "Stop")

	a := b.browse(t, "POST", page+"/ack", url.Values{"note": {"on it"}}, cookies)
	require.Equal(t, 303, a.status, a.text)
	require.Equal(t, []steering.Acknowledgement{{IncidentID: n.ID, Note: "on it", Over: store.OverConsole}}, b.control.acknowledged)
	a = b.browse(t, "POST", page+"/stop", nil, cookies)
	require.Equal(t, 303, a.status, a.text)
	require.Equal(t, []uuid.UUID{n.ID}, b.control.cancelled)

	b.store.incidents[0].AcknowledgedAt, b.store.incidents[0].AcknowledgedBy, b.store.incidents[0].Over = &now, "alice", store.OverAPI
	require.Contains(t, b.browse(t, "GET", page, nil, cookies).text, "alice")
	require.Contains(t, b.browse(t, "GET", "/console/incidents", nil, cookies).text, "alice")
	require.Equal(t, 404, b.browse(t, "GET", page, nil, b.signIn(t, "sender")).status)
}
