// Package listening hears what people do with messages: that they read them, and press their
// buttons. One replica at a time listens to each provider that tells of it.
package listening

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/sealing"
	"github.com/labring/sealos-notify/store"
)

const (
	// lease is how long a provider that a replica listens to is left to it after it died.
	lease = 10 * time.Second
	// renewal is between two renewals, of which two may fail, and between two looks at whether
	// a provider is free.
	renewal = 3 * time.Second
	// firstPause and longestPause are between two tries to connect. It doubles with each that fails.
	firstPause   = time.Second
	longestPause = time.Minute
)

// Store is what a Listening needs of the store. The lease of a provider is its first and only place:
// providers that listen have no other connections.
type Store interface {
	TakePlace(ctx context.Context, provider string, holder uuid.UUID, most int, lease time.Duration) (store.Place, bool, error)
	RenewPlaces(ctx context.Context, holder uuid.UUID, lease time.Duration) ([]store.Place, error)
	FreePlaces(ctx context.Context, holder uuid.UUID, places []store.Place) error
	store.Receipts
}

// Acknowledger takes what somebody says who pressed the button of a delivery's message.
type Acknowledger interface {
	// Acknowledge returns what the person sees. It is called again for the same delivery when its
	// button is pressed again.
	Acknowledge(ctx context.Context, delivery uuid.UUID, by channels.Person) (channels.Response, error)
}

// Listening listens to the providers of a configuration, from Start to Stop.
type Listening struct {
	store        Store
	sealer       *sealing.Sealer
	acknowledger Acknowledger
	log          *zap.Logger
	metrics      *metrics

	mu       sync.Mutex
	started  bool
	registry *channels.Registry
	end      func() // of those that listen now
}

// New returns a Listening.
func New(st Store, sealer *sealing.Sealer, acknowledger Acknowledger, log *zap.Logger, registry prometheus.Registerer) *Listening {
	return &Listening{
		store: st, sealer: sealer, acknowledger: acknowledger, log: log, metrics: newMetrics(registry),
		registry: channels.NewRegistry(nil), end: func() {},
	}
}

// Start begins to listen.
func (l *Listening) Start() { l.change(func() { l.started = true }) }

// Apply listens to the providers of another configuration. The connections of the one before are
// closed before: what happens in between is told again, but for pressed buttons.
func (l *Listening) Apply(registry *channels.Registry) { l.change(func() { l.registry = registry }) }

// Stop ends listening. It returns when nothing of it runs any more.
func (l *Listening) Stop() { l.change(func() { l.started = false }) }

// change ends those that listen, changes something, and begins anew.
func (l *Listening) change(what func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end()
	what()
	l.end = func() {}
	if l.started {
		l.end = l.begin()
	}
}

// begin listens to all providers that tell of something, until the returned function is called.
func (l *Listening) begin() (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	byType := map[string][]string{} // names of providers
	for _, name := range l.registry.Providers("") {
		if p, _ := l.registry.Named(name); isListener(p) {
			byType[p.Type.Name] = append(byType[p.Type.Name], name)
		}
	}
	for _, names := range byType {
		for _, name := range names {
			p, _ := l.registry.Named(name)
			// An app of the vendor may be that of several providers: what the vendor tells one of
			// them may be about a message of another.
			h := &hearer{listening: l, provider: name, alike: names}
			running.Go(func() { l.keep(ctx, name, p.Sender.(channels.Listener), h) })
		}
	}
	return func() {
		cancel()
		running.Wait()
	}
}

func isListener(p channels.Provider) bool {
	_, is := p.Sender.(channels.Listener)
	return is
}

// keep listens to a provider whenever no other replica does, until ctx ends. After a connection
// that broke or failed, another replica may be the next: it may reach the vendor.
func (l *Listening) keep(ctx context.Context, provider string, listener channels.Listener, h *hearer) {
	l.metrics.expect(provider)
	holder, pause := uuid.New(), firstPause
	for ctx.Err() == nil {
		place, taken, err := l.store.TakePlace(ctx, provider, holder, 1, lease)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			l.log.Warn("cannot see whether another replica listens to a provider", zap.String("provider", provider), zap.Error(err))
			wait(ctx, renewal)
		case !taken:
			wait(ctx, renewal)
		default:
			heard := l.listen(ctx, place, holder, listener, h)
			if heard {
				pause = firstPause
			}
			wait(ctx, pause)
			pause = min(2*pause, longestPause)
		}
	}
}

// wait waits for about the time, or until ctx ends.
func wait(ctx context.Context, about time.Duration) {
	select {
	case <-time.After(about/2 + rand.N(about)): //nolint:gosec // when a replica tries is no secret
	case <-ctx.Done():
	}
}

// listen listens while the place is held, and gives it back. It reports whether it was connected.
func (l *Listening) listen(ctx context.Context, place store.Place, holder uuid.UUID, listener channels.Listener, h *hearer) bool {
	held, lost := context.WithCancel(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		defer lost()
		l.renew(held, place, holder)
	})
	h.connected.Store(false)
	// A panic ends this connection, not the process.
	_, err := channels.Call(context.WithoutCancel(ctx), func() (channels.Receipt, error) { return channels.Receipt{}, listener.Listen(held, h) })
	lost()
	renewing.Wait()
	l.metrics.listening.WithLabelValues(place.Provider).Set(0)
	if err != nil {
		l.failed(place.Provider, channels.AsError(err))
	}
	freeing, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewal)
	defer cancel()
	if err := l.store.FreePlaces(freeing, holder, []store.Place{place}); err != nil {
		l.log.Warn("another replica can listen to a provider only when the lease ends", zap.String("provider", place.Provider), zap.Error(err))
	}
	return h.connected.Load()
}

// failed tells why nobody is heard.
func (l *Listening) failed(provider string, e *channels.Error) {
	l.metrics.failures.WithLabelValues(provider, string(e.Class)).Inc()
	fields := []zap.Field{zap.String("provider", provider), zap.String("class", string(e.Class)), zap.String("code", e.Code), zap.Error(e)}
	if e.Class == channels.Transient || e.Class == channels.Throttled {
		l.log.Warn("a provider cannot be listened to now", fields...)
		return
	}
	l.log.Error("a provider refuses to be listened to: read marks and pressed buttons are lost until its configuration is mended", fields...)
}

// renew renews the lease until ctx ends. It returns when the lease is lost.
func (l *Listening) renew(ctx context.Context, place store.Place, holder uuid.UUID) {
	until := time.Now().Add(lease)
	for {
		select {
		case <-time.After(renewal):
		case <-ctx.Done():
			return
		}
		asked := time.Now()
		asking, cancel := context.WithTimeout(ctx, renewal)
		places, err := l.store.RenewPlaces(asking, holder, lease)
		cancel()
		switch {
		case err == nil && !slices.Contains(places, place):
			return
		case err == nil:
			until = asked.Add(lease)
		case time.Now().After(until):
			return
		}
	}
}
