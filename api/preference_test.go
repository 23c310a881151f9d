package api_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

func (m *memory) ListSuppressions(_ context.Context, f store.SuppressionFilter, after uuid.UUID, limit int) ([]store.Suppression, error) {
	defer m.lock()()
	m.suppressionFilter = f
	var rows []store.Suppression
	for _, s := range m.suppressions {
		if (after == uuid.Nil || s.ID.String() < after.String()) && len(rows) < limit {
			rows = append(rows, s)
		}
	}
	return rows, m.err
}

func (m *memory) DeleteSuppression(_ context.Context, id uuid.UUID, audit store.AuditEntry) error {
	defer m.lock()()
	before := len(m.suppressions)
	m.suppressions = slices.DeleteFunc(m.suppressions, func(s store.Suppression) bool { return s.ID == id })
	if m.err == nil && len(m.suppressions) == before {
		return store.ErrNotFound
	}
	m.entries = append(m.entries, audit)
	return m.err
}

func (m *memory) Preferences(_ context.Context, r store.Recipient) ([]store.Preference, error) {
	defer m.lock()()
	return slices.Clone(m.off[r]), m.err
}

func (m *memory) SetPreferences(_ context.Context, r store.Recipient, off []store.Preference, audit store.AuditEntry) error {
	defer m.lock()()
	if m.err != nil {
		return m.err
	}
	m.off[r] = nil
	for _, p := range off {
		p.Source, p.CreatedAt = store.SourceAPI, store.Now()
		m.off[r] = append(m.off[r], p)
	}
	m.entries = append(m.entries, audit)
	return nil
}

func (m *memory) SwitchOff(_ context.Context, p store.Preference) error {
	defer m.lock()()
	if m.err == nil {
		m.off[p.Recipient] = append(m.off[p.Recipient], p)
	}
	return m.err
}

func (m *memory) SwitchOn(_ context.Context, p store.Preference) error {
	defer m.lock()()
	if m.err == nil {
		m.off[p.Recipient] = slices.DeleteFunc(m.off[p.Recipient], func(o store.Preference) bool { return o.Kind == p.Kind && o.Channel == p.Channel })
	}
	return m.err
}

func (m *memory) LinkKeys(_ context.Context, first []byte) ([][]byte, error) {
	defer m.lock()()
	if m.err == nil && len(m.keys) == 0 {
		m.keys = [][]byte{first}
	}
	return slices.Clone(m.keys), m.err
}

func (m *memory) AddLinkKey(_ context.Context, key []byte, alone bool, audit store.AuditEntry) error {
	defer m.lock()()
	if alone {
		m.keys = nil
	}
	m.keys = append([][]byte{key}, m.keys...)
	m.entries = append(m.entries, audit)
	return m.err
}

func TestSuppressions(t *testing.T) {
	t.Parallel()
	b := start(t)
	for i := range 3 {
		b.store.suppressions = append([]store.Suppression{{
			ID: uuid.Must(uuid.NewV7()), Channel: "email", Recipient: store.Recipient{Type: "email", Value: string(rune('a'+i)) + "@example.com"},
			Code: "smtp_5.1.1", Error: "550 5.1.1 no such user", CreatedAt: store.Now(), Until: store.Now(),
		}}, b.store.suppressions...)
	}
	list := func(query string) map[string]any {
		a := b.call(t, request{method: "GET", path: "/api/v1/suppressions" + query, app: "root"})
		require.Equal(t, 200, a.status, a.text)
		return a.json(t)
	}
	page := list("?limit=2&channel=email&recipient=a@example.com")
	require.Equal(t, store.SuppressionFilter{Channel: "email", Recipient: "a@example.com"}, b.store.suppressionFilter)
	require.Len(t, page["suppressions"], 2)
	page = list("?after=" + page["next"].(string))
	require.Len(t, page["suppressions"], 1)
	require.NotContains(t, page, "next")
	require.Equal(t, map[string]any{"type": "email", "value": "a@example.com"}, page["suppressions"].([]any)[0].(map[string]any)["recipient"])
	require.Equal(t, 400, b.call(t, request{method: "GET", path: "/api/v1/suppressions?address=x", app: "root"}).status)

	id := b.store.suppressions[0].ID.String()
	a := b.call(t, request{method: "DELETE", path: "/api/v1/suppressions/" + id, app: "root"})
	require.Equal(t, 204, a.status, a.text)
	require.Equal(t, actorOf("root").Did(store.AuditSuppressionDelete, id), b.store.entries[0])
	require.Equal(t, 404, b.call(t, request{method: "DELETE", path: "/api/v1/suppressions/" + id, app: "root"}).status)
	require.Equal(t, 403, b.call(t, request{method: "DELETE", path: "/api/v1/suppressions/" + id, app: "console"}).status)
	require.Equal(t, 400, b.call(t, request{method: "DELETE", path: "/api/v1/suppressions/x", app: "root"}).status)
}

func TestPreferences(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.store.kinds["news"], b.store.kinds["security"] = store.Kind{Name: "news", Optional: true}, store.Kind{Name: "security"}
	const path, body = "/api/v1/preferences", `{"recipient":{"type":"email","value":"canary@example.com"},"off":`
	read := func() []any {
		a := b.call(t, request{method: "GET", path: path + "?type=email&value=canary@example.com", app: "sender"})
		require.Equal(t, 200, a.status, a.text)
		return a.json(t)["off"].([]any)
	}
	require.Empty(t, read())
	a := b.call(t, request{method: "PUT", path: path, app: "sender", body: body + `[{"kind":"news","channel":"email"},{"channel":"sms"}]}`})
	require.Equal(t, 200, a.status, a.text)
	off := read()
	require.Len(t, off, 2)
	require.Equal(t, []any{"news", "email", "api"}, []any{off[0].(map[string]any)["kind"], off[0].(map[string]any)["channel"], off[0].(map[string]any)["source"]})
	entry := actorOf("sender").Did(store.AuditPreferenceUpdate, "")
	entry.Detail = "type email, 2 off"
	require.Equal(t, []store.AuditEntry{entry}, b.store.entries)

	// What was answered can be sent back.
	a = b.call(t, request{method: "PUT", path: path, app: "sender", body: a.text})
	require.Equal(t, 200, a.status, a.text)
	require.Len(t, read(), 2)
	a = b.call(t, request{method: "PUT", path: path, app: "sender", body: body + `[]}`})
	require.Equal(t, 200, a.status, a.text)
	require.Empty(t, read())

	for _, c := range []struct {
		body, code, field string
		status            int
	}{
		{body + `[{"kind":"security"}]}`, "kind_not_optional", "off[0].kind", 422},
		{body + `[{"kind":"news"},{"kind":"x"}]}`, "unknown_kind", "off[1].kind", 422},
		{body + `[{"kind":"news","channel":"x"}]}`, "unknown_channel", "off[0].channel", 422},
		{`{"recipient":{"type":"email","value":"x"},"off":[]}`, "invalid_recipient", "recipient", 422},
		{`{"recipient":{"type":"x","value":"x"},"off":[]}`, "invalid_recipient", "recipient", 422},
		{`{"recipient":{"type":"email"},"off":[]}`, "invalid_request", "recipient.value", 400},
		{`{"recipient":{"type":"email","value":"a@example.com"}}`, "invalid_request", "off", 400},
		{body + `null}`, "invalid_request", "off", 400},
		{body + `[{"kinds":"news"}]}`, "invalid_request", "off[0].kinds", 400},
	} {
		a := b.call(t, request{method: "PUT", path: path, app: "sender", body: c.body})
		require.Equal(t, c.status, a.status, c.body)
		code, field := a.problem(t)
		require.Equal(t, []string{c.code, c.field}, []string{code, field}, c.body)
		require.NotContains(t, a.text, "canary")
	}
	for _, query := range []string{"", "?type=email", "?value=a@example.com", "?type=&value=", "?type=email&value=x", "?type=x&value=x", "?type=email&value=a@example.com&x=1"} {
		require.Contains(t, []int{400, 422}, b.call(t, request{method: "GET", path: path + query, app: "sender"}).status, query)
	}
	for _, entry := range b.logs.All() {
		require.NotContains(t, entry.Message+entry.ContextMap()["path"].(string), "canary")
	}
}

func TestLinkKeys(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, body := range []string{"{}", `{"forget":false}`, `{"forget":true}`} {
		a := b.call(t, request{method: http.MethodPost, path: "/api/v1/link-keys", app: "root", body: body})
		require.Equal(t, 204, a.status, a.text)
	}
	require.Len(t, b.store.keys, 1)
	require.Len(t, b.store.entries, 3)
}

func TestConsoleRecipients(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.store.kinds["news"], b.store.kinds["security"] = store.Kind{Name: "news", Optional: true}, store.Kind{Name: "security"}
	b.store.suppressions = []store.Suppression{{
		ID: uuid.Must(uuid.NewV7()), Channel: "email", Recipient: store.Recipient{Type: "email", Value: "gone@example.com"}, Code: "smtp_5.1.1", Until: store.Now(),
	}}
	admin, sender := b.signIn(t, "root"), b.signIn(t, "sender")
	const page = "/console/recipients?type=email&value=alice@example.com"
	require.NotContains(t, b.browse(t, http.MethodGet, page, nil, sender).text, "gone@example.com")
	require.Contains(t, b.browse(t, http.MethodGet, "/console/recipients", nil, admin).text, "gone@example.com")
	require.Equal(t, http.StatusForbidden, b.browse(t, http.MethodGet, page, nil, b.signIn(t, "editor")).status)

	form := url.Values{"type": {"email"}, "value": {"alice@example.com"}, "kind": {"news"}, "channel": {"email"}, "do": {"off"}}
	a := b.browse(t, http.MethodPost, "/console/recipients/switch", form, sender)
	require.Equal(t, http.StatusSeeOther, a.status, a.text)
	require.Contains(t, b.browse(t, http.MethodGet, a.header.Get("Location"), nil, sender).text, "by an app")
	require.Len(t, b.store.off[store.Recipient{Type: "email", Value: "alice@example.com"}], 1)
	form.Set("do", "on")
	require.Equal(t, http.StatusSeeOther, b.browse(t, http.MethodPost, "/console/recipients/switch", form, sender).status)
	require.Empty(t, b.store.off[store.Recipient{Type: "email", Value: "alice@example.com"}])

	form.Set("do", "off")
	form.Set("kind", "security")
	a = b.browse(t, http.MethodPost, "/console/recipients/switch", form, sender)
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, a.text, "cannot be switched off")
	require.Contains(t, a.text, "alice@example.com", "what was typed stays")
	form.Set("value", "nonsense")
	require.Contains(t, b.browse(t, http.MethodPost, "/console/recipients/switch", form, sender).text, "This is no address of that type.")

	path := "/console/recipients/suppressions/" + b.store.suppressions[0].ID.String() + "/delete"
	require.Equal(t, http.StatusForbidden, b.browse(t, http.MethodPost, path, url.Values{}, sender).status)
	require.Equal(t, http.StatusSeeOther, b.browse(t, http.MethodPost, path, url.Values{}, admin).status)
	require.Empty(t, b.store.suppressions)
	require.Equal(t, http.StatusNotFound, b.browse(t, http.MethodPost, path, url.Values{}, admin).status)
}
