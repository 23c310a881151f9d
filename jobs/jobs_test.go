package jobs

import (
	"context"
	"database/sql"
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
	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/migrate"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/postgres"
	"github.com/labring/sealos-notify/store/sqlite"
)

// bundle is a service on a database of its own, with a provider that does what
// the test says.
type bundle struct {
	t        *testing.T
	store    store.Store
	service  *Service
	provider *provider
	metrics  *prometheus.Registry
	spans    *tracetest.SpanRecorder
	tracer   trace.Tracer
	// exec runs SQL behind the service's back.
	exec func(query string, args ...any)
	// jobPriority returns a job's priority there.
	jobPriority func(id int64) int
	// look returns the one text that a query finds, or none.
	look func(query string, args ...any) string
	// open makes a River client; start also starts it.
	open func(Dispatcher) *Client
}

// testChannel is a channel type without a vendor: the provider is the test's.
var testChannel = channels.Type{
	Name: "test", Channel: "test", RecipientTypes: []string{channels.RecipientEmail, channels.RecipientFeishuUserID},
	MsgTypes:    []channels.MsgType{{Name: "text", Format: channels.FormatText}, {Name: "card", Format: channels.FormatJSON}},
	OnUncertain: channels.Resend,
}

// otherChannel is known and switched off.
var otherChannel = channels.Type{
	Name: "other", Channel: "other", RecipientTypes: []string{channels.RecipientPhone},
	MsgTypes: []channels.MsgType{{Name: "text", Format: channels.FormatText}},
}

// provider is a channels.Sender that answers as it is told and says when it is called.
type provider struct {
	calls chan channels.Message // every call, before it is answered

	mu     sync.Mutex
	answer func(channels.Message) (channels.Receipt, error)
}

func (p *provider) Send(_ context.Context, m channels.Message) (channels.Receipt, error) {
	p.mu.Lock()
	answer := p.answer
	p.mu.Unlock()
	p.calls <- m
	return answer(m)
}

// fail makes every call fail with the error; nil lets them succeed.
func (p *provider) fail(err error) {
	p.then(func(channels.Message) (channels.Receipt, error) { return channels.Receipt{}, err })
}

func (p *provider) then(answer func(channels.Message) (channels.Receipt, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

// eachEngine runs the test on PostgreSQL and on SQLite.
func eachEngine(t *testing.T, test func(t *testing.T, b *bundle)) {
	t.Helper()
	t.Parallel()
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		st, err := postgres.Open(t.Context(), testdb.New(t))
		require.NoError(t, err)
		b := newBundle(t, st)
		b.exec = func(query string, args ...any) {
			_, err := st.Pool().Exec(context.Background(), query, args...)
			require.NoError(t, err)
		}
		b.look = func(query string, args ...any) (text string) {
			_ = st.Pool().QueryRow(context.Background(), query, args...).Scan(&text)
			return text
		}
		b.jobPriority = func(id int64) (priority int) {
			require.NoError(t, st.Pool().QueryRow(context.Background(), "SELECT priority FROM river_job WHERE id = $1", id).Scan(&priority))
			return priority
		}
		b.open = func(d Dispatcher) *Client {
			c, err := NewClient(riverpgxv5.New(st.Pool()), b.service, d, slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			return c
		}
		test(t, b)
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		st, err := sqlite.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "notify.db"), MaxOpenConns: 4, MaxIdleConns: 4})
		require.NoError(t, err)
		require.NoError(t, migrate.SQLite(st.DB()).Up(t.Context()))
		b := newBundle(t, st)
		b.exec = func(query string, args ...any) {
			_, err := st.DB().ExecContext(context.Background(), query, args...)
			require.NoError(t, err)
		}
		b.look = func(query string, args ...any) (text string) {
			_ = st.DB().QueryRowContext(context.Background(), query, args...).Scan(&text)
			return text
		}
		b.jobPriority = func(id int64) (priority int) {
			require.NoError(t, st.DB().QueryRowContext(context.Background(), "SELECT priority FROM river_job WHERE id = $1", id).Scan(&priority))
			return priority
		}
		b.open = func(d Dispatcher) *Client {
			c, err := NewClient[*sql.Tx](riversqlite.New(st.DB()), b.service, d, slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			return c
		}
		test(t, b)
	})
}

func newBundle(t *testing.T, st store.Store) *bundle {
	t.Helper()
	t.Cleanup(st.Close)
	b := &bundle{t: t, store: st, provider: &provider{calls: make(chan channels.Message, 10_000)}}
	b.provider.fail(nil)
	b.metrics, b.spans = prometheus.NewRegistry(), tracetest.NewSpanRecorder()
	b.tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(b.spans)).Tracer("test")
	b.service = New(st, []channels.Type{testChannel, otherChannel}, b.settings(channels.Resend), zaptest.NewLogger(t, zaptest.Level(zap.FatalLevel)),
		Telemetry{Metrics: b.metrics, Tracer: b.tracer})
	t.Cleanup(b.service.Close)
	b.template("hello", "text", "Hello {{ .name }}")
	return b
}

// settings retry at once, three times.
func (b *bundle) settings(onUncertain channels.OnUncertain) Settings {
	return Settings{
		Defaults: Defaults{MaxRetry: 3, RetryBackoffSeconds: []int{0}, TimeoutSeconds: 5, MaxRecipients: 10_000},
		Registry: channels.NewRegistry(map[string]channels.Provider{
			"test": {Name: "test-provider", Type: testChannel, OnUncertain: onUncertain, Sender: b.provider},
		}),
	}
}

// start works the queues until the test ends.
func (b *bundle) start() *Client {
	b.t.Helper()
	c := b.open(Dispatcher{Enabled: true, Interval: 100 * time.Millisecond, BatchSize: 20, LeaseTimeout: 30 * time.Second})
	require.NoError(b.t, c.Start(b.t.Context()))
	b.t.Cleanup(func() { require.NoError(b.t, c.Stop()) })
	return c
}

func (b *bundle) template(name, msgType, body string) {
	b.t.Helper()
	now := store.Now()
	t := store.Template{Name: name, Channel: "test", MsgType: msgType, Body: body, CreatedAt: now, UpdatedAt: now}
	require.NoError(b.t, b.service.CheckTemplate(t))
	_, err := b.store.CreateTemplate(b.t.Context(), t, "app")
	require.NoError(b.t, err)
}

// request is a valid request to n recipients.
func request(key string, n int) Request {
	r := Request{
		AppID: "app", IdempotencyKey: key,
		Channels: map[string]ChannelRequest{"test": {Template: "hello", Params: map[string]any{"name": "world"}}},
	}
	for i := range n {
		r.Recipients = append(r.Recipients, store.Recipient{Type: channels.RecipientEmail, Value: fmt.Sprintf("user%d@example.com", i)})
	}
	return r
}

// accept takes a request to one recipient and returns its delivery.
func (b *bundle) accept(key string) store.Delivery {
	b.t.Helper()
	return b.acceptIn(b.t.Context(), key)
}

func (b *bundle) acceptIn(ctx context.Context, key string) store.Delivery {
	b.t.Helper()
	a, err := b.service.Accept(ctx, request(key, 1))
	require.NoError(b.t, err)
	return b.deliveries(a.NotificationID)[0]
}

// messageOf accepts a request to one recipient and returns its message.
func (b *bundle) messageOf(key string) store.Message {
	b.t.Helper()
	m, err := b.store.Message(b.t.Context(), b.accept(key).MessageID)
	require.NoError(b.t, err)
	return m
}

func (b *bundle) deliveries(notification uuid.UUID) []store.Delivery {
	b.t.Helper()
	list, err := b.store.DeliveriesOf(b.t.Context(), notification, uuid.Nil, 100_000)
	require.NoError(b.t, err)
	return list
}

// jobState returns a job's state in River's table.
func (b *bundle) jobState(id int64) string {
	return b.look("SELECT CAST(state AS text) FROM river_job WHERE id = $1", id)
}

// called waits for the next call to the provider.
func (b *bundle) called() channels.Message {
	b.t.Helper()
	select {
	case m := <-b.provider.calls:
		return m
	case <-time.After(30 * time.Second):
		require.FailNow(b.t, "the provider was not called")
		return channels.Message{}
	}
}

// until waits for the delivery to be in the status.
func (b *bundle) until(id uuid.UUID, status store.DeliveryStatus) store.Delivery {
	b.t.Helper()
	var d store.Delivery
	require.Eventually(b.t, func() bool {
		var err error
		d, err = b.store.Delivery(context.Background(), id)
		return err == nil && d.Status == status
	}, 30*time.Second, 5*time.Millisecond, "the delivery is not %s", status)
	return d
}
