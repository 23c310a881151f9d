package api_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/jobs/telling"
	"github.com/labring/sealos-notify/store"
)

// endpointRules are the rules of endpoints, without their requests.
type endpointRules struct {
	noKey    bool
	replayed []uuid.UUID // after which event
	next     uuid.UUID
}

func (*endpointRules) CheckURL(address string) error {
	if !strings.HasPrefix(address, "https://") {
		return errors.New("must start with https://")
	}
	return nil
}

func (r *endpointRules) NewSecret(endpoint uuid.UUID) (secret string, sealed []byte, err error) {
	if r.noKey {
		return "", nil, telling.ErrNoKey
	}
	return "whsec_" + endpoint.String(), []byte("sealed"), nil
}

func (r *endpointRules) Replay(_ context.Context, _, after uuid.UUID, _ store.AuditEntry) (events int, next uuid.UUID, err error) {
	r.replayed = append(r.replayed, after)
	return 3, r.next, nil
}

// endpointOf stores an endpoint of an app.
func (m *memory) endpointOf(app string) store.Endpoint {
	e := store.Endpoint{ID: uuid.Must(uuid.NewV7()), AppID: app, URL: "https://hooks.example.com", Secret: []byte("sealed"), CreatedAt: store.Now()}
	m.byID[e.ID] = e
	return e
}

func (m *memory) CreateEndpoint(_ context.Context, e store.Endpoint, audit store.AuditEntry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.byID[e.ID] = e
	m.entries = append(m.entries, audit)
	return m.err
}

func (m *memory) Endpoint(_ context.Context, id uuid.UUID) (store.Endpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, is := m.byID[id]
	if !is {
		return e, cmp.Or(m.err, store.ErrNotFound)
	}
	return e, m.err
}

func (m *memory) ListEndpoints(_ context.Context, app string, after uuid.UUID, limit int) (list []store.Endpoint, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.byID {
		if (app == "" || e.AppID == app) && e.ID.String() > after.String() {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b store.Endpoint) int { return cmp.Compare(a.ID.String(), b.ID.String()) })
	return list[:min(limit, len(list))], m.err
}

func (m *memory) UpdateEndpoint(ctx context.Context, e store.Endpoint, audit store.AuditEntry) (store.Endpoint, error) {
	return e, m.CreateEndpoint(ctx, e, audit)
}

func (m *memory) RotateSecret(ctx context.Context, e store.Endpoint, audit store.AuditEntry) (store.Endpoint, error) {
	return e, m.CreateEndpoint(ctx, e, audit)
}

func (m *memory) DeleteEndpoint(_ context.Context, id uuid.UUID, _ string, audit store.AuditEntry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.byID, id)
	m.entries = append(m.entries, audit)
	return m.err
}

const endpointsPath = "/api/v1/endpoints"

// The secret of an endpoint is shown when it is made and rotated, and never again.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	b := start(t)
	do := func(method, path, body string, status int) map[string]any {
		t.Helper()
		a := b.call(t, request{method: method, path: endpointsPath + path, app: "sender", body: body})
		require.Equal(t, status, a.status, a.text)
		if a.text == "" {
			return nil
		}
		return a.json(t)
	}
	made := do("POST", "", `{"url":"https://hooks.example.com/x","events":["delivery.dead"],"description":"账单"}`, 201)
	id := made["id"].(string)
	require.Equal(t, "whsec_"+id, made["secret"])
	require.Equal(t, "sender", made["owner"])
	require.Equal(t, []any{"delivery.dead"}, made["events"])
	delete(made, "secret")
	require.Equal(t, made, do("GET", "/"+id, "", 200))
	require.Equal(t, []any{made}, do("GET", "", "", 200)["endpoints"])

	off := do("PUT", "/"+id, `{"url":"https://other.example.com","disabled":true}`, 200)
	require.Equal(t, []any{"https://other.example.com", true, "by_hand"}, []any{off["url"], off["disabled"], off["disabledBecause"]})
	require.NotContains(t, off, "events")
	code, _ := b.call(t, request{method: "POST", path: endpointsPath + "/" + id + "/replay", app: "sender", body: `{"since":"2026-01-01T00:00:00Z"}`}).problem(t)
	require.Equal(t, "endpoint_disabled", code)
	on := do("PUT", "/"+id, `{"url":"https://other.example.com"}`, 200)
	require.NotContains(t, on, "disabled")

	rotated := do("POST", "/"+id+"/rotate", "", 200)
	require.Equal(t, "whsec_"+id, rotated["secret"])
	until, err := time.Parse(time.RFC3339, rotated["oldSecretUntil"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(24*time.Hour), until, time.Hour)
	do("DELETE", "/"+id, "", 204)
	do("GET", "/"+id, "", 404)
	var actions []store.AuditAction
	for _, e := range b.store.entries {
		require.Equal(t, id, e.ObjectID)
		actions = append(actions, e.Action)
	}
	require.Equal(t, []store.AuditAction{store.AuditEndpointCreate, store.AuditEndpointUpdate, store.AuditEndpointUpdate, store.AuditEndpointRotate, store.AuditEndpointDelete}, actions)
}

func TestEndpointsThatAreRefused(t *testing.T) {
	t.Parallel()
	b := start(t)
	for body, want := range map[string][]any{
		`{"url":"http://hooks.example.com"}`:                                             {422, "invalid_url", "url"},
		`{"url":"https://hooks.example.com","events":["delivery.born"]}`:                 {422, "unknown_event", "events[0]"},
		`{"url":"https://hooks.example.com","events":["delivery.dead","delivery.dead"]}`: {422, "unknown_event", "events[1]"},
		`{"url":"https://hooks.example.com","owner":"console"}`:                          {403, "forbidden", "owner"},
		`{"url":""}`: {400, "invalid_request", "url"},
		`{}`:         {400, "invalid_request", "url"},
	} {
		a := b.call(t, request{method: "POST", path: endpointsPath, app: "sender", body: body})
		code, field := a.problem(t)
		require.Equal(t, want, []any{a.status, code, field}, body)
	}
	a := b.call(t, request{method: "POST", path: endpointsPath, app: "root", body: `{"url":"https://hooks.example.com","owner":"nobody"}`})
	code, _ := a.problem(t)
	require.Equal(t, "unknown_app", code)
	a = b.call(t, request{method: "POST", path: endpointsPath, app: "root", body: `{"url":"https://hooks.example.com","owner":"sender"}`})
	require.Equal(t, 201, a.status)
	require.Equal(t, "sender", a.json(t)["owner"])
	for range 9 {
		b.store.endpointOf("sender")
	}
	a = b.call(t, request{method: "POST", path: endpointsPath, app: "sender", body: `{"url":"https://hooks.example.com"}`})
	code, _ = a.problem(t)
	require.Equal(t, []any{409, "too_many_endpoints"}, []any{a.status, code})

	without := start(t, func(o *api.Options) { o.Endpoints = &endpointRules{noKey: true} })
	a = without.call(t, request{method: "POST", path: endpointsPath, app: "sender", body: `{"url":"https://hooks.example.com"}`})
	code, _ = a.problem(t)
	require.Equal(t, []any{503, "endpoints_off"}, []any{a.status, code})
	require.Contains(t, a.text, "endpoints.key")
}

// An app sees its own endpoints, an administrator all.
func TestListEndpoints(t *testing.T) {
	t.Parallel()
	b := start(t)
	first, second := b.store.endpointOf("sender"), b.store.endpointOf("console")
	list := func(app, query string) (ids []string, next any) {
		a := b.call(t, request{method: "GET", path: endpointsPath + query, app: app})
		require.Equal(t, 200, a.status, a.text)
		for _, e := range a.json(t)["endpoints"].([]any) {
			ids = append(ids, e.(map[string]any)["id"].(string))
		}
		return ids, a.json(t)["next"]
	}
	ids, _ := list("sender", "")
	require.Equal(t, []string{first.ID.String()}, ids)
	ids, _ = list("root", "")
	require.Equal(t, []string{first.ID.String(), second.ID.String()}, ids)
	ids, _ = list("root", "?owner=console")
	require.Equal(t, []string{second.ID.String()}, ids)
	ids, next := list("root", "?limit=1")
	require.Equal(t, []string{first.ID.String()}, ids)
	ids, next = list("root", fmt.Sprint("?limit=1&after=", next))
	require.Equal(t, []string{second.ID.String()}, ids)
	require.Nil(t, next)
	require.Equal(t, 403, b.call(t, request{method: "GET", path: endpointsPath + "?owner=console", app: "sender"}).status)
}

func TestReplay(t *testing.T) {
	t.Parallel()
	rules := &endpointRules{next: uuid.Must(uuid.NewV7())}
	b := start(t, func(o *api.Options) { o.Endpoints = rules })
	path := endpointsPath + "/" + b.store.endpointOf("sender").ID.String() + "/replay"
	replay := func(body string) answer {
		return b.call(t, request{method: "POST", path: path, app: "sender", body: body})
	}
	first := replay(`{"since":"2026-01-01T00:00:00Z"}`)
	require.Equal(t, 202, first.status, first.text)
	require.EqualValues(t, 3, first.json(t)["events"])
	require.Equal(t, rules.next.String(), first.json(t)["next"])
	require.Equal(t, 202, replay(`{"after":"`+rules.next.String()+`"}`).status)
	require.Equal(t, []uuid.UUID{store.FirstID(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), rules.next}, rules.replayed)
	for _, body := range []string{`{}`, `{"since":"2026-01-01T00:00:00Z","after":"` + rules.next.String() + `"}`, `{"since":"yesterday"}`} {
		require.Equal(t, 400, replay(body).status, body)
	}
}
