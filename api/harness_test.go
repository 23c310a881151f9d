package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/internal/test/apitest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/optout"
	"github.com/labring/sealos-notify/jobs/overview"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/jobs/sealing"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

// apps.yaml of the tests.
const apps = `
apps:
  - {appId: console, appSecret: console-secret}
  - {appId: console2, appSecret: console2-secret}
  - {appId: sender, appSecret: sender-secret, roles: [send]}
  - {appId: editor, appSecret: editor-secret, roles: [templates]}
  - {appId: editor2, appSecret: editor2-secret, roles: [templates]}
  - {appId: root, appSecret: root-secret, roles: [admin]}
  - {appId: off, appSecret: off-secret, enabled: false}
  - {appId: rotating, appSecrets: [old-secret, new-secret]}
`

// bench is a server on a real port. Its store is in memory, so that a test can
// cause each failure.
type bench struct {
	url      string
	client   *http.Client
	server   *api.Server
	auth     *api.Auth
	accepter *accepter
	control  *deliveryControl
	store    *memory
	rules    *rules
	ready    atomic.Bool
	routes   [][2]string // method and path
	logs     *observer.ObservedLogs
}

func start(t *testing.T, change ...func(*api.Options)) *bench {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	log := zap.New(core)
	credentials, err := api.ParseCredentials([]byte(apps))
	require.NoError(t, err)
	b := &bench{
		client: &http.Client{Timeout: limit.Wait, Transport: &http.Transport{}},
		auth:   api.NewAuth(credentials, log), accepter: &accepter{}, control: &deliveryControl{}, store: newMemory(), rules: &rules{}, logs: logs,
	}
	b.ready.Store(true)
	o := api.Options{
		Config: api.DefaultServerConfig(), Auth: b.auth, Accepter: b.accepter, DeliveryControl: b.control, Templates: b.rules, Overview: view{}, Store: b.store,
		OptOut: optout.New(b.store, builtin.Types(), sealing.New(b.store)), Endpoints: &endpointRules{}, RecipientTypes: channels.RecipientTypeNames(builtin.Types()...), Ready: b.ready.Load, Log: log,
	}
	for _, f := range change {
		f(&o)
	}
	server, err := api.New(o)
	require.NoError(t, err)
	b.server, b.routes = server, server.Routes()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b.url = "http://" + listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		b.client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, server.Shutdown(ctx))
		require.NoError(t, limit.Receive(t, served, "the server to end"))
	})
	return b
}

// request is one call. A field with the zero value is left out.
type request struct {
	method, path string
	app          string // its secret is "<app>-secret"
	header       http.Header
	body         string
}

type answer struct {
	status int
	header http.Header
	text   string
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.text), &v), a.text)
	return v
}

// problem checks the answer's form and returns its code and the first field.
func (a answer) problem(t *testing.T) (code, field string) {
	t.Helper()
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), a.text)
	v := a.json(t)
	require.EqualValues(t, a.status, v["status"])
	require.Equal(t, http.StatusText(a.status), v["title"])
	require.NotEmpty(t, v["detail"])
	if errs, ok := v["errors"].([]any); ok {
		field = errs[0].(map[string]any)["field"].(string)
		require.NotEmpty(t, errs[0].(map[string]any)["message"])
	}
	return v["code"].(string), field
}

// call makes a call and validates the answer against the description.
func (b *bench) call(t *testing.T, r request) answer {
	t.Helper()
	req, resp := b.send(t, r)
	apitest.Validate(t, req, resp)
	return read(t, resp)
}

// callUndescribed is call for paths and methods that are not in the description.
func (b *bench) callUndescribed(t *testing.T, r request) answer {
	t.Helper()
	_, resp := b.send(t, r)
	return read(t, resp)
}

func (b *bench) send(t *testing.T, r request) (*http.Request, *http.Response) {
	t.Helper()
	req, err := http.NewRequest(r.method, b.url+r.path, strings.NewReader(r.body))
	require.NoError(t, err)
	if r.header != nil {
		req.Header = r.header.Clone()
	}
	if r.app != "" {
		req.Header.Set("X-App-Id", r.app)
		req.Header.Set("X-App-Secret", r.app+"-secret")
	}
	if r.body != "" && req.Header.Values("Content-Type") == nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := b.client.Do(req)
	require.NoError(t, err)
	return req, resp
}

func read(t *testing.T, resp *http.Response) answer {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"))
	return answer{resp.StatusCode, resp.Header, string(bytes.TrimSpace(body))}
}

// actorOf is who an app's requests of the tests come from.
func actorOf(app string) store.Actor {
	return store.Actor{AppID: app, Address: "127.0.0.1", Agent: "Go-http-client/1.1"}
}

// accepter records requests and returns what a test sets.
type accepter struct {
	mu       sync.Mutex
	requests []accepting.Request
	accepted accepting.Accepted
	problems []*refusal.Error // of receivers
	err      error
	panics   bool
}

func (a *accepter) CheckAddress(r store.Recipient) error {
	return accepting.CheckRecipient(channels.RecipientTypesOf(builtin.Types()...), r)
}

func (a *accepter) CheckAlerts(context.Context, accepting.Request) ([]*refusal.Error, error) {
	return a.problems, nil
}

func (a *accepter) Accept(_ context.Context, r accepting.Request) (accepting.Accepted, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.panics {
		panic("boom")
	}
	a.requests = append(a.requests, r)
	return a.accepted, a.err
}

// deliveryControl records requests and returns what a test sets.
type deliveryControl struct {
	erasures     []steering.EraseRequest
	erased       steering.Erased
	cancelled    []uuid.UUID
	acknowledged []steering.Acknowledgement
	by           []store.Actor
	retried      []store.Delivery
	providers    []string
	requests     []steering.RequeueRequest
	done         steering.Requeued
	err          error
}

func (s *deliveryControl) SetBreaker(context.Context, string, bool, store.Actor) error { return nil }

func (s *deliveryControl) Cancel(_ context.Context, notification uuid.UUID, by store.Actor) error {
	s.by = append(s.by, by)
	s.cancelled = append(s.cancelled, notification)
	return s.err
}

func (s *deliveryControl) Acknowledge(_ context.Context, a steering.Acknowledgement, by store.Actor) (store.Incident, bool, error) {
	s.by, s.acknowledged = append(s.by, by), append(s.acknowledged, a)
	now := store.Now()
	return store.Incident{ID: a.IncidentID, OpenedAt: now, AcknowledgedAt: &now, AcknowledgedBy: a.By, Over: a.Over, Note: a.Note}, len(s.acknowledged) == 1, s.err
}

func (s *deliveryControl) Requeue(_ context.Context, d store.Delivery, provider string, by store.Actor) error {
	s.by = append(s.by, by)
	s.retried, s.providers = append(s.retried, d), append(s.providers, provider)
	return s.err
}

func (s *deliveryControl) RequeueMatching(_ context.Context, r steering.RequeueRequest) (steering.Requeued, error) {
	s.requests = append(s.requests, r)
	return s.done, s.err
}

// Admits knows one provider that names its apps.
func (s *deliveryControl) Admits(provider, app string) bool {
	return provider != "team-b" || app == "team-b-app"
}

// view is an overview of two channels.
type view struct{}

func (view) Channels(context.Context) ([]overview.Channel, error) {
	oldest := time.Unix(1_700_000_000, 0)
	return []overview.Channel{
		{Name: "email", Enabled: true, Provider: "smtp", Providers: []string{"smtp", "spare"}, Waiting: 2, Oldest: &oldest, Retrying: 1},
		{Name: "sms", Providers: []string{}},
	}, nil
}
func (view) Recent(_ context.Context, app string) (overview.Recent, error) {
	share, seconds := .5, 1.5
	figures := overview.Figures{
		Since: time.Unix(1_700_000_000, 0).UTC(), Accepted: 3, Arrived: 1, Dead: 1, Success: &share, P50: &seconds, P99: &seconds,
	}
	recent := overview.Recent{Channels: []overview.ChannelFigures{{Channel: "email", Hour: figures, Day: figures}}, Died: map[overview.Kind][]int{}}
	if app == "console" {
		recent.Died[overview.Kind{Channel: "email", Provider: "smtp", Code: "smtp_550"}] = []int{0, 7}
	}
	return recent, nil
}
func (v view) OfTemplate(ctx context.Context, app, template string) (overview.ChannelFigures, error) {
	if template == "unused" {
		return overview.ChannelFigures{}, nil
	}
	recent, err := v.Recent(ctx, app)
	figures := recent.Channels[0]
	if app == "" { // an administrator sees all
		figures.Day.Accepted = 30
	}
	return figures, err
}
func (view) Names() []string { return []string{"email", "sms"} }
func (view) Providers(channel string) []string {
	if channel == "email" {
		return []string{"smtp", "spare"}
	}
	return nil
}

// Details has one provider; probes of "smtp" fail.
func (view) Details(context.Context) ([]overview.Provider, error) {
	return []overview.Provider{{
		Name: "smtp", Type: "smtp", Channel: "email", InUse: true, Place: 1, OnUncertain: channels.Resend, Connections: 3, CanProbe: true,
		Settings: []overview.Setting{{Key: "host", Value: "mail.example.com"}, {Key: "maxConnections", Value: "10"}, {Key: "password", Value: "***"}},
	}}, nil
}

func (view) Probe(_ context.Context, provider string) (overview.Probed, error) {
	switch provider {
	case "smtp":
		return overview.Probed{Took: 1500 * time.Millisecond, Err: &channels.Error{Class: channels.Misconfigured, Code: "smtp_535", Message: "wrong <b>password</b>"}}, nil
	case "spare":
		return overview.Probed{Took: time.Second}, nil
	case "busy":
		return overview.Probed{}, &overview.TooSoonError{Wait: 7 * time.Second}
	}
	return overview.Probed{}, store.ErrNotFound
}

// rules return what a test sets, and record the params of a preview.
type rules struct {
	err     error
	preview rendering.Preview
	params  map[string]any
}

func (r *rules) CheckTemplate(context.Context, string, store.Template) error { return r.err }

func (r *rules) Form(string) rendering.Form { return rendering.Form{} }

func (r *rules) PreviewTemplate(_ context.Context, _ string, _ store.Template, params map[string]any) (rendering.Preview, error) {
	r.params = params
	return r.preview, r.err
}

// memory is a store in memory. When err is set, every call returns it.
type memory struct {
	store.Contacts // a real store, in the tests that need it
	store.Endpoints

	mu            sync.Mutex
	notifications map[uuid.UUID]store.Notification
	deliveries    []store.Delivery
	incidents     []store.Incident
	message       store.Message
	attempts      []store.Attempt
	templates     map[string]store.Template
	versions      []store.TemplateVersion // oldest first
	kinds         map[string]store.Kind
	sessions      map[string]store.Session
	deleted       int // sessions
	deadGroups    []store.DeadGroup
	entries       []store.AuditEntry // oldest first
	err           error
	// Filters of the last lists.
	notificationFilter store.NotificationFilter
	deliveryFilter     store.DeliveryFilter
	auditFilter        store.AuditFilter
	templateFilter     store.TemplateFilter
	uses               []store.Use
	told               []store.Told
	counted            map[string]int // by app
	looks              int            // how often they were read
	suppressions       []store.Suppression
	byID               map[uuid.UUID]store.Endpoint
	suppressionFilter  store.SuppressionFilter
	off                map[store.Recipient][]store.Preference
	keys               [][]byte // of links, the newest first
}

func newMemory() *memory {
	return &memory{byID: map[uuid.UUID]store.Endpoint{}, Contacts: noContacts{}, counted: map[string]int{}, notifications: map[uuid.UUID]store.Notification{}, templates: map[string]store.Template{}, kinds: map[string]store.Kind{}, off: map[store.Recipient][]store.Preference{}, sessions: map[string]store.Session{}}
}

// noContacts is a store without contacts.
type noContacts struct{}

func (noContacts) PutContacts(_ context.Context, c []store.Contact, _ store.Actor) ([]store.Change, error) {
	return store.ContactChanges(nil, c), nil
}
func (noContacts) DeleteContact(context.Context, store.ContactKey, store.Actor) error {
	return store.ErrNotFound
}
func (noContacts) FindContacts(context.Context, string, []string) ([]store.Contact, error) {
	return nil, nil
}
func (noContacts) ListContacts(context.Context, store.ContactFilter, store.ContactKey, int) ([]store.Contact, error) {
	return nil, nil
}
func (noContacts) ContactsWith(context.Context, string, store.Labels, string, int) ([]store.Contact, error) {
	return nil, nil
}
func (noContacts) CountContactsWith(context.Context, string, store.Labels, int) (int, error) {
	return 0, nil
}
func (noContacts) PutGroup(context.Context, store.Group, store.Actor) (store.Change, error) {
	return store.Created, nil
}
func (noContacts) DeleteGroup(context.Context, store.ContactKey, store.Actor) error {
	return store.ErrNotFound
}
func (noContacts) FindGroups(context.Context, string, []string) ([]store.Group, error) {
	return nil, nil
}
func (noContacts) ListGroups(context.Context, store.ContactFilter, store.ContactKey, int) ([]store.Group, error) {
	return nil, nil
}

func (m *memory) lock() func() {
	m.mu.Lock()
	return m.mu.Unlock
}

func (m *memory) fail(err error) {
	defer m.lock()()
	m.err = err
}

func (m *memory) Ping(context.Context) error {
	defer m.lock()()
	return m.err
}

func (m *memory) ListIncidents(_ context.Context, f store.IncidentFilter, _ uuid.UUID, limit int) ([]store.Incident, error) {
	defer m.lock()()
	var found []store.Incident
	for _, i := range m.incidents {
		if (f.AppID == "" || f.AppID == i.AppID) && (f.Status == "" || f.Status == i.Status()) && len(found) < limit {
			found = append(found, i)
		}
	}
	return found, m.err
}

func (m *memory) FindIncidents(_ context.Context, ids []uuid.UUID) ([]store.Incident, error) {
	defer m.lock()()
	var found []store.Incident
	for _, i := range m.incidents {
		if slices.Contains(ids, i.ID) {
			found = append(found, i)
		}
	}
	return found, m.err
}

func (m *memory) Notification(_ context.Context, id uuid.UUID) (store.Notification, error) {
	defer m.lock()()
	n, ok := m.notifications[id]
	if !ok && m.err == nil {
		return n, store.ErrNotFound
	}
	return n, m.err
}

func (m *memory) DeliveriesOf(_ context.Context, of, after uuid.UUID, limit int) ([]store.Delivery, error) {
	defer m.lock()()
	var rows []store.Delivery
	for _, d := range m.deliveries {
		if d.NotificationID == of && d.ID.String() > after.String() && len(rows) < limit {
			rows = append(rows, d)
		}
	}
	return rows, m.err
}

// ListNotifications filters by app only: the engines' own tests cover the rest.
func (m *memory) ListNotifications(_ context.Context, f store.NotificationFilter, after uuid.UUID, limit int) ([]store.Notification, error) {
	defer m.lock()()
	m.notificationFilter = f
	var rows []store.Notification
	for _, n := range m.notifications {
		if (f.AppID == "" || f.AppID == n.AppID) && (after == uuid.Nil || n.ID.String() < after.String()) {
			rows = append(rows, n)
		}
	}
	slices.SortFunc(rows, func(a, b store.Notification) int { return strings.Compare(b.ID.String(), a.ID.String()) })
	return rows[:min(limit, len(rows))], m.err
}

// ListDeliveries filters by app, id and digest only: the engines' own tests cover the rest.
func (m *memory) ListDeliveries(_ context.Context, f store.DeliveryFilter, after uuid.UUID, limit int) ([]store.Delivery, error) {
	defer m.lock()()
	m.deliveryFilter = f
	var rows []store.Delivery
	for _, d := range slices.Backward(m.deliveries) {
		if (f.AppID == "" || f.AppID == m.notifications[d.NotificationID].AppID) && (f.ID == uuid.Nil || f.ID == d.ID) &&
			(f.DigestID == uuid.Nil || f.DigestID == d.DigestID) &&
			(after == uuid.Nil || d.ID.String() < after.String()) {
			rows = append(rows, d)
		}
	}
	return rows[:min(limit, len(rows))], m.err
}

func (m *memory) Message(context.Context, uuid.UUID) (store.Message, error) {
	defer m.lock()()
	return m.message, m.err
}

func (m *memory) Attempts(context.Context, uuid.UUID) ([]store.Attempt, error) {
	defer m.lock()()
	return m.attempts, m.err
}

func (m *memory) DeadGroups(_ context.Context, _ string, most int) ([]store.DeadGroup, bool, error) {
	defer m.lock()()
	counted := 0
	for _, g := range m.deadGroups {
		counted += g.Count
	}
	return m.deadGroups, counted >= most, m.err
}

// LastTold filters by app only: the engines' own tests cover the rest.
func (m *memory) LastTold(_ context.Context, _, appID string, limit int) ([]store.Told, error) {
	defer m.lock()()
	told := slices.DeleteFunc(slices.Clone(m.told), func(t store.Told) bool { return appID != "" && t.AppID != appID })
	return told[:min(limit, len(told))], m.err
}

func (m *memory) CreateSession(_ context.Context, s store.Session) error {
	defer m.lock()()
	m.sessions[s.Digest] = s
	return m.err
}

func (m *memory) Session(_ context.Context, digest string) (store.Session, error) {
	defer m.lock()()
	s, ok := m.sessions[digest]
	if !ok && m.err == nil {
		return s, store.ErrNotFound
	}
	return s, m.err
}

func (m *memory) DeleteSession(_ context.Context, digest string) error {
	defer m.lock()()
	m.deleted++
	delete(m.sessions, digest)
	return m.err
}

func (m *memory) DeleteSessions(context.Context, time.Time) (int, error) { return 0, m.err }

func (m *memory) CreateTemplate(_ context.Context, t store.Template, _ string, audit store.AuditEntry) (store.Template, error) {
	defer m.lock()()
	if _, taken := m.templates[t.Name]; taken {
		return t, store.ErrExists
	}
	return m.keep(t, audit), m.err
}

func (m *memory) UpdateTemplate(_ context.Context, t store.Template, owner string, version int, audit store.AuditEntry) (store.Template, error) {
	defer m.lock()()
	old, ok := m.templates[t.Name]
	if !ok || old.Owner != owner || version != 0 && version != old.Version {
		return t, store.ErrNotFound
	}
	t.Channel, t.CreatedAt = old.Channel, old.CreatedAt
	return m.keep(t, audit), m.err
}

// keep stores a template, its new version and the entry of its write.
func (m *memory) keep(t store.Template, audit store.AuditEntry) store.Template {
	t.Version = m.nextVersion(t.Name)
	m.templates[t.Name] = t
	m.versions = append(m.versions, t.AsVersion(audit.AppID, false))
	m.entries = append(m.entries, audit)
	return t
}

func (m *memory) nextVersion(name string) int {
	next := 1
	for _, v := range m.versions {
		if v.Name == name {
			next = v.Version + 1
		}
	}
	return next
}

func (m *memory) Audit(_ context.Context, entries ...store.AuditEntry) error {
	defer m.lock()()
	m.entries = append(m.entries, entries...)
	return m.err
}

func (m *memory) NewestAudit(context.Context) (uuid.UUID, error) {
	defer m.lock()()
	if len(m.entries) == 0 {
		return uuid.Nil, m.err
	}
	return m.entries[len(m.entries)-1].ID, m.err
}

func (m *memory) CountsOfApps(context.Context, time.Time) (map[string]int, error) {
	defer m.lock()()
	m.looks++
	return maps.Clone(m.counted), m.err
}

func (m *memory) Uses(_ context.Context, appID string) ([]store.Use, error) {
	defer m.lock()()
	return slices.DeleteFunc(slices.Clone(m.uses), func(u store.Use) bool { return appID != "" && u.AppID != appID }), m.err
}

// ListAudit does not filter: the engines' own tests cover that.
func (m *memory) ListAudit(_ context.Context, f store.AuditFilter, after uuid.UUID, limit int) ([]store.AuditEntry, error) {
	defer m.lock()()
	m.auditFilter = f
	var rows []store.AuditEntry
	for _, e := range slices.Backward(m.entries) {
		if (after == uuid.Nil || e.ID.String() < after.String()) && len(rows) < limit {
			rows = append(rows, e)
		}
	}
	return rows, m.err
}

func (m *memory) TemplateVersion(_ context.Context, name string, version int) (store.TemplateVersion, error) {
	defer m.lock()()
	for _, v := range m.versions {
		if v.Name == name && v.Version == version {
			return v, m.err
		}
	}
	return store.TemplateVersion{}, store.ErrNotFound
}

func (m *memory) TemplateVersions(_ context.Context, name string, before, limit int) ([]store.TemplateVersion, error) {
	defer m.lock()()
	var rows []store.TemplateVersion
	for _, v := range slices.Backward(m.versions) {
		if v.Name == name && (before == 0 || v.Version < before) && len(rows) < limit {
			rows = append(rows, v)
		}
	}
	return rows, m.err
}

func (m *memory) PutKind(_ context.Context, k store.Kind, audit store.AuditEntry) error {
	defer m.lock()()
	m.kinds[k.Name] = k
	m.entries = append(m.entries, audit)
	return m.err
}

func (m *memory) DeleteKind(_ context.Context, name string, audit store.AuditEntry) error {
	defer m.lock()()
	if _, ok := m.kinds[name]; !ok && m.err == nil {
		return store.ErrNotFound
	}
	delete(m.kinds, name)
	m.entries = append(m.entries, audit)
	return m.err
}

func (m *memory) Kind(_ context.Context, name string) (store.Kind, error) {
	defer m.lock()()
	k, ok := m.kinds[name]
	if !ok && m.err == nil {
		return k, store.ErrNotFound
	}
	return k, m.err
}

func (m *memory) ListKinds(_ context.Context, after string, limit int) ([]store.Kind, error) {
	defer m.lock()()
	var rows []store.Kind
	for _, name := range slices.Sorted(maps.Keys(m.kinds)) {
		if name > after && len(rows) < limit {
			rows = append(rows, m.kinds[name])
		}
	}
	return rows, m.err
}

func (m *memory) DeleteTemplate(_ context.Context, name, owner string, audit store.AuditEntry) error {
	defer m.lock()()
	t, ok := m.templates[name]
	if (!ok || t.Owner != owner) && m.err == nil {
		return store.ErrNotFound
	}
	delete(m.templates, name)
	t.Version = m.nextVersion(name)
	m.versions = append(m.versions, t.AsVersion(audit.AppID, true))
	m.entries = append(m.entries, audit)
	return m.err
}

func (m *memory) Template(_ context.Context, name string) (store.Template, error) {
	defer m.lock()()
	t, ok := m.templates[name]
	if !ok && m.err == nil {
		return t, store.ErrNotFound
	}
	return t, m.err
}

func (m *memory) ListTemplates(_ context.Context, f store.TemplateFilter, after string, limit int) ([]store.Template, error) {
	defer m.lock()()
	m.templateFilter = f
	var rows []store.Template
	for _, name := range slices.Sorted(maps.Keys(m.templates)) {
		t := m.templates[name]
		visible := f.VisibleTo == "" || !t.Private || t.Owner == f.VisibleTo
		if name > after && visible && (f.Channel == "" || t.Channel == f.Channel) && len(rows) < limit {
			rows = append(rows, t)
		}
	}
	return rows, m.err
}

var errBroken = errors.New("secret inside: pq relation broken")

func (s *deliveryControl) Erase(_ context.Context, r steering.EraseRequest, _ store.Actor) (steering.Erased, error) {
	s.erasures = append(s.erasures, r)
	return s.erased, s.err
}
