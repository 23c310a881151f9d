package security

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// apps of the tests of who may do what. Their secrets are their ids with "-secret".
const apps = `apps:
  - {appId: owner, appSecret: owner-secret}
  - {appId: stranger, appSecret: stranger-secret}
  - {appId: sender, appSecret: sender-secret, roles: [send]}
  - {appId: editor, appSecret: editor-secret, roles: [templates]}
  - {appId: admin, appSecret: admin-secret, roles: [admin]}
  - {appId: nothing, appSecret: nothing-secret, roles: []}
`

// as makes a request as an app.
func as(r *harness.Replica, app, method, path string, body any) harness.Answer {
	return r.Call(app, app+"-secret", method, "/api/v1/"+path, body)
}

// audited returns the newest entries of the audit log as "app action object outcome".
func audited(t *testing.T, r *harness.Replica, query string) []string {
	t.Helper()
	a := as(r, "admin", http.MethodGet, "audit?"+query, nil)
	require.Equal(t, http.StatusOK, a.Status, a.Raw)
	var entries []string
	for _, one := range a.Body["entries"].([]any) {
		e := one.(map[string]any)
		if e["action"] != "config.reload" {
			require.Equal(t, "127.0.0.1", e["address"], e)
		}
		entries = append(entries, fmt.Sprintf("%v %v %v %v", e["app"], e["action"], e["object"], e["outcome"]))
	}
	return entries
}

const alert = `{"receiver":"team-a","status":"firing","groupKey":"g","alerts":[{"status":"firing","labels":{"alertname":"a"},
	"annotations":{},"startsAt":"2026-01-02T03:04:05Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"0","generatorURL":""}]}`

// Who may do what: each app against each action, on a public and a private template, on a
// notification and its delivery, and on the rest.
func TestWhoMayDoWhat(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Write("apps.yaml", apps)
		w.Configure(map[string]string{"integrations": `{receivers: {team-a: {
			channels: {feishu_app: {template: public}}, recipients: [{type: feishu_user_id, value: ou_boss}], apps: [stranger]}}}`})
		r := w.Start()
		template := func(name string, private bool) map[string]any {
			return map[string]any{"name": name, "channel": "feishu_app", "msgType": "text", "body": "{{ .x }}", "private": private}
		}
		send := func(name string) map[string]any {
			return map[string]any{
				"idempotencyKey": name, "recipients": []map[string]string{{"type": "feishu_user_id", "value": "ou_1"}},
				"channels": map[string]any{"feishu_app": map[string]any{"template": name, "params": map[string]string{"x": "1"}}},
			}
		}
		test := map[string]any{"recipient": map[string]string{"type": "feishu_user_id", "value": "ou_1"}, "params": map[string]string{"x": "1"}}
		for _, name := range []string{"public", "private"} {
			require.Equal(t, http.StatusCreated, as(r, "owner", http.MethodPost, "templates", template(name, name == "private")).Status)
		}
		sent := as(r, "owner", http.MethodPost, "notifications", send("public"))
		require.Equal(t, http.StatusAccepted, sent.Status, sent.Raw)
		notification := sent.Body["notificationId"].(string)
		var delivery string
		require.Eventually(t, func() bool {
			n := as(r, "owner", http.MethodGet, "notifications/"+notification, nil)
			delivery = n.Body["tasks"].([]any)[0].(map[string]any)["id"].(string)
			return n.Body["status"] == "success"
		}, harness.Patience, harness.Tick)

		// Statuses of owner, stranger, sender, editor, admin and nothing, in this order.
		callers := []string{"owner", "stranger", "sender", "editor", "admin", "nothing"}
		for _, c := range []struct {
			method, path string
			body         any
			want         [6]int
		}{
			{"GET", "templates/public", nil, [6]int{200, 200, 403, 200, 200, 403}},
			{"GET", "templates/private", nil, [6]int{200, 404, 403, 404, 200, 403}},
			{"GET", "templates/public/versions", nil, [6]int{200, 200, 403, 200, 200, 403}},
			{"GET", "templates/private/versions", nil, [6]int{200, 404, 403, 404, 200, 403}},
			{"GET", "templates/private/versions/1", nil, [6]int{200, 404, 403, 404, 200, 403}},
			{"POST", "templates/public/preview", map[string]any{}, [6]int{200, 200, 403, 200, 200, 403}},
			{"POST", "templates/private/preview", map[string]any{}, [6]int{200, 404, 403, 404, 200, 403}},
			{"POST", "templates/public/test", test, [6]int{202, 202, 403, 403, 202, 403}},
			{"POST", "templates/private/test", test, [6]int{202, 404, 403, 403, 202, 403}},
			{"POST", "notifications", send("public"), [6]int{200, 202, 202, 403, 202, 403}},
			{"POST", "notifications", send("private"), [6]int{202, 422, 422, 403, 202, 403}},
			{"PUT", "templates/public", template("public", false), [6]int{200, 403, 403, 403, 200, 403}},
			{"PUT", "templates/private", template("private", true), [6]int{200, 404, 403, 404, 200, 403}},
			{"PUT", "templates/public", map[string]any{"body": "{{ .x }}", "owner": "editor"}, [6]int{403, 403, 403, 403, 200, 403}},
			{"PUT", "templates/public", map[string]any{"body": "{{ .x }}", "owner": "owner"}, [6]int{403, 403, 403, 403, 200, 403}},
			{"POST", "templates/public/restore", map[string]any{"version": 1}, [6]int{200, 403, 403, 403, 200, 403}},
			{"POST", "templates/private/restore", map[string]any{"version": 1}, [6]int{200, 404, 403, 404, 200, 403}},
			{"POST", "templates", template("public", false), [6]int{409, 409, 403, 409, 409, 403}},
			{"POST", "templates", template("private", false), [6]int{409, 409, 403, 409, 409, 403}},
			{"GET", "notifications/" + notification, nil, [6]int{200, 404, 404, 403, 200, 403}},
			{"GET", "deliveries/" + delivery, nil, [6]int{200, 404, 404, 403, 200, 403}},
			{"POST", "notifications/" + notification + "/cancel", nil, [6]int{200, 404, 404, 403, 200, 403}},
			{"POST", "deliveries/" + delivery + "/retry", map[string]any{}, [6]int{409, 404, 404, 403, 409, 403}},
			{"POST", "deliveries/retry", map[string]any{"filter": map[string]string{"app": "owner"}}, [6]int{202, 403, 403, 403, 202, 403}},
			{"GET", "audit", nil, [6]int{403, 403, 403, 403, 200, 403}},
			{"POST", "integrations/alertmanager", json.RawMessage(alert), [6]int{403, 202, 403, 403, 202, 403}},
		} {
			for i, app := range callers {
				a := as(r, app, c.method, c.path, c.body)
				require.Equal(t, c.want[i], a.Status, "%s: %s %s: %s", app, c.method, c.path, a.Raw)
			}
		}
		// The owner is last, because the template is gone afterwards.
		for _, app := range []string{"stranger", "sender", "editor", "nothing", "owner"} {
			deleted := as(r, app, http.MethodDelete, "templates/public", nil).Status
			require.Equal(t, map[bool]int{true: 204, false: 403}[app == "owner"], deleted, app)
		}
		for _, app := range []string{"stranger", "sender", "editor", "nothing", "owner"} {
			created := as(r, app, http.MethodPost, "templates", template("public", false)).Status
			require.Equal(t, map[bool]int{true: 201, false: 403}[app == "owner"], created, app)
		}
	})
}

// A stranger cannot decide what the next message says. A deletion leaves a trace, and can be
// undone by the owner.
func TestATemplateIsItsOwners(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		r.Template()
		other := func(method, path string, body any) harness.Answer {
			return r.Call(harness.OtherID, harness.OtherSecret, method, "/api/v1/templates/feishu-alert"+path, body)
		}
		require.Equal(t, http.StatusForbidden, other(http.MethodPut, "", map[string]any{"body": "what the stranger wrote"}).Status)
		require.Equal(t, http.StatusForbidden, other(http.MethodDelete, "", nil).Status)
		r.Until(r.Send("one", 1), "success")
		require.Contains(t, w.Vendors.Feishu.Inbox().Arrivals()[0].Text, "DB 主节点不可用")

		const path = "/api/v1/templates/feishu-alert"
		r.Do(http.StatusNoContent, http.MethodDelete, path, nil)
		deletion := r.Do(http.StatusOK, http.MethodGet, path+"/versions", nil).Body["versions"].([]any)[0].(map[string]any)
		require.Equal(t, []any{2.0, harness.AppID, true}, []any{deletion["version"], deletion["createdBy"], deletion["deleted"]})
		require.Equal(t, http.StatusForbidden, other(http.MethodPost, "/restore", map[string]any{"version": 1}).Status)
		restored := r.Do(http.StatusOK, http.MethodPost, path+"/restore", map[string]any{"version": 2})
		require.Equal(t, []any{3.0, harness.AppID}, []any{restored.Body["version"], restored.Body["owner"]})
		r.Until(r.Send("two", 1), "success")
	})
}

// Who posts alerts does not see who gets them.
func TestAddressesOfTheConfigurationAreForAdministrators(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Configure(map[string]string{"integrations": `{receivers: {team-a: {channels: {feishu_app: {template: feishu-alert}},
			recipients: [{type: feishu_user_id, value: ou_boss}, {type: email, value: boss@example.com}]}}}`})
		r := w.Start()
		r.Template()
		w.Vendors.Feishu.Fail(feishu.Fault{HTTPStatus: http.StatusBadRequest, Code: "230013", Message: "no availability to ou_boss"})
		posted := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/integrations/alertmanager", json.RawMessage(alert))
		id := posted.Body["notificationId"].(string)
		r.Until(id, "failed")
		var delivery string
		for _, path := range []string{"/api/v1/notifications/" + id, "/api/v1/notifications/" + id + "/deliveries", "/api/v1/deliveries"} {
			a := r.Do(http.StatusOK, http.MethodGet, path, nil)
			require.NotContains(t, a.Raw, "boss", path)
			if tasks, has := a.Body["tasks"].([]any); has {
				delivery = tasks[0].(map[string]any)["id"].(string)
			}
			all := r.Call(harness.AdminID, harness.AdminSecret, http.MethodGet, path, nil)
			require.Contains(t, all.Raw, "boss", path)
		}
		one := r.Do(http.StatusOK, http.MethodGet, "/api/v1/deliveries/"+delivery, nil)
		require.NotContains(t, one.Raw, "boss")
		require.NotContains(t, posted.Raw, "boss")
		require.NotContains(t, r.Log.String(), "boss@example.com")
		for _, list := range []string{"deliveries", "notifications"} {
			guess := "/api/v1/" + list + "?recipient=ou_boss"
			require.Empty(t, r.Do(http.StatusOK, http.MethodGet, guess, nil).Body[list])
			require.Len(t, r.Call(harness.AdminID, harness.AdminSecret, http.MethodGet, guess, nil).Body[list], 1)
		}
	})
}

// Every manual action is in the audit log: of the API, of River UI, and of the process.
func TestManualActionsAreAudited(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Write("apps.yaml", apps)
		r := w.Start()
		require.Equal(t, http.StatusCreated, as(r, "owner", http.MethodPost, "templates", map[string]any{
			"name": "feishu-alert", "channel": "feishu_app", "body": "{{ .incident }}",
		}).Status)
		require.Equal(t, http.StatusForbidden, as(r, "stranger", http.MethodDelete, "templates/feishu-alert", nil).Status)
		later := harness.Notification("later", 1)
		later["sendAt"] = time.Now().Add(time.Hour).Format(time.RFC3339)
		sent := as(r, "owner", http.MethodPost, "notifications", later)
		require.Equal(t, http.StatusAccepted, sent.Status, sent.Raw)
		notification := sent.Body["notificationId"].(string)
		cancelled := as(r, "owner", http.MethodPost, "notifications/"+notification+"/cancel", nil)
		require.Equal(t, http.StatusOK, cancelled.Status, cancelled.Raw)
		listed := as(r, "owner", http.MethodGet, "notifications/"+notification+"/deliveries", nil)
		delivery := listed.Body["deliveries"].([]any)[0].(map[string]any)["id"].(string)
		require.Equal(t, http.StatusAccepted, as(r, "owner", http.MethodPost, "deliveries/"+delivery+"/retry", map[string]any{}).Status)
		paused := r.Call("admin", "admin-secret", http.MethodPut, "/riverui/api/queues/feishu_app/pause", nil)
		require.Less(t, paused.Status, 300, paused.Raw)
		r.Signal(syscall.SIGHUP)
		r.Await("configuration reloaded")
		w.Configure(map[string]string{"retention": `{days: -1}`})
		r.Await("configuration not reloaded: the running one stays")

		require.Eventually(t, func() bool { return len(audited(t, r, "action=config.reload")) == 2 }, harness.Patience, harness.Tick)
		require.Equal(t, []string{
			" config.reload  refused", " config.reload  done",
			"admin queue.pause feishu_app done",
			"owner delivery.retry " + delivery + " done",
			"owner notification.cancel " + notification + " done",
			"stranger template.delete feishu-alert refused",
			"owner template.create feishu-alert done",
		}, audited(t, r, ""))
		require.Equal(t, []string{"owner delivery.retry " + delivery + " done"}, audited(t, r, "object="+delivery))
		require.Len(t, audited(t, r, "app=owner&limit=2"), 2)
		host, err := os.Hostname()
		require.NoError(t, err)
		require.Contains(t, as(r, "admin", http.MethodGet, "audit?action=config.reload", nil).Raw, `"address":"`+host+`"`)
		require.NotContains(t, as(r, "admin", http.MethodGet, "audit", nil).Raw, "ou_", "no address")
	})
}
