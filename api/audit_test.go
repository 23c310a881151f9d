package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/store"
)

// Each change has an entry with who, what, when, from where and how it ended. What was refused
// because of its owner has one, too.
func TestChangesOfTemplatesAreAudited(t *testing.T) {
	t.Parallel()
	b := start(t)
	agent := "deploy/1.2 \xff\x80" + strings.Repeat("x", 100)
	require.Equal(t, 201, b.call(t, request{
		method: "POST", path: "/api/v1/templates", app: "editor", body: goodTemplate, header: http.Header{"User-Agent": {agent}},
	}).status)
	require.Equal(t, 409, b.template(t, "POST", "", goodTemplate).status)
	require.Equal(t, 200, b.template(t, "PUT", "feishu-incident", `{"body":"new"}`).status)
	require.Equal(t, 403, b.templateAs(t, "editor2", "PUT", "feishu-incident", `{"body":"new"}`).status)
	require.Equal(t, 200, b.templateAs(t, "root", "PUT", "feishu-incident", `{"body":"new","owner":"console"}`).status)
	require.Equal(t, 204, b.templateAs(t, "console", "DELETE", "feishu-incident", "").status)
	require.Equal(t, 200, b.templateAs(t, "root", "POST", "feishu-incident/restore", `{"version":1}`).status)

	created := actorOf("editor").Did(store.AuditTemplateCreate, "feishu-incident")
	created.Agent = "deploy/1.2 " + strings.Repeat("x", 51)
	refused := actorOf("editor2").Did(store.AuditTemplateUpdate, "feishu-incident")
	refused.Outcome = store.AuditRefused
	given := actorOf("root").Did(store.AuditTemplateOwner, "feishu-incident")
	given.Detail = "from editor to console"
	restored := actorOf("root").Did(store.AuditTemplateRestore, "feishu-incident")
	restored.Detail = "like version 1"
	require.Equal(t, []store.AuditEntry{
		created, actorOf("editor").Did(store.AuditTemplateUpdate, "feishu-incident"), refused, given,
		actorOf("console").Did(store.AuditTemplateDelete, "feishu-incident"), restored,
	}, b.store.entries)
}

func TestListAudit(t *testing.T) {
	t.Parallel()
	b := start(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for range 3 {
		e := actorOf("editor").Did(store.AuditTemplateUpdate, "alert").OfVersion(2)
		e.ID, e.At = uuid.Must(uuid.NewV7()), at
		b.store.entries = append(b.store.entries, e)
	}
	list := func(app, query string) answer {
		return b.call(t, request{method: "GET", path: "/api/v1/audit" + query, app: app})
	}
	for _, app := range []string{"console", "sender", "editor"} {
		require.Equal(t, http.StatusForbidden, list(app, "").status, app)
	}
	first := list("root", "?limit=2")
	require.Equal(t, 200, first.status, first.text)
	require.JSONEq(t, `{"id":"`+b.store.entries[2].ID.String()+`","at":"2026-01-02T03:04:05Z","app":"editor","action":"template.update",
		"object":"alert","outcome":"done","detail":"version 2","person":"","address":"127.0.0.1","userAgent":"Go-http-client/1.1"}`,
		jsonOf(t, first.json(t)["entries"].([]any)[0]))
	last := list("root", "?limit=2&after="+first.json(t)["next"].(string))
	require.Len(t, last.json(t)["entries"], 1)
	require.NotContains(t, last.json(t), "next")

	query := url.Values{
		"app": {"editor"}, "action": {"template.update"}, "object": {"alert"},
		"since": {"2026-01-01T00:00:00Z"}, "until": {"2026-01-03T00:00:00Z"},
	}
	require.Equal(t, 200, list("root", "?"+query.Encode()).status)
	require.Equal(t, store.AuditFilter{
		AppID: "editor", Action: store.AuditTemplateUpdate, ObjectID: "alert",
		Since: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC),
	}, b.store.auditFilter)
	for _, bad := range []string{"?apps=x", "?limit=0", "?limit=501", "?since=yesterday", "?app=", "?after=x"} {
		require.Equal(t, 400, list("root", bad).status, bad)
	}
	b.store.fail(store.ErrUnavailable)
	require.Equal(t, 503, list("root", "").status)
}

// What an operator changes in River UI is seen in its requests.
func TestChangesInRiverUIAreAudited(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	b := start(t, func(o *api.Options) {
		o.RiverUI = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	})
	call := func(method, path, body string) {
		b.callUndescribed(t, request{method: method, path: "/riverui" + path, app: "root", body: body})
	}
	call("GET", "/api/jobs", "")
	require.Empty(t, b.store.entries)
	call("POST", "/api/jobs/retry", `{"ids":["7","8"]}`)
	call("POST", "/api/jobs/cancel", `{"ids":[9]}`)
	call("PUT", "/api/queues/email/pause", "")
	call("PATCH", "/api/queues/email", `{}`)
	status = http.StatusNotFound
	call("POST", "/api/jobs/delete", `{"ids":["7"]}`)
	call("POST", "/api/other%01/x/y/z", "")

	did := func(action store.AuditAction, object string, outcome store.AuditOutcome) store.AuditEntry {
		e := actorOf("root").Did(action, object)
		e.Outcome = outcome
		return e
	}
	require.Equal(t, []store.AuditEntry{
		did("job.retry", "7", store.AuditDone), did("job.retry", "8", store.AuditDone), did("job.cancel", "9", store.AuditDone),
		did("queue.pause", "email", store.AuditDone), did("queue.update", "email", store.AuditDone),
		did("job.delete", "7", store.AuditRefused), did("riverui.change", "other/x/y/z", store.AuditRefused),
	}, b.store.entries)
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}
