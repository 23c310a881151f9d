package api_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/store"
)

func TestProbes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare              func(*bench)
		health, live, ready  int
		healthText, liveText string
	}{
		"well":          {func(*bench) {}, 200, 200, 200, `{"status":"healthy"}`, `{"status":"alive"}`},
		"database away": {func(b *bench) { b.store.fail(store.ErrUnavailable) }, 503, 200, 503, `{"status":"unhealthy"}`, `{"status":"alive"}`},
		"shutting down": {func(b *bench) { b.ready.Store(false) }, 200, 200, 503, `{"status":"healthy"}`, `{"status":"alive"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			c.prepare(b)
			health := b.call(t, request{method: "GET", path: "/health"})
			require.Equal(t, c.health, health.status)
			require.JSONEq(t, c.healthText, health.text)
			live := b.call(t, request{method: "GET", path: "/livez"})
			require.Equal(t, c.live, live.status)
			require.JSONEq(t, c.liveText, live.text)
			ready := b.call(t, request{method: "GET", path: "/readyz"})
			require.Equal(t, c.ready, ready.status)
			for _, a := range []answer{health, live, ready} {
				require.Equal(t, a.status == 503, a.header.Get("Retry-After") != "")
			}
		})
	}
}

func TestDatabaseAwayIs503Everywhere(t *testing.T) {
	t.Parallel()
	b := start(t)
	n := b.notificationOf("console", 1)
	b.store.fail(store.ErrUnavailable)
	for _, r := range []request{
		{method: "GET", path: "/api/v1/notifications/" + n.ID.String()},
		{method: "GET", path: "/api/v1/notifications/" + n.ID.String() + "/deliveries"},
		{method: "GET", path: "/api/v1/templates"},
		{method: "POST", path: "/api/v1/templates", body: goodTemplate},
		{method: "GET", path: "/api/v1/templates/x"},
		{method: "PUT", path: "/api/v1/templates/x", body: goodTemplate},
		{method: "DELETE", path: "/api/v1/templates/x"},
	} {
		r.app = "console"
		a := b.call(t, r)
		require.Equal(t, 503, a.status, r)
		code, _ := a.problem(t)
		require.Equal(t, "unavailable", code)
		require.Equal(t, "1", a.header.Get("Retry-After"))
	}
}

func TestProbesAreLoggedForDebuggingOnly(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.call(t, request{method: "GET", path: "/livez"})
	b.call(t, request{method: "GET", path: "/api/v1/templates", app: "console"})
	lines := b.logs.FilterMessage("request").All()
	require.Len(t, lines, 2)
	require.Equal(t, zap.DebugLevel, lines[0].Level)
	require.Equal(t, zap.InfoLevel, lines[1].Level)
}

// probed is a store and a schema that count the questions about their state.
type probed struct {
	*memory
	asked atomic.Int32
	hangs atomic.Bool
}

func (p *probed) Ping(ctx context.Context) error {
	p.asked.Add(1)
	if p.hangs.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return p.memory.Ping(ctx)
}

func (p *probed) schema(context.Context) (string, error) {
	p.asked.Add(1)
	return "", nil
}

// Anybody may probe: one look at the database a second serves all, and only what changes is
// logged.
func TestProbesShareOneLook(t *testing.T) {
	t.Parallel()
	p := &probed{memory: newMemory()}
	b := start(t, func(o *api.Options) { o.Store, o.Schema = p, p.schema })
	began := time.Now()
	flood := func(status int) {
		t.Helper()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				for _, path := range []string{"/readyz", "/health"} {
					if a := b.callUndescribed(t, request{method: "GET", path: path}); a.status != status {
						t.Errorf("%s: %d", path, a.status)
					}
				}
			})
		}
		limit.Group(t, &all, "probes")
	}
	until := func(status int) {
		t.Helper()
		require.Eventually(t, func() bool {
			return b.callUndescribed(t, request{method: "GET", path: "/readyz"}).status == status
		}, limit.Wait, 10*time.Millisecond)
	}
	flood(200)
	p.fail(store.ErrUnavailable)
	until(503)
	flood(503)
	p.fail(nil)
	until(200)
	flood(200)
	require.LessOrEqual(t, int(p.asked.Load()), 2*(1+int(time.Since(began)/time.Second)), "questions")
	require.Equal(t, 1, b.logs.FilterMessage("probes fail").Len())
	require.Equal(t, 1, b.logs.FilterMessage("probes succeed again").Len())
}

// While the database does not answer, one probe waits for it, and others are told what was
// known.
func TestProbesDoNotWaitTogether(t *testing.T) {
	t.Parallel()
	p := &probed{memory: newMemory()}
	b := start(t, func(o *api.Options) { o.Store = p })
	require.Equal(t, 200, b.call(t, request{method: "GET", path: "/readyz"}).status)
	p.hangs.Store(true)
	waits := make(chan answer, 1)
	go func() {
		var last answer
		for p.asked.Load() == 1 { // what is known is new
			last = b.callUndescribed(t, request{method: "GET", path: "/readyz"})
		}
		waits <- last
	}()
	require.Eventually(t, func() bool { return p.asked.Load() == 2 }, limit.Wait, time.Millisecond)
	began := time.Now()
	for range 20 {
		require.Equal(t, 200, b.call(t, request{method: "GET", path: "/readyz"}).status)
	}
	require.Less(t, time.Since(began), 2*time.Second, "the patience of one")
	require.Equal(t, 503, limit.Receive(t, waits, "the one that asks").status)
	require.Equal(t, 503, b.call(t, request{method: "GET", path: "/readyz"}).status)
}
