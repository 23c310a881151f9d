package api_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/store"
)

const privateTemplate = `{"name":"payroll","channel":"email","private":true,"body":"secret text"}`

// templateAs is template for any app.
func (b *bench) templateAs(t *testing.T, app, method, name, body string) answer {
	t.Helper()
	path := "/api/v1/templates"
	if name != "" {
		path += "/" + name
	}
	return b.call(t, request{method: method, path: path, app: app, body: body})
}

// An app may use the templates of others. Only the owner and an administrator change them.
func TestOnlyTheOwnerAndAdministratorsChangeATemplate(t *testing.T) {
	t.Parallel()
	b := start(t)
	require.Equal(t, 201, b.template(t, "POST", "", goodTemplate).status)
	changes := []struct{ method, path, body string }{
		{"PUT", "feishu-incident", `{"body":"what the stranger wrote"}`},
		{"DELETE", "feishu-incident", ""},
		{"POST", "feishu-incident/restore", `{"version":1}`},
	}
	for _, c := range changes {
		a := b.templateAs(t, "editor2", c.method, c.path, c.body)
		require.Equal(t, http.StatusForbidden, a.status, a.text)
		code, _ := a.problem(t)
		require.Equal(t, "not_owner", code)
		require.Contains(t, a.text, "belongs to the app editor: only that app and administrators may change, delete or restore it")
	}
	require.Len(t, b.store.versions, 1, "nothing was written")
	for _, c := range []struct{ method, path, body string }{
		{"GET", "feishu-incident", ""},
		{"GET", "feishu-incident/versions", ""},
		{"GET", "feishu-incident/versions/1", ""},
		{"POST", "feishu-incident/preview", "{}"},
	} {
		require.Equal(t, 200, b.templateAs(t, "editor2", c.method, c.path, c.body).status, c.path)
	}
	require.Len(t, b.templateAs(t, "editor2", "GET", "", "").json(t)["templates"], 1)

	for _, app := range []string{"editor", "root"} {
		require.Equal(t, 200, b.templateAs(t, app, "PUT", "feishu-incident", `{"body":"new"}`).status, app)
		require.Equal(t, 204, b.templateAs(t, app, "DELETE", "feishu-incident", "").status, app)
		restored := b.templateAs(t, app, "POST", "feishu-incident/restore", `{"version":1}`)
		require.Equal(t, 200, restored.status, restored.text)
		require.Equal(t, "editor", restored.json(t)["owner"], "an administrator's restore gives it back")
	}
}

// The name of a deleted template stays its owner's: others still send by that name.
func TestAStrangerDoesNotTakeTheNameOfADeletedTemplate(t *testing.T) {
	t.Parallel()
	b := start(t)
	require.Equal(t, 201, b.template(t, "POST", "", goodTemplate).status)
	require.Equal(t, 204, b.template(t, "DELETE", "feishu-incident", "").status)
	a := b.templateAs(t, "editor2", "POST", "", goodTemplate)
	require.Equal(t, http.StatusForbidden, a.status, a.text)
	code, _ := a.problem(t)
	require.Equal(t, "not_owner", code)
	a = b.templateAs(t, "editor2", "POST", "feishu-incident/restore", `{"version":1}`)
	require.Equal(t, http.StatusForbidden, a.status, a.text)
	require.Equal(t, 404, b.template(t, "GET", "feishu-incident", "").status)
	require.Equal(t, 200, b.template(t, "POST", "feishu-incident/restore", `{"version":1}`).status)
}

// A private template is there for its owner and administrators only.
func TestPrivateTemplates(t *testing.T) {
	t.Parallel()
	b := start(t)
	created := b.template(t, "POST", "", privateTemplate)
	require.Equal(t, 201, created.status, created.text)
	require.Equal(t, true, created.json(t)["private"])
	uses := []struct{ method, path, body string }{
		{"GET", "payroll", ""},
		{"GET", "payroll/versions", ""},
		{"GET", "payroll/versions/1", ""},
		{"POST", "payroll/preview", "{}"},
		{"PUT", "payroll", `{"body":"public"}`},
		{"DELETE", "payroll", ""},
		{"POST", "payroll/restore", `{"version":1}`},
	}
	unknown := b.templateAs(t, "editor2", "GET", "none", "")
	for _, deleted := range []bool{false, true} {
		for _, c := range uses {
			a := b.templateAs(t, "editor2", c.method, c.path, c.body)
			require.Equal(t, 404, a.status, "%s %s: %s", c.method, c.path, a.text)
			require.Equal(t, unknown.text, a.text, "as if it were not there")
		}
		test := b.call(t, request{
			method: "POST", path: "/api/v1/templates/payroll/test", app: "console", body: `{"recipient":{"type":"email","value":"a@b.cd"}}`,
		})
		require.Equal(t, 404, test.status)
		require.Empty(t, b.accepter.requests)
		require.Empty(t, b.templateAs(t, "editor2", "GET", "", "").json(t)["templates"])
		taken := b.templateAs(t, "editor2", "POST", "", privateTemplate)
		code, _ := taken.problem(t)
		require.Equal(t, "template_exists", code, "a name is taken all the same")
		if !deleted {
			for _, app := range []string{"editor", "root"} {
				require.Equal(t, "secret text", b.templateAs(t, app, "GET", "payroll", "").json(t)["body"])
				require.Len(t, b.templateAs(t, app, "GET", "", "").json(t)["templates"], 1)
			}
			require.Equal(t, 204, b.template(t, "DELETE", "payroll", "").status)
		}
	}
	require.Equal(t, 200, b.template(t, "POST", "payroll/restore", `{"version":1}`).status)

	// Made public, it shows what it is now, and not what it was.
	require.Equal(t, 200, b.template(t, "PUT", "payroll", `{"body":"public"}`).status)
	require.Equal(t, "public", b.templateAs(t, "editor2", "GET", "payroll/versions/4", "").json(t)["body"])
	require.Equal(t, 404, b.templateAs(t, "editor2", "GET", "payroll/versions/1", "").status)
	require.Equal(t, "secret text", b.template(t, "GET", "payroll/versions/1", "").json(t)["body"])
}

func TestAnAdministratorChangesTheOwner(t *testing.T) {
	t.Parallel()
	b := start(t)
	require.Equal(t, 201, b.template(t, "POST", "", goodTemplate).status)
	for _, c := range []struct {
		app, owner string
		status     int
		code       string
	}{
		{"editor", "editor2", http.StatusForbidden, "forbidden"},
		{"root", "nobody", http.StatusUnprocessableEntity, "unknown_app"},
	} {
		a := b.templateAs(t, c.app, "PUT", "feishu-incident", `{"body":"x","owner":"`+c.owner+`"}`)
		require.Equal(t, c.status, a.status, a.text)
		code, field := a.problem(t)
		require.Equal(t, []string{c.code, "owner"}, []string{code, field})
	}
	created := b.templateAs(t, "editor", "POST", "", `{"name":"other","channel":"email","body":"x","owner":"editor2"}`)
	require.Equal(t, http.StatusForbidden, created.status, created.text)

	given := b.templateAs(t, "root", "PUT", "feishu-incident", `{"body":"x","owner":"editor2"}`)
	require.Equal(t, 200, given.status, given.text)
	require.Equal(t, []any{"editor2", 2.0}, []any{given.json(t)["owner"], given.json(t)["version"]})
	require.Equal(t, "from editor to editor2", b.store.entries[len(b.store.entries)-1].Detail)
	require.Equal(t, http.StatusForbidden, b.template(t, "PUT", "feishu-incident", `{"body":"x"}`).status)
	kept := b.templateAs(t, "editor2", "PUT", "feishu-incident", `{"body":"y","owner":"editor2"}`)
	require.Equal(t, "editor2", kept.json(t)["owner"], "what a read shows may be written")
	require.Equal(t, "editor2", b.templateAs(t, "root", "PUT", "feishu-incident", `{"body":"z"}`).json(t)["owner"], "left out, it stays")
}

// receiver returns a configuration with one receiver.
func receiver(r api.Receiver) func(*api.Options) {
	return func(o *api.Options) {
		r.Channels = map[string]api.ReceiverChannel{"feishu_app": {Template: "card"}}
		r.Recipients = []api.ReceiverRecipient{{Type: "feishu_user_id", Value: "ou_a"}}
		o.Integrations = api.IntegrationsConfig{Receivers: map[string]api.Receiver{"team-a": r}}
	}
}

// integrations.receivers.<name>.apps says who may post to a receiver.
func TestAppsOfAReceiver(t *testing.T) {
	t.Parallel()
	body := recorded(t, "alertmanager-firing")
	for _, c := range []struct {
		apps []string
		want map[string]int
	}{
		{nil, map[string]int{"sender": 202, "console": 202, "root": 202, "editor": 403}},
		{[]string{"console"}, map[string]int{"sender": 403, "console": 202, "root": 202, "editor": 403}},
		{[]string{"console", "editor"}, map[string]int{"sender": 403, "console": 202, "editor": 403}}, // without the role send
	} {
		b := start(t, receiver(api.Receiver{Apps: c.apps}))
		for app, status := range c.want {
			a := b.call(t, request{method: "POST", path: "/api/v1/integrations/alertmanager", app: app, body: body})
			require.Equal(t, status, a.status, "%v: %s: %s", c.apps, app, a.text)
			if status == 403 {
				code, _ := a.problem(t)
				require.Equal(t, "forbidden", code)
			}
		}
	}
}

// Addresses of the configuration are shown to administrators only, wherever they could be seen.
func TestConfiguredAddressesAreHidden(t *testing.T) {
	t.Parallel()
	b := start(t, receiver(api.Receiver{}))
	secret := store.Recipient{Type: "email", Value: "boss@example.com", Configured: true}
	b.accepter.accepted = accepting.Accepted{NotificationID: uuid.New(), Unmatched: []store.Recipient{secret}}
	n := b.notificationOf("sender", 2)
	n.Unmatched = []store.Recipient{secret}
	b.store.notifications[n.ID] = n
	for i := range b.store.deliveries {
		d := &b.store.deliveries[i]
		d.Recipient, d.LastCode, d.LastError = secret, "smtp_550", "550 <BOSS@example.com>: no such user"
		d.Details = []byte(`{"accepted":"boss@example.com"}`)
	}
	b.store.attempts = []store.Attempt{{Code: "smtp_550", Error: "550 <boss@example.com>", Details: []byte(`{"accepted":"boss@example.com"}`)}}

	alert := recorded(t, "alertmanager-firing")
	for _, c := range []struct{ method, path, body string }{
		{"POST", "integrations/alertmanager", alert},
		{"GET", "notifications/" + n.ID.String(), ""},
		{"GET", "notifications/" + n.ID.String() + "/deliveries", ""},
		{"GET", "deliveries", ""},
		{"GET", "deliveries/" + b.store.deliveries[0].ID.String(), ""},
		{"POST", "deliveries/" + b.store.deliveries[0].ID.String() + "/retry", "{}"},
		{"POST", "notifications/" + n.ID.String() + "/cancel", ""},
	} {
		path := "/api/v1/" + c.path
		shown := b.call(t, request{method: c.method, path: path, app: "sender", body: c.body})
		require.Less(t, shown.status, 300, shown.text)
		require.NotContains(t, shown.text, "example.com", c.path)
		require.Contains(t, shown.text, `"value":"***"`, c.path)
		all := b.call(t, request{method: c.method, path: path, app: "root", body: c.body})
		require.Contains(t, all.text, `"value":"boss@example.com"`, c.path)
	}
	require.True(t, b.accepter.requests[0].Recipients[0].Configured)
	list := b.call(t, request{method: "GET", path: "/api/v1/notifications", app: "sender"})
	require.Equal(t, 200, list.status)
	require.NotContains(t, list.text, "example.com", "lists have no addresses")

	// A search must not tell whether a guess is right.
	for app, hides := range map[string]bool{"sender": true, "root": false} {
		query := "?recipient=boss@example.com"
		b.call(t, request{method: "GET", path: "/api/v1/deliveries" + query, app: app})
		require.Equal(t, hides, b.store.deliveryFilter.NotConfigured, app)
		b.call(t, request{method: "GET", path: "/api/v1/notifications" + query, app: app})
		require.Equal(t, hides, b.store.notificationFilter.NotConfigured, app)
		b.call(t, request{method: "POST", path: "/api/v1/deliveries/retry", app: app, body: `{"filter":{"recipient":"boss@example.com"}}`})
		require.Equal(t, hides, b.control.requests[len(b.control.requests)-1].Filter.NotConfigured, app)
	}
}
