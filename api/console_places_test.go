package api_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// places are the pages, and what they show to an administrator.
var places = map[string]string{
	"/console/receivers": "team-a", "/console/providers": "mail.example.com", "/console/apps": "rotating", "/console/audit": "Audit log", "/console/queues": "River UI",
}

func TestConsolePlacesAreForRoles(t *testing.T) {
	t.Parallel()
	b := startReceivers(t)
	admin, sender, editor := b.signIn(t, "root"), b.signIn(t, "sender"), b.signIn(t, "editor")
	for path, shown := range places {
		a := b.browse(t, http.MethodGet, path, nil, admin)
		require.Equal(t, http.StatusOK, a.status, path)
		require.Contains(t, a.text, shown, path)
		want := http.StatusForbidden
		if path == "/console/receivers" {
			want = http.StatusOK
		}
		require.Equal(t, want, b.browse(t, http.MethodGet, path, nil, sender).status, path)
		require.Equal(t, http.StatusForbidden, b.browse(t, http.MethodGet, path, nil, editor).status, path)
	}
	a := b.browse(t, http.MethodGet, "/console/receivers", nil, sender)
	require.NotContains(t, a.text, "ou_a", "who is configured is for administrators to see")
	require.NotContains(t, a.text, "On call")
	require.NotContains(t, a.text, "/console/apps", "the navigation has what the user may see")
	require.Equal(t, http.StatusForbidden, b.browse(t, http.MethodPost, "/console/providers/smtp/probe", url.Values{}, sender).status)
	require.Equal(t, http.StatusForbidden, b.browse(t, http.MethodGet, "/console/receivers/one?name="+url.QueryEscape("On call / 值班"), nil, sender).status)
}

func TestConsoleTestAlert(t *testing.T) {
	t.Parallel()
	b := startReceivers(t)
	b.accepter.accepted = accepting.Accepted{NotificationID: uuid.New(), Deliveries: 2}
	cookies := b.signIn(t, "sender")
	form := url.Values{"name": {"team-a"}}
	a := b.browse(t, http.MethodPost, "/console/receivers/test", form, cookies)
	require.Equal(t, http.StatusSeeOther, a.status, a.text)
	require.Equal(t, "/console/notifications/"+b.accepter.accepted.NotificationID.String()+"?done=tested", a.header.Get("Location"))
	entry := b.store.entries[0]
	require.Equal(t, actorOf("sender").Did(store.AuditReceiverTest, "team-a"), entry, "from where it came is noted")

	a = b.browse(t, http.MethodPost, "/console/receivers/test", form, cookies, "Sec-Fetch-Site", "cross-site")
	require.Equal(t, http.StatusForbidden, a.status)
	b.accepter.err = refusal.New(refusal.ChannelOff, "channels.email", "the channel is off")
	a = b.browse(t, http.MethodPost, "/console/receivers/test", form, cookies)
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Contains(t, a.text, "None of the receiver’s channels can send.")
	require.Len(t, b.accepter.requests, 2)
}

func TestConsoleReceiver(t *testing.T) {
	t.Parallel()
	b := startReceivers(t)
	b.accepter.problems = []*refusal.Error{refusal.New(refusal.UnknownTemplate, "channels.email.template", "there is no template <b>")}
	n := store.Notification{ID: uuid.New(), AppID: "sender", Status: store.NotificationSuccess, Counts: store.Counts{Total: 1, Success: 1}}
	b.store.notifications[n.ID] = n
	b.store.deliveries = []store.Delivery{{ID: uuid.New(), NotificationID: n.ID, Channel: "email"}}
	b.store.message = store.Message{Subject: "[FIRING:1] <b>disk", MsgType: "text"}
	b.store.told = []store.Told{
		{AlertGroup: store.AlertGroup{AppID: "sender"}, State: "f00d", At: time.Now(), NotificationID: n.ID},
		{AlertGroup: store.AlertGroup{AppID: "sender"}, State: "resolved", At: time.Now(), NotificationID: uuid.New()},
	}
	a := b.browse(t, http.MethodGet, "/console/receivers/one?name=team-a", nil, b.signIn(t, "sender"))
	require.Equal(t, http.StatusOK, a.status)
	for _, want := range []string{
		"Cannot send", "there is no template &lt;b&gt;", "[FIRING:1] &lt;b&gt;disk", "/console/notifications/" + n.ID.String(), "Arrived", "Firing", "Resolved", "deleted after its time",
	} {
		require.Contains(t, a.text, want)
	}
	empty := startReceivers(t)
	require.Contains(t, empty.browse(t, http.MethodGet, "/console/receivers/one?name=team-a", nil, empty.signIn(t, "sender")).text, "No alert came yet")
	none := start(t)
	require.Contains(t, none.browse(t, http.MethodGet, "/console/receivers", nil, none.signIn(t, "sender")).text, "Receivers are in the configuration.")
}

func TestConsoleProbe(t *testing.T) {
	t.Parallel()
	b := start(t)
	cookies := b.signIn(t, "root")
	probe := func(provider string, header ...string) answer {
		return b.browse(t, http.MethodPost, "/console/providers/"+provider+"/probe", url.Values{}, cookies, header...)
	}
	part := probe("smtp", "HX-Request", "true")
	require.Equal(t, http.StatusOK, part.status)
	require.NotContains(t, part.text, "<html")
	for _, want := range []string{"Our side", "smtp_535", "wrong &lt;b&gt;password&lt;/b&gt;", "Mend the key"} {
		require.Contains(t, part.text, want)
	}
	whole := probe("smtp")
	require.Contains(t, whole.text, "<html")
	require.Contains(t, whole.text, "smtp_535")
	require.Contains(t, probe("spare", "HX-Request", "true").text, "It would take a message. It answered within 1s.")
	busy := probe("busy", "HX-Request", "true")
	require.Equal(t, http.StatusOK, busy.status, "htmx shows it")
	require.Contains(t, busy.text, "was probed just now")
}

func TestConsoleApps(t *testing.T) {
	t.Parallel()
	b := start(t)
	limited, err := api.ParseCredentials([]byte(`
apps:
  - {appId: root, appSecret: root-secret, roles: [admin]}
  - {appId: shop, appSecret: shop-secret, name: "<b>Shop", enabled: false, testSecrets: [one, two], limits: {requestsPerMinute: 10, deliveriesPerDay: {sms: 5}, highPriority: false}}
`))
	require.NoError(t, err)
	b.auth.Set(limited)
	b.store.uses = []store.Use{{Counter: store.Counter{AppID: "shop", Channel: "sms", Period: store.PerDay}, Used: 5, Left: time.Hour}}
	a := b.browse(t, http.MethodGet, "/console/apps", nil, b.signIn(t, "root"))
	require.Equal(t, http.StatusOK, a.status)
	for _, want := range []string{"&lt;b&gt;Shop", "Disabled", "not with high priority", "Requests a minute", "0 of 10", "5 of 5", "Spent until", "2 test secrets"} {
		require.Contains(t, a.text, want)
	}
	require.NotContains(t, a.text, "one, two")
	require.EqualValues(t, 2, b.call(t, request{method: http.MethodGet, path: "/api/v1/apps", app: "root"}).json(t)["apps"].([]any)[1].(map[string]any)["testSecrets"])
	b.auth.Set(api.Unprotected())
	require.Contains(t, b.browse(t, http.MethodGet, "/console/apps", nil, nil).text, "Authentication is off")
}

func TestConsoleAudit(t *testing.T) {
	t.Parallel()
	b := start(t)
	cookies := b.signIn(t, "root")
	require.Contains(t, b.browse(t, http.MethodGet, "/console/audit", nil, cookies).text, "Nothing was changed yet")
	delivery := uuid.NewString()
	for range 26 {
		entry := store.Actor{AppID: "shop", Address: "10.0.0.1", Agent: "<b>agent"}.Did(store.AuditDeliveryRetry, delivery)
		entry.ID, entry.At = uuid.Must(uuid.NewV7()), time.Now()
		b.store.entries = append(b.store.entries, entry)
	}
	a := b.browse(t, http.MethodGet, "/console/audit?app=shop&action=delivery.retry&object="+delivery+"&since=2026-01-01T00:00:00Z", nil, cookies)
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, store.AuditFilter{
		AppID: "shop", Action: store.AuditDeliveryRetry, ObjectID: delivery, Since: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}, b.store.auditFilter)
	for _, want := range []string{"Delivery sent again", "/console/deliveries/" + delivery, "&lt;b&gt;agent", "after=" + b.store.entries[1].ID.String(), `value="delivery.retry" selected`} {
		require.Contains(t, a.text, want)
	}
	a = b.browse(t, http.MethodGet, "/console/audit?since=yesterday", nil, cookies)
	require.Equal(t, http.StatusBadRequest, a.status)
	require.Contains(t, a.text, "A time is not one.")
	b.store.fail(store.ErrTooBroad)
	b.auth.Set(api.Unprotected()) // sessions are in the store
	require.Contains(t, b.browse(t, http.MethodGet, "/console/audit?app=shop", nil, nil).text, "The search reads too much.")
}
