package listening_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/feishuapp"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/listening"
	"github.com/labring/sealos-notify/jobs/sealing"
	"github.com/labring/sealos-notify/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const alice = "ou_alice"

// acknowledger notes who acknowledges what.
type acknowledger struct {
	mu   sync.Mutex
	seen map[uuid.UUID][]channels.Person
	err  error
}

func (a *acknowledger) Acknowledge(_ context.Context, delivery uuid.UUID, by channels.Person) (channels.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen[delivery] = append(a.seen[delivery], by)
	return channels.Response{Text: "done"}, a.err
}

// platform starts a simulated platform and returns a registry of a provider of it.
func platform(t *testing.T) (*feishu.Platform, func(events bool) *channels.Registry) {
	t.Helper()
	p := feishu.New("cli_1", "secret", vendors.NewInbox())
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return p, func(events bool) *channels.Registry {
		c := feishuapp.Type.NewConfig().(*feishuapp.Config)
		c.AppID, c.AppSecret, c.BaseURL, c.Events = "cli_1", "secret", server.URL, events
		provider, err := channels.OpenProvider("feishu", feishuapp.Type, c)
		require.NoError(t, err)
		return channels.NewRegistry(map[string]channels.Provider{"feishu_app": provider})
	}
}

// replica is a Listening of its own on the store of a bundle.
type replica struct {
	*listening.Listening
	log     *observer.ObservedLogs
	metrics *prometheus.Registry
}

func newReplica(t *testing.T, b *jobstest.Bundle, a listening.Acknowledger) replica {
	t.Helper()
	core, log := observer.New(zap.InfoLevel)
	metrics := prometheus.NewRegistry()
	l := listening.New(b.Store, sealing.New(b.Store), a, zap.New(core), metrics)
	t.Cleanup(l.Stop)
	return replica{l, log, metrics}
}

// requireMetric waits until the metrics have the line.
func (r replica) requireMetric(t *testing.T, line string) {
	t.Helper()
	require.Eventually(t, func() bool {
		families, err := r.metrics.Gather()
		var out strings.Builder
		for _, family := range families {
			_, err = expfmt.MetricFamilyToText(&out, family)
		}
		return err == nil && strings.Contains(out.String(), line+"\n")
	}, limit.Wait, 10*time.Millisecond, line)
}

// A message that somebody has read is marked so, once it is recorded that it was sent.
func TestReadMarks(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		p, registry := platform(t)
		b.Types = append(b.Types, feishuapp.Type)
		b.Rebuild(b.Store)
		now := store.Now()
		_, err := b.Store.CreateTemplate(t.Context(), store.Template{
			Name: "alert", Channel: "feishu_app", Body: "disk full", CreatedAt: now, UpdatedAt: now, Owner: "app",
		}, "", jobstest.By("app", store.AuditTemplateCreate, "alert"))
		require.NoError(t, err)
		s := b.Settings(channels.Resend)
		s.Registry = registry(true)
		b.Jobs.Apply(s)
		b.Start()
		require.NoError(t, p.WaitConnections(limit.Context(t), 1))
		taken, err := b.Store.PlacesTaken(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[string]int{"feishu": 1}, taken, "the page of the providers shows it")

		a, err := b.Jobs.Accepter.Accept(t.Context(), accepting.Request{
			AppID: "app", IdempotencyKey: "k", Channels: map[string]accepting.ChannelRequest{"feishu_app": {Template: "alert"}},
			Recipients: accepting.To(store.Recipient{Type: channels.RecipientFeishuUserID, Value: alice}),
		})
		require.NoError(t, err)
		require.NoError(t, p.Inbox().Wait(limit.Context(t), 1))
		message := p.Inbox().Arrivals()[0].ID
		require.NoError(t, p.Read(t.Context(), alice, message, "om_of_another_time"), "it may be told before it is recorded")
		d := b.WaitFor(b.Deliveries(a.NotificationID)[0].ID, store.DeliverySuccess)
		require.Equal(t, store.ReceiptRead, d.Receipt)
		require.WithinDuration(t, time.Now(), *d.ReceiptAt, time.Minute)
		require.NoError(t, p.Read(t.Context(), alice, message), "again")
	})
}

func TestPressedButtons(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		p, registry := platform(t)
		a := &acknowledger{seen: map[uuid.UUID][]channels.Person{}}
		r := newReplica(t, b, a)
		r.Apply(registry(true))
		r.Start()
		require.NoError(t, p.WaitConnections(limit.Context(t), 1))

		delivery := uuid.Must(uuid.NewV7())
		value, err := sealing.New(b.Store).Button(t.Context(), delivery)
		require.NoError(t, err)
		sender, _ := registry(false).Provider("feishu_app")
		sent, err := sender.Sender.Send(t.Context(), channels.Message{
			DeliveryID: delivery, MsgType: "interactive", Body: `{}`, Button: &channels.Button{Label: "Ack", Value: value},
			Recipient: channels.Recipient{Type: channels.RecipientFeishuUserID, Value: alice},
		})
		require.NoError(t, err)
		message := sent.Details["message_id"].(string)
		button := feishu.Buttons(p.Inbox().Arrivals()[0].Text)[0]
		for range 2 {
			toast, err := p.Press(t.Context(), alice, message, button.Value)
			require.NoError(t, err)
			require.Equal(t, feishu.Toast{Type: "success", Content: "done"}, toast)
		}
		by := channels.Person{ID: alice, Name: feishu.UserName(alice)}
		require.Equal(t, map[uuid.UUID][]channels.Person{delivery: {by, by}}, a.seen)

		link, err := sealing.New(b.Store).Seal(t.Context(), "/unsubscribe/", delivery[:])
		require.NoError(t, err)
		other := "A"
		if value[:1] == other {
			other = "B"
		}
		for _, forged := range []string{"", "x", value[1:], value + "A", other + value[1:], link, delivery.String()} {
			toast, err := p.Press(t.Context(), alice, message, map[string]any{"sealos_notify": forged})
			require.NoError(t, err)
			require.Equal(t, "error", toast.Type, forged)
			require.Contains(t, toast.Content, "not valid")
		}
		require.Len(t, a.seen[delivery], 2)

		a.err = errors.New("no database")
		_, err = p.Press(t.Context(), alice, message, button.Value)
		require.ErrorIs(t, err, feishu.ErrFailed, "the person sees that it did not work")
		r.requireMetric(t, `sealos_notify_heard_total{event="press",provider="feishu",result="refused"} 7`)
		r.requireMetric(t, `sealos_notify_heard_total{event="press",provider="feishu",result="done"} 2`)
		for _, entry := range r.log.All() {
			require.NotContains(t, entry.ContextMap(), "value")
		}
	})
}

// One replica listens. Another one takes over when it stops, when it dies, and when it is cut off
// from the database for so long that its lease ended.
func TestTakeover(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		p, registry := platform(t)
		dead, taken, err := b.Store.TakePlace(t.Context(), "feishu", uuid.New(), 1, 4*time.Second)
		require.NoError(t, err)
		require.True(t, taken)
		require.Equal(t, 1, dead.Number)

		one, other := newReplica(t, b, nil), newReplica(t, b, nil)
		one.Apply(registry(true))
		one.Start()
		require.NoError(t, p.WaitConnections(limit.Context(t), 1), "after the lease of the dead one")
		other.Apply(registry(true))
		other.Start()
		one.requireMetric(t, `sealos_notify_listening{provider="feishu"} 1`)
		other.requireMetric(t, `sealos_notify_listening{provider="feishu"} 0`)
		require.Equal(t, 1, p.Connections())

		one.Stop()
		require.NoError(t, p.WaitConnections(limit.Context(t), 1))
		other.requireMetric(t, `sealos_notify_listening{provider="feishu"} 1`)

		b.Exec("UPDATE provider_places SET holder = '" + uuid.NewString() + "'") // another holds it now
		require.NoError(t, p.WaitConnections(limit.Context(t), 0))
		other.requireMetric(t, `sealos_notify_listening{provider="feishu"} 0`)
		require.NoError(t, p.WaitConnections(limit.Context(t), 1), "the other one is dead, too")
	})
}

// A reload listens to the new providers, and no longer to the old ones.
func TestReload(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		p, registry := platform(t)
		r := newReplica(t, b, nil)
		r.Start()
		for _, events := range []bool{true, true, false, true} {
			r.Apply(registry(events))
			want := 0
			if events {
				want = 1
			}
			require.NoError(t, p.WaitConnections(limit.Context(t), want))
		}
		r.Stop()
		require.NoError(t, p.WaitConnections(limit.Context(t), 0))
		taken, err := b.Store.PlacesTaken(t.Context())
		require.NoError(t, err)
		require.Empty(t, taken)
	})
}

// A refusal is loud, and is tried again. So is a connection that breaks, without the noise.
func TestRefusals(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		p, registry := platform(t)
		p.Fail(feishu.Fault{Where: feishu.Endpoint, Times: 1, Code: "1000040345"})
		r := newReplica(t, b, nil)
		r.Apply(registry(true))
		r.Start()
		require.NoError(t, p.WaitConnections(limit.Context(t), 1))
		refused := r.log.FilterLevelExact(zap.ErrorLevel).All()
		require.Len(t, refused, 1)
		require.Equal(t, "feishu_1000040345", refused[0].ContextMap()["code"])
		require.Equal(t, "feishu", refused[0].ContextMap()["provider"])
		r.requireMetric(t, `sealos_notify_listening_failures_total{class="misconfigured",provider="feishu"} 1`)

		p.Disconnect()
		r.requireMetric(t, `sealos_notify_listening_failures_total{class="transient",provider="feishu"} 1`)
		require.NoError(t, p.WaitConnections(limit.Context(t), 1))
		require.Len(t, r.log.FilterLevelExact(zap.ErrorLevel).All(), 1)
		for _, entry := range r.log.All() {
			require.NotContains(t, entry.Message, "secret")
		}
	})
}
