package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/migrate"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlite"
)

// startWithContacts is start with contacts in a real store.
func startWithContacts(t *testing.T) (*bench, *sqlite.Store) {
	t.Helper()
	st, err := sqlite.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "notify.db"), MaxOpenConns: 4, MaxIdleConns: 4})
	require.NoError(t, err)
	t.Cleanup(st.Close)
	require.NoError(t, migrate.SQLite(st.DB()).Up(t.Context()))
	return start(t, func(o *api.Options) { o.Store.(*memory).Contacts = st }), st
}

const alice = `{"addresses":[{"type":"email","value":"alice@example.com"},{"type":"phone","value":"+8613800000000"}],
	"locale":"zh-cn","timeZone":"Asia/Shanghai","labels":{"region":"cn","plan":"pro"}}`

func put(path, app, body string) request {
	return request{method: http.MethodPut, path: "/api/v1/" + path, app: app, body: body}
}

func get(path, app string) request {
	return request{method: http.MethodGet, path: "/api/v1/" + path, app: app}
}

// names returns the "owner/name" of each row of a list.
func (a answer) names(t *testing.T, list string) []string {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.text)
	names := []string{}
	for _, one := range a.json(t)[list].([]any) {
		row := one.(map[string]any)
		names = append(names, fmt.Sprintf("%v/%v", row["owner"], row["name"]))
	}
	return names
}

func TestContacts(t *testing.T) {
	t.Parallel()
	b, _ := startWithContacts(t)
	a := b.call(t, put("contacts/alice", "sender", alice))
	require.Equal(t, http.StatusOK, a.status, a.text)
	v := a.json(t)
	require.Equal(t, []any{"sender", "alice", "zh-CN", "Asia/Shanghai"}, []any{v["owner"], v["name"], v["locale"], v["timeZone"]})
	require.Equal(t, map[string]any{"region": "cn", "plan": "pro"}, v["labels"])
	require.Len(t, v["addresses"], 2)
	require.Equal(t, a.text, b.call(t, get("contacts/alice", "sender")).text)
	require.Equal(t, a.text, b.call(t, put("contacts/alice", "sender", alice)).text, "the same again changes nothing")

	a = b.call(t, put("contacts", "sender", `{"dryRun":true,"contacts":[{"name":"alice"},{"name":"bob"},{"name":"carol","locale":"en"}]}`))
	require.JSONEq(t, `{"created":["bob","carol"],"changed":["alice"],"unchanged":0,"dryRun":true}`, a.text)
	require.Equal(t, []string{"sender/alice"}, b.call(t, get("contacts", "sender")).names(t, "contacts"), "nothing was written")
	a = b.call(t, put("contacts", "sender", `{"contacts":[{"name":"bob"},{"name":"carol","locale":"en"}]}`))
	require.JSONEq(t, `{"created":["bob","carol"],"changed":[],"unchanged":0,"dryRun":false}`, a.text)
	a = b.call(t, put("contacts", "sender", `{"contacts":[{"name":"bob"},{"name":"carol"}]}`))
	require.JSONEq(t, `{"created":[],"changed":["carol"],"unchanged":1,"dryRun":false}`, a.text)

	page := b.call(t, get("contacts?limit=2", "sender"))
	require.Equal(t, []string{"sender/alice", "sender/bob"}, page.names(t, "contacts"))
	require.Equal(t, "sender/bob", page.json(t)["next"])
	require.Equal(t, []string{"sender/carol"}, b.call(t, get("contacts?limit=2&after=sender/bob", "sender")).names(t, "contacts"))
	for query, want := range map[string][]string{
		"name=a": {"sender/alice"}, "address=alice@example.com": {"sender/alice"}, "label=region=cn": {"sender/alice"},
		"label=region=us": {}, "address=alice": {}, "shared=true": {}, "owner=sender&name=c": {"sender/carol"},
	} {
		require.Equal(t, want, b.call(t, get("contacts?"+query, "sender")).names(t, "contacts"), query)
	}
	require.Equal(t, http.StatusNoContent, b.call(t, request{method: http.MethodDelete, path: "/api/v1/contacts/alice", app: "sender"}).status)
	require.Equal(t, http.StatusNotFound, b.call(t, get("contacts/alice", "sender")).status)
	require.Equal(t, http.StatusNotFound, b.call(t, request{method: http.MethodDelete, path: "/api/v1/contacts/alice", app: "sender"}).status)
}

func TestGroups(t *testing.T) {
	t.Parallel()
	b, _ := startWithContacts(t)
	for _, c := range []struct{ body, want string }{
		{`{"contacts":["bob","alice"],"dryRun":true}`, `{"name":"ops","change":"created","dryRun":true}`},
		{`{"contacts":["bob","alice"]}`, `{"name":"ops","change":"created","dryRun":false}`},
		{`{"contacts":["bob","alice"]}`, `{"name":"ops","change":"unchanged","dryRun":false}`},
		{`{"contacts":["alice"],"labels":{"team":"ops"},"dryRun":true}`, `{"name":"ops","change":"changed","dryRun":true}`},
		{`{"contacts":["alice"],"labels":{"team":"ops"}}`, `{"name":"ops","change":"changed","dryRun":false}`},
	} {
		require.JSONEq(t, c.want, b.call(t, put("groups/ops", "sender", c.body)).text)
	}
	v := b.call(t, get("groups/ops", "sender")).json(t)
	require.Equal(t, []any{"sender", []any{"alice"}, map[string]any{"team": "ops"}}, []any{v["owner"], v["contacts"], v["labels"]})
	b.call(t, put("groups/dev", "sender", `{"labels":{"team":"dev"}}`))
	page := b.call(t, get("groups?limit=1", "sender"))
	require.Equal(t, []string{"sender/dev"}, page.names(t, "groups"))
	require.Equal(t, []string{"sender/ops"}, b.call(t, get("groups?after="+page.json(t)["next"].(string), "sender")).names(t, "groups"))
	require.Equal(t, http.StatusNoContent, b.call(t, request{method: http.MethodDelete, path: "/api/v1/groups/ops", app: "sender"}).status)
	require.Equal(t, http.StatusNotFound, b.call(t, get("groups/ops", "sender")).status)
}

// What cannot be stored is refused, and the field named. No refusal repeats an address.
func TestContactRefusals(t *testing.T) {
	t.Parallel()
	b, _ := startWithContacts(t)
	many := func(n int, of string) string { return strings.TrimSuffix(strings.Repeat(of+",", n), ",") }
	labels := map[string]string{}
	for i := range 17 {
		labels[fmt.Sprint("label", i)] = "x"
	}
	tooMany, err := json.Marshal(map[string]any{"labels": labels})
	require.NoError(t, err)
	for _, c := range []struct{ path, body, code, field string }{
		{"contacts/alice", `{"addresses":[{"type":"email","value":"canary"}]}`, "invalid_recipient", "addresses[0].value"},
		{"contacts/alice", `{"addresses":[{"type":"fax","value":"canary"}]}`, "invalid_request", "addresses[0].type"},
		{"contacts/alice", `{"addresses":[{"type":"contact","value":"canary"}]}`, "invalid_request", "addresses[0].type"},
		{"contacts/alice", `{"addresses":[` + many(2, `{"type":"email","value":"canary@example.com"}`) + `]}`, "invalid_recipient", "addresses[1].value"},
		{"contacts/alice", `{"addresses":[` + many(17, `{"type":"email","value":"canary@example.com"}`) + `]}`, "invalid_request", "addresses"},
		{"contacts/alice", `{"locale":"not a language"}`, "invalid_request", "locale"},
		{"contacts/alice", `{"timeZone":"Local"}`, "invalid_request", "timeZone"},
		{"contacts/alice", `{"timeZone":"../../etc/passwd"}`, "invalid_request", "timeZone"},
		{"contacts/alice", `{"timeZone":"Asia/Nowhere"}`, "invalid_request", "timeZone"},
		{"contacts/alice", `{"labels":{"region":""}}`, "invalid_request", "labels.region"},
		{"contacts/alice", `{"labels":{"region":"a\nb"}}`, "invalid_request", "labels.region"},
		{"contacts/alice", `{"labels":{"a b":"x"}}`, "invalid_request", "labels"},
		{"contacts/alice", string(tooMany), "invalid_request", "labels"},
		{"contacts/alice", `{"name":"alice"}`, "invalid_request", "name"},
		{"contacts/a%20b", `{}`, "invalid_request", "path.name"},
		{"contacts", `{"contacts":[]}`, "invalid_request", "contacts"},
		{"contacts", `{"contacts":[{"name":"a"},{"name":"b","locale":"??"}]}`, "invalid_request", "contacts[1].locale"},
		{"contacts", `{"contacts":[{"name":"a"},{"name":"b","addresses":[{"type":"email","value":"canary"}]}]}`, "invalid_recipient", "contacts[1].addresses[0].value"},
		{"contacts", `{"contacts":[{"name":"a"},{"name":"a"}]}`, "invalid_request", "contacts[1].name"},
		{"contacts", `{"contacts":[{"name":"a/b"}]}`, "invalid_request", "contacts[0].name"},
		{"contacts?shraed=true", `{"contacts":[{"name":"a"}]}`, "invalid_request", "query.shraed"},
		{"contacts?shared=true&owner=sender", `{"contacts":[{"name":"a"}]}`, "invalid_request", "query.shared"},
		{"groups/ops", `{}`, "invalid_request", "contacts"},
		{"groups/ops", `{"contacts":["a","a"]}`, "invalid_request", "contacts[1]"},
		{"groups/ops", `{"contacts":["a b"]}`, "invalid_request", "contacts[0]"},
		{"groups/ops", `{"labels":{"":"x"}}`, "invalid_request", "labels"},
	} {
		a := b.call(t, put(c.path, "root", c.body))
		code, field := a.problem(t)
		require.Equal(t, []string{c.code, c.field}, []string{code, field}, "%s %s: %s", c.path, c.body, a.text)
		require.NotContains(t, a.text, "canary", c.body)
	}
	for _, query := range []string{"label=region", "after=alice", "limit=501", "unknown=a"} {
		require.Equal(t, http.StatusBadRequest, b.call(t, get("contacts?"+query, "sender")).status, query)
	}
	for _, entry := range b.logs.All() {
		require.NotContains(t, fmt.Sprint(entry.Message, entry.ContextMap()), "canary")
	}
}

// An app has its own contacts and groups, and reads the shared ones, which administrators write. Of
// another app's it sees nothing, not even that they are there.
func TestContactsOfOthers(t *testing.T) {
	t.Parallel()
	b, st := startWithContacts(t)
	for _, of := range []string{"", "?owner=console", "?shared=true"} {
		app := map[string]string{"": "sender"}[of]
		if app == "" {
			app = "root"
		}
		require.Equal(t, http.StatusOK, b.call(t, put("contacts/alice"+of, app, alice)).status)
		require.Equal(t, http.StatusOK, b.call(t, put("groups/ops"+of, app, `{"contacts":["alice"]}`)).status)
		require.Equal(t, http.StatusOK, b.call(t, put("contacts"+of, app, `{"contacts":[{"name":"bob"}]}`)).status)
	}
	for kind, own := range map[string][]string{"contacts": {"alice", "bob"}, "groups": {"ops"}} {
		var mine, shared, all []string
		for _, name := range own {
			mine, shared = append(mine, "sender/"+name), append(shared, "/"+name)
		}
		for _, name := range own {
			all = append(all, "console/"+name)
		}
		all = append(append(append([]string{}, shared...), all...), mine...)
		require.Equal(t, append(append([]string{}, shared...), mine...), b.call(t, get(kind, "sender")).names(t, kind))
		require.Equal(t, shared, b.call(t, get(kind, "console2")).names(t, kind))
		require.Equal(t, all, b.call(t, get(kind, "root")).names(t, kind))
		require.Equal(t, shared, b.call(t, get(kind+"?shared=true", "sender")).names(t, kind))

		one := kind + "/" + own[0]
		require.Equal(t, "sender", b.call(t, get(one, "sender")).json(t)["owner"], "the own one is first")
		require.Equal(t, "", b.call(t, get(one, "console2")).json(t)["owner"], "then the shared one")
		require.Equal(t, "console", b.call(t, get(one+"?owner=console", "root")).json(t)["owner"])
		require.Equal(t, "", b.call(t, get(one+"?shared=true", "sender")).json(t)["owner"])
		for _, path := range []string{kind + "?owner=console", one + "?owner=console", kind + "/none?owner=console", kind + "?owner=nobody"} {
			require.Equal(t, http.StatusForbidden, b.call(t, get(path, "sender")).status, path)
		}
		for _, of := range []string{"?owner=console", "?shared=true", "?owner=nobody"} {
			for _, name := range []string{own[0], "none"} {
				body := map[string]string{"contacts": `{}`, "groups": `{"contacts":["x"]}`}[kind]
				require.Equal(t, http.StatusForbidden, b.call(t, put(kind+"/"+name+of, "sender", body)).status)
				require.Equal(t, http.StatusForbidden, b.call(t, request{method: http.MethodDelete, path: "/api/v1/" + kind + "/" + name + of, app: "sender"}).status)
			}
		}
		require.Equal(t, http.StatusUnprocessableEntity, b.call(t, put(one+"?owner=nobody", "root", map[string]string{"contacts": `{}`, "groups": `{"contacts":["x"]}`}[kind])).status)
		require.Equal(t, http.StatusNotFound, b.call(t, request{method: http.MethodDelete, path: "/api/v1/" + kind + "/" + own[0], app: "console2"}).status, "the shared one is not its own")
	}
	require.Equal(t, http.StatusForbidden, b.call(t, put("contacts?shared=true", "sender", `{"contacts":[{"name":"x"}]}`)).status)
	entries, err := st.ListAudit(t.Context(), store.AuditFilter{Action: store.AuditContactCreate}, uuid.Nil, 100)
	require.NoError(t, err)
	require.Len(t, entries, 6)
	for _, entry := range entries {
		require.NotContains(t, fmt.Sprint(entry), "example.com")
	}
	require.NotEmpty(t, b.store.entries, "refusals are noted")
	require.Equal(t, store.AuditRefused, b.store.entries[0].Outcome)

	// The console shows the same.
	cookies := b.signIn(t, "sender")
	text := b.browse(t, http.MethodGet, "/console/contacts", nil, cookies).text
	require.Contains(t, text, "key=sender%2falice")
	require.Contains(t, text, "key=%2falice")
	require.NotContains(t, text, "console%2falice")
	require.Contains(t, b.browse(t, http.MethodGet, "/console/contacts/one?key=sender/alice", nil, cookies).text, "alice@example.com")
	require.Contains(t, b.browse(t, http.MethodGet, "/console/groups/one?key=/ops", nil, cookies).text, "alice")
	for _, path := range []string{"contacts/one?key=console/alice", "groups/one?key=console/ops", "contacts/one?key=console/none"} {
		require.Equal(t, http.StatusNotFound, b.browse(t, http.MethodGet, "/console/"+path, nil, cookies).status, path)
	}
	require.Equal(t, http.StatusForbidden, b.browse(t, http.MethodGet, "/console/contacts?owner=console", nil, cookies).status)
}
