// Package jobstest runs the parts of package jobs on both engines, with a provider that the test
// controls.
package jobstest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/jobs"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/migrate"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/postgres"
	"github.com/labring/sealos-notify/store/sqlite"
)

// Bundle is the parts of package jobs on a database of their own, with a provider that the test
// controls.
type Bundle struct {
	t        *testing.T
	Store    store.Store
	Types    []channels.Type
	Jobs     *jobs.Jobs
	Provider *Provider
	Metrics  *prometheus.Registry
	Spans    *tracetest.SpanRecorder
	Tracer   trace.Tracer
	// Exec runs SQL on the database.
	Exec func(query string, args ...any)
	// QueryText returns the text that a query returns, or "" when it returns no row.
	QueryText func(query string, args ...any) string
	// Open makes a River client. It does not start it.
	Open func(jobs.Dispatcher) *jobs.Client
}

// TestChannel is a channel type without a vendor. Its provider is a Provider.
var TestChannel = channels.Type{
	Name: "test", Channel: "test", RecipientTypes: []*channels.RecipientType{channels.Email, channels.FeishuUserID},
	MsgTypes:    []channels.MsgType{{Name: "text", Format: channels.FormatText}, {Name: "card", Format: channels.FormatJSON}},
	OnUncertain: channels.Resend,
}

// OtherChannel is a channel type that is known and switched off.
var OtherChannel = channels.Type{
	Name: "other", Channel: "other", RecipientTypes: []*channels.RecipientType{channels.Phone},
	MsgTypes: []channels.MsgType{{Name: "text", Format: channels.FormatText}},
}

// Provider is a channels.Sender whose calls and answers the test controls.
type Provider struct {
	Calls chan channels.Message // every call, sent before its answer

	mu     sync.Mutex
	answer func(context.Context, channels.Message) (channels.Receipt, error)
}

// NewProvider returns a Provider that succeeds.
func NewProvider() *Provider {
	p := &Provider{Calls: make(chan channels.Message, 10_000)}
	p.Fail(nil)
	return p
}

// Send implements channels.Sender.
func (p *Provider) Send(ctx context.Context, m channels.Message) (channels.Receipt, error) {
	p.mu.Lock()
	answer := p.answer
	p.mu.Unlock()
	p.Calls <- m
	return answer(ctx, m)
}

// Fail makes every call return err. Calls succeed when err is nil.
func (p *Provider) Fail(err error) {
	p.Answer(func(channels.Message) (channels.Receipt, error) { return channels.Receipt{}, err })
}

// Answer makes every call return what answer returns.
func (p *Provider) Answer(answer func(channels.Message) (channels.Receipt, error)) {
	p.AnswerContext(func(_ context.Context, m channels.Message) (channels.Receipt, error) { return answer(m) })
}

// AnswerAfter is Answer, but every call first waits until release is closed.
func (p *Provider) AnswerAfter(release <-chan struct{}, answer func(channels.Message) (channels.Receipt, error)) {
	p.Answer(func(m channels.Message) (channels.Receipt, error) {
		select {
		case <-release:
			return answer(m)
		case <-time.After(limit.Wait):
			return channels.Receipt{}, errors.New("the test did not release the call")
		}
	})
}

// AnswerContext is Answer, but answer also gets the call's context.
func (p *Provider) AnswerContext(answer func(context.Context, channels.Message) (channels.Receipt, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

// EachEngine runs the test on PostgreSQL and on SQLite.
func EachEngine(t *testing.T, test func(t *testing.T, b *Bundle)) {
	t.Helper()
	t.Parallel()
	for engine, open := range map[string]func(*testing.T) *Bundle{"postgres": onPostgres, "sqlite": onSQLite} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func onPostgres(t *testing.T) *Bundle {
	t.Helper()
	st, err := postgres.Open(t.Context(), testdb.New(t))
	require.NoError(t, err)
	b := newBundle(t, st)
	b.Exec = func(query string, args ...any) {
		t.Helper()
		_, err := st.Pool().Exec(limit.Context(t), query, args...)
		require.NoError(t, err)
	}
	b.QueryText = func(query string, args ...any) (text string) {
		_ = st.Pool().QueryRow(limit.Context(t), query, args...).Scan(&text)
		return text
	}
	b.Open = func(d jobs.Dispatcher) *jobs.Client {
		t.Helper()
		c, err := jobs.NewClient(riverpgxv5.New(st.Pool()), st, b.Jobs, d, true, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		return c
	}
	return b
}

func onSQLite(t *testing.T) *Bundle {
	t.Helper()
	st, err := sqlite.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "notify.db"), MaxOpenConns: 4, MaxIdleConns: 4})
	require.NoError(t, err)
	require.NoError(t, migrate.SQLite(st.DB()).Up(t.Context()))
	b := newBundle(t, st)
	b.Exec = func(query string, args ...any) {
		t.Helper()
		_, err := st.DB().ExecContext(limit.Context(t), query, args...)
		require.NoError(t, err)
	}
	b.QueryText = func(query string, args ...any) (text string) {
		_ = st.DB().QueryRowContext(limit.Context(t), query, args...).Scan(&text)
		return text
	}
	b.Open = func(d jobs.Dispatcher) *jobs.Client {
		t.Helper()
		c, err := jobs.NewClient(riversqlite.New(st.DB()), st, b.Jobs, d, true, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		return c
	}
	return b
}

func newBundle(t *testing.T, st store.Store) *Bundle {
	t.Helper()
	t.Cleanup(st.Close)
	b := &Bundle{t: t, Store: st, Types: []channels.Type{TestChannel, OtherChannel}, Provider: NewProvider()}
	b.Spans = tracetest.NewSpanRecorder()
	b.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(b.Spans)).Tracer("test")
	b.Rebuild(st)
	t.Cleanup(func() { b.Jobs.Close() })
	b.Template("hello", "text", "Hello {{ .name }}")
	return b
}

// Rebuild makes the parts again, with b.Types and on a store that may wrap b.Store. Call it
// before Start.
func (b *Bundle) Rebuild(st store.Store) {
	b.t.Helper()
	if b.Jobs != nil {
		b.Jobs.Close()
	}
	b.Metrics = prometheus.NewRegistry()
	b.Jobs = jobs.New(st, b.Types, b.Settings(channels.Resend),
		zaptest.NewLogger(b.t, zaptest.Level(zap.FatalLevel)), jobs.Telemetry{Metrics: b.Metrics, Tracer: b.Tracer})
}

// Settings returns settings by which a delivery is retried at once, three times.
func (b *Bundle) Settings(onUncertain channels.OnUncertain) settings.Settings {
	return settings.Settings{
		Defaults: settings.Defaults{MaxRetry: 3, RetryBackoffSeconds: []int{0}, TimeoutSeconds: 5, MaxRecipients: 10_000},
		Registry: channels.NewRegistry(map[string]channels.Provider{
			"test": {Name: "test-provider", Type: TestChannel, OnUncertain: onUncertain, Sender: b.Provider},
		}),
	}
}

// Start starts a River client that works all queues until the test ends.
func (b *Bundle) Start() *jobs.Client {
	b.t.Helper()
	c := b.Open(jobs.Dispatcher{Enabled: true, Interval: 100 * time.Millisecond, BatchSize: 20, LeaseTimeout: 30 * time.Second})
	require.NoError(b.t, c.Start(b.t.Context()))
	b.t.Cleanup(func() { require.NoError(b.t, c.Stop()) })
	return c
}

// Template stores a template of the test channel.
func (b *Bundle) Template(name, msgType, body string) {
	b.t.Helper()
	now := store.Now()
	t := store.Template{Name: name, Channel: "test", MsgType: msgType, Body: body, CreatedAt: now, UpdatedAt: now, Owner: "app"}
	require.NoError(b.t, b.Jobs.Renderer.CheckTemplate(b.t.Context(), "app", t))
	_, err := b.Store.CreateTemplate(b.t.Context(), t, "", By("app", store.AuditTemplateCreate, name))
	require.NoError(b.t, err)
}

// By returns the entry of what an app did.
func By(app string, action store.AuditAction, object string) store.AuditEntry {
	return store.Actor{AppID: app}.Did(action, object)
}

// Request returns a valid request to n recipients.
func Request(key string, n int) accepting.Request {
	r := accepting.Request{
		AppID: "app", IdempotencyKey: key,
		Channels: map[string]accepting.ChannelRequest{"test": {Template: "hello", Params: map[string]any{"name": "world"}}},
	}
	for i := range n {
		r.Recipients = append(r.Recipients, accepting.To(store.Recipient{Type: channels.RecipientEmail, Value: fmt.Sprintf("user%d@example.com", i)})...)
	}
	return r
}

// Accept accepts a request to one recipient and returns its delivery.
func (b *Bundle) Accept(key string) store.Delivery {
	b.t.Helper()
	return b.AcceptContext(b.t.Context(), key)
}

// AcceptContext is Accept with a context.
func (b *Bundle) AcceptContext(ctx context.Context, key string) store.Delivery {
	b.t.Helper()
	a, err := b.Jobs.Accepter.Accept(ctx, Request(key, 1))
	require.NoError(b.t, err)
	return b.Deliveries(a.NotificationID)[0]
}

// MessageOf accepts a request to one recipient and returns its message.
func (b *Bundle) MessageOf(key string) store.Message {
	b.t.Helper()
	m, err := b.Store.Message(b.t.Context(), b.Accept(key).MessageID)
	require.NoError(b.t, err)
	return m
}

// Deliveries returns the deliveries of a notification.
func (b *Bundle) Deliveries(notification uuid.UUID) []store.Delivery {
	b.t.Helper()
	list, err := b.Store.DeliveriesOf(b.t.Context(), notification, uuid.Nil, 100_000)
	require.NoError(b.t, err)
	return list
}

// JobState returns a job's state in River's table.
func (b *Bundle) JobState(id int64) string {
	return b.QueryText("SELECT CAST(state AS text) FROM river_job WHERE id = $1", id)
}

// JobPriority returns a job's priority in River's table.
func (b *Bundle) JobPriority(id int64) string {
	return b.QueryText("SELECT CAST(priority AS text) FROM river_job WHERE id = $1", id)
}

// NextCall waits for the next call to the provider.
func (b *Bundle) NextCall() channels.Message {
	b.t.Helper()
	return limit.Receive(b.t, b.Provider.Calls, "a call to the provider")
}

// WaitFor waits until the delivery has the status, and returns it.
func (b *Bundle) WaitFor(id uuid.UUID, status store.DeliveryStatus) store.Delivery {
	b.t.Helper()
	var d store.Delivery
	require.Eventually(b.t, func() bool {
		var err error
		d, err = b.Store.Delivery(limit.Context(b.t), id)
		return err == nil && d.Status == status
	}, limit.Wait, 5*time.Millisecond, "the delivery is not %s", status)
	return d
}

// AcceptWith accepts a request to one recipient that change has changed, and returns its
// delivery.
func (b *Bundle) AcceptWith(key string, change func(*accepting.Request)) store.Delivery {
	b.t.Helper()
	req := Request(key, 1)
	change(&req)
	a, err := b.Jobs.Accepter.Accept(b.t.Context(), req)
	require.NoError(b.t, err)
	return b.Deliveries(a.NotificationID)[0]
}

// FromNow returns the time d from now, rounded as the store keeps it.
func FromNow(d time.Duration) *time.Time {
	t := store.Now().Add(d)
	return &t
}

// RequireRefusal requires that err is a refusal with the code for the field.
func RequireRefusal(t *testing.T, err error, code, field string) {
	t.Helper()
	var refused *refusal.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, code, refused.Code)
	require.Equal(t, field, refused.Field)
	require.NotEmpty(t, refused.Message)
}
