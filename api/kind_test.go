package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/store"
)

const billing = `{"description": "debts", "channels": ["email", "sms"], "optional": true,
	"quiet": {"from": "22:00", "to": "08:00", "timeZone": "Asia/Shanghai", "channels": ["sms"]},
	"caps": {"sms": {"limit": 5, "per": "day"}}}`

func TestKinds(t *testing.T) {
	t.Parallel()
	b := start(t)
	put := func(app, name, body string) answer {
		return b.call(t, request{method: http.MethodPut, path: "/api/v1/kinds/" + name, app: app, body: body})
	}
	get := func(app, path string) answer {
		return b.call(t, request{method: http.MethodGet, path: "/api/v1/kinds" + path, app: app})
	}
	require.Equal(t, 403, put("console", "billing", billing).status, "administrators write them")
	require.Equal(t, 404, get("console", "/billing").status)
	a := put("root", "billing", billing)
	require.Equal(t, 200, a.status, a.text)
	require.Equal(t, a.text, get("sender", "/billing").text, "everybody reads them")
	written := a.json(t)
	require.Equal(t, "root", written["updatedBy"])
	require.Equal(t, "08:00", written["quiet"].(map[string]any)["to"])
	require.EqualValues(t, 5, written["caps"].(map[string]any)["sms"].(map[string]any)["limit"])

	require.Equal(t, 200, put("root", "alert", `{"critical": true}`).status)
	list := get("editor", "?limit=1").json(t)
	require.Equal(t, "alert", list["next"])
	require.Equal(t, "alert", list["kinds"].([]any)[0].(map[string]any)["name"])
	rest := get("editor", "?limit=1&after=alert").json(t)
	require.NotContains(t, rest, "next")

	require.Equal(t, 403, b.call(t, request{method: http.MethodDelete, path: "/api/v1/kinds/alert", app: "console"}).status)
	require.Equal(t, 204, b.call(t, request{method: http.MethodDelete, path: "/api/v1/kinds/alert", app: "root"}).status)
	require.Equal(t, 404, b.call(t, request{method: http.MethodDelete, path: "/api/v1/kinds/alert", app: "root"}).status)
	var done []store.AuditAction
	for _, e := range b.store.entries {
		done = append(done, e.Action)
	}
	require.Equal(t, []store.AuditAction{store.AuditKindWrite, store.AuditKindWrite, store.AuditKindDelete}, done)
}

func TestKindsAreChecked(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.store.templates["mail"] = store.Template{Name: "mail", Channel: "email"}
	for _, c := range []struct {
		name, body  string
		status      int
		code, field string
	}{
		{"x", `{"name": "y"}`, 422, "immutable_field", "name"},
		{"-x", `{}`, 400, "invalid_request", "path.name"},
		{"x", `{"optional": true, "critical": true}`, 422, "invalid_kind", "critical"},
		{"x", `{"channels": ["fax"]}`, 422, "unknown_channel", "channels[0]"},
		{"x", `{"channels": ["sms", "sms"]}`, 422, "invalid_kind", "channels[1]"},
		{"x", `{"quiet": {"from": "24:00", "to": "08:00", "timeZone": "UTC"}}`, 400, "invalid_request", "quiet.from"},
		{"x", `{"quiet": {"from": "22:00", "to": "8:00", "timeZone": "UTC"}}`, 400, "invalid_request", "quiet.to"},
		{"x", `{"quiet": {"from": "22:00", "to": "08:00"}}`, 400, "invalid_request", "quiet.timeZone"},
		{"x", `{"quiet": {"from": "22:00", "to": "08:00", "timeZone": "Local"}}`, 422, "invalid_kind", "quiet.timeZone"},
		{"x", `{"quiet": {"from": "22:00", "to": "08:00", "timeZone": "Asia/Nowhere"}}`, 422, "invalid_kind", "quiet.timeZone"},
		{"x", `{"quiet": {"from": "22:00", "to": "22:00", "timeZone": "UTC"}}`, 422, "invalid_kind", "quiet.to"},
		{"x", `{"quiet": {"from": "22:00", "to": "20:00", "timeZone": "UTC"}}`, 422, "invalid_kind", "quiet.to"},
		{"x", `{"quiet": {"from": "22:00", "to": "08:00", "timeZone": "UTC", "channels": ["fax"]}}`, 422, "unknown_channel", "quiet.channels[0]"},
		{"x", `{"channels": ["email"], "quiet": {"from": "22:00", "to": "08:00", "timeZone": "UTC", "channels": ["sms"]}}`, 422, "invalid_kind", "quiet.channels[0]"},
		{"x", `{"caps": {"fax": {"limit": 1, "per": "day"}}}`, 422, "invalid_kind", "caps.fax"},
		{"x", `{"channels": ["email"], "caps": {"sms": {"limit": 1, "per": "day"}}}`, 422, "invalid_kind", "caps.sms"},
		{"x", `{"caps": {"sms": {"limit": 0, "per": "day"}}}`, 400, "invalid_request", "caps.sms.limit"},
		{"x", `{"caps": {"sms": {"limit": 1, "per": "week"}}}`, 400, "invalid_request", "caps.sms.per"},
		{"x", `{"caps": {"sms": {"limit": 1}}}`, 400, "invalid_request", "caps.sms.per"},
		{"x", `{"digest": {"window": "1h"}}`, 400, "invalid_request", "digest.template"},
		{"x", `{"digest": {"template": "mail"}}`, 400, "invalid_request", "digest.window"},
		{"x", `{"digest": {"window": "1h", "template": "mail", "keys": "x"}}`, 400, "invalid_request", "digest.keys"},
		{"x", `{"digest": {"window": "60", "template": "mail"}}`, 422, "invalid_kind", "digest.window"},
		{"x", `{"digest": {"window": "999ms", "template": "mail"}}`, 422, "invalid_kind", "digest.window"},
		{"x", `{"digest": {"window": "168h1s", "template": "mail"}}`, 422, "invalid_kind", "digest.window"},
		{"x", `{"digest": {"window": "-1h", "template": "mail"}}`, 422, "invalid_kind", "digest.window"},
		{"x", `{"digest": {"window": "1h", "template": "unknown"}}`, 422, "unknown_template", "digest.template"},
		{"x", `{"channels": ["sms"], "digest": {"window": "1h", "template": "mail"}}`, 422, "invalid_kind", "digest.template"},
		{"x", `{"critical": true, "digest": {"window": "1h", "template": "mail"}}`, 422, "invalid_kind", "digest"},
		{"x", `{"quiets": {}}`, 400, "invalid_request", "quiets"},
	} {
		a := b.call(t, request{method: http.MethodPut, path: "/api/v1/kinds/" + c.name, app: "root", body: c.body})
		require.Equal(t, c.status, a.status, "%s: %s", c.body, a.text)
		code, field := a.problem(t)
		require.Equal(t, c.code, code, c.body)
		require.Equal(t, c.field, field, c.body)
	}
	require.Empty(t, b.store.kinds)
}

func TestKindOfANotification(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.accepter.accepted = accepting.Accepted{Deliveries: 2, Withheld: store.Amounts{"capped": 2}}
	a := b.call(t, request{method: http.MethodPost, path: "/api/v1/notifications", app: "sender", body: `{"idempotencyKey": "k", "kind": "billing",
		"channels": {"email": {"template": "debt"}}, "recipients": [{"type": "email", "value": "a@example.com", "timeZone": "Europe/Berlin"}]}`})
	require.Equal(t, 202, a.status, a.text)
	require.Equal(t, map[string]any{"capped": 2.}, a.json(t)["withheld"])
	require.Equal(t, "billing", b.accepter.requests[0].Kind)
	require.Equal(t, "Europe/Berlin", b.accepter.requests[0].Recipients[0].TimeZone)

	n := b.notificationOf("sender", 1)
	now := time.Now().UTC()
	quiet := now.Add(-2*time.Hour).Format("15:04") + "-" + now.Add(2*time.Hour).Format("15:04") + " UTC"
	b.store.deliveries[0].Kind, b.store.deliveries[0].Quiet = "billing", quiet
	d := b.call(t, request{method: http.MethodGet, path: "/api/v1/deliveries/" + b.store.deliveries[0].ID.String(), app: "sender"})
	require.Equal(t, 200, d.status, d.text)
	require.Equal(t, "billing", d.json(t)["kind"])
	require.Equal(t, "quiet_hours", d.json(t)["heldWhy"])
	until, err := time.Parse(time.RFC3339, d.json(t)["heldUntil"].(string))
	require.NoError(t, err)
	require.True(t, until.After(now) && until.Before(now.Add(2*time.Hour+time.Second)))
	require.NotContains(t, strings.Split(b.call(t, request{method: http.MethodGet, path: "/api/v1/notifications/" + n.ID.String(), app: "sender"}).text, `"tasks"`)[0], "withheld")
}

// An item of a digest says in which it is, and until when it waits there. The digest has no message
// until it is closed, and its page and its list show the items.
func TestDigest(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.store.templates["mail"] = store.Template{Name: "mail", Channel: "email"}
	a := b.call(t, request{method: http.MethodPut, path: "/api/v1/kinds/billing", app: "root", body: `{"digest": {"window": "1h30m", "template": "mail", "key": "workspace"}}`})
	require.Equal(t, 200, a.status, a.text)
	require.Equal(t, map[string]any{"window": "1h30m", "template": "mail", "key": "workspace"}, a.json(t)["digest"])
	require.Equal(t, store.Digest{Window: "1h30m", Template: "mail", Key: "workspace"}, *b.store.kinds["billing"].Digest)

	b.notificationOf("sender", 2)
	due := store.Now().Add(time.Hour)
	for i := range b.store.deliveries {
		d := &b.store.deliveries[i]
		d.Status, d.SendAt, d.DigestID = store.DeliveryPending, &due, b.store.deliveries[1].ID
	}
	item, digest := b.store.deliveries[0], b.store.deliveries[1]
	get := func(id uuid.UUID) answer {
		return b.call(t, request{method: http.MethodGet, path: "/api/v1/deliveries/" + id.String(), app: "sender"})
	}
	shown := get(item.ID).json(t)
	require.Equal(t, []any{digest.ID.String(), "digest"}, []any{shown["digestId"], shown["heldWhy"]})
	until, err := time.Parse(time.RFC3339, shown["heldUntil"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, due, until, time.Second)

	require.Equal(t, 200, b.call(t, request{method: http.MethodGet, path: "/api/v1/deliveries?digest=" + digest.ID.String(), app: "sender"}).status)
	require.Equal(t, digest.ID, b.store.deliveryFilter.DigestID)
	a = b.call(t, request{method: http.MethodGet, path: "/api/v1/deliveries?digest=x", app: "sender"})
	require.Equal(t, 400, a.status)
	_, field := a.problem(t)
	require.Equal(t, "query.digest", field)

	cookies := b.signIn(t, "sender")
	page := b.browse(t, http.MethodGet, "/console/deliveries/"+digest.ID.String(), nil, cookies)
	require.Equal(t, 200, page.status, page.text)
	require.Contains(t, page.text, `<h2 id="items">`)
	require.Contains(t, page.text, "/deliveries/"+item.ID.String())
	page = b.browse(t, http.MethodGet, "/console/deliveries/"+item.ID.String(), nil, cookies)
	require.Contains(t, page.text, "/deliveries/"+digest.ID.String())
	require.Contains(t, page.text, "in a digest, which is due")
	require.NotContains(t, page.text, `<h2 id="items">`)
}

func TestKindOfAReceiver(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *api.Options) {
		o.Integrations = api.IntegrationsConfig{Receivers: map[string]api.Receiver{"team-a": {
			Kind: "alert", Channels: map[string]api.ReceiverChannel{"email": {Template: "mail"}},
			Recipients: []api.ReceiverRecipient{{Type: "email", Value: "a@example.com"}},
		}}}
	})
	a := b.call(t, request{method: http.MethodPost, path: "/api/v1/receivers/test", app: "sender", body: `{"receiver": "team-a"}`})
	require.Equal(t, 202, a.status, a.text)
	require.Equal(t, "alert", b.accepter.requests[0].Kind)
}
