package delivering

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

const (
	// openAfter is how many calls of a replica fail in a row until it opens the provider's
	// breaker.
	openAfter = 5
	// probePause is between two deliveries that try whether a provider works again.
	probePause = 10 * time.Second
	// breakersAge is how long a reading of the breakers serves. A replica learns that late what
	// another did.
	breakersAge = time.Second
	// A held delivery looks again after half the time for which the breaker has been open, within
	// these bounds: soon after a short outage, and seldom in a long one. All sleep for the same
	// time, so that they come back in their order.
	shortestHold, longestHold = time.Second, 30 * time.Second
)

// Admits returns how many deliveries of a provider's line may be taken from where they wait, at most
// most: all of them while it works, none while its breaker is open, and one at a time when a probe is
// due. Those that are not taken keep their order. The other providers of the channel count like it,
// because a delivery may move: elsewhere reports that only another one works. What waits behind a
// breaker that has been open for long is taken, because some of it may have to end.
func (d *Deliverer) Admits(ctx context.Context, p channels.Provider, most int) (n int, elsewhere bool) {
	now, due := store.Now(), false
	takes := func(provider string) bool {
		b, open := d.breakers.of(ctx, provider)
		due = due || open && !b.ByHand && !now.Before(b.ProbeAt)
		return !open || !b.ByHand && now.Sub(b.OpenedAt) > waitLimit
	}
	if takes(p.Name) {
		return most, false
	}
	if p.Place > 0 {
		for _, other := range d.settings.Load().Registry.List(p.Type.Channel) {
			if takes(other.Name) {
				return most, true
			}
		}
	}
	if due && d.breakers.offerProbe(p.Name) {
		return min(1, most), false
	}
	return 0, false
}

// breakers opens and closes the breakers of providers. What is open is in the database; the
// failures in a row are counted by each replica.
type breakers struct {
	store    Store
	settings *settings.Live
	log      *zap.Logger
	metrics  *metrics

	mu       sync.Mutex
	failures map[string]int           // in a row, by provider
	until    map[string]time.Time     // by provider: it asked this replica to wait until then
	open     map[string]store.Breaker // as read at readAt; replaced, never changed; nil before the first reading
	readAt   time.Time
	offered  map[string]time.Time // when a delivery was last admitted that may probe, by provider
}

func newBreakers(st Store, live *settings.Live, log *zap.Logger, m *metrics) *breakers {
	return &breakers{
		store: st, settings: live, log: log, metrics: m,
		failures: map[string]int{}, until: map[string]time.Time{}, offered: map[string]time.Time{},
	}
}

// of returns the breaker of a provider, if it is open.
func (b *breakers) of(ctx context.Context, provider string) (store.Breaker, bool) {
	b.mu.Lock()
	open, stale := b.open, time.Since(b.readAt) > breakersAge
	if stale && open != nil {
		b.readAt = time.Now() // others need not read meanwhile; but before the first reading nothing is known
	}
	b.mu.Unlock()
	if stale {
		open = b.read(ctx)
	}
	one, is := open[provider]
	return one, is
}

// read reads the breakers, and returns those that are open. While the database does not answer,
// the last reading counts.
func (b *breakers) read(ctx context.Context) map[string]store.Breaker {
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	all, err := b.store.OpenBreakers(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.log.Warn("the breakers of providers could not be read", zap.Error(err))
		return b.open
	}
	open := make(map[string]store.Breaker, len(all))
	for _, one := range all {
		open[one.Provider] = one
	}
	for provider := range b.open {
		if _, still := open[provider]; !still {
			delete(b.failures, provider) // it closed, so they are counted anew
		}
	}
	b.open, b.readAt = open, time.Now()
	return open
}

// offerProbe reports whether the caller may admit a delivery that takes the probe. It may not take
// it after all, so another is admitted soon.
func (b *breakers) offerProbe(provider string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.offered[provider]) < breakersAge {
		return false
	}
	b.offered[provider] = time.Now()
	return true
}

// takeProbe reports whether the caller's delivery tries the provider.
func (b *breakers) takeProbe(ctx context.Context, provider string, now time.Time) bool {
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	taken, err := b.store.TakeProbe(ctx, provider, now, now.Add(probePause))
	if err != nil {
		b.log.Warn("no probe of a provider could be taken", zap.String("provider", provider), zap.Error(err))
	}
	return taken
}

// learn counts how a call to a provider ended. It opens the breaker after some failures in a
// row, and closes it when a probe was answered.
func (b *breakers) learn(ctx context.Context, provider string, probe bool, err error) {
	failed := isOutage(err)
	b.mu.Lock()
	if e := channels.AsError(err); err != nil && e.Class == channels.Throttled {
		b.until[provider] = time.Now().Add(askedWait(e))
	}
	if failed {
		b.failures[provider]++
	} else {
		delete(b.failures, provider)
	}
	_, isOpen := b.open[provider]
	opens := failed && !isOpen && b.failures[provider] >= openAfter
	b.mu.Unlock()
	switch {
	case opens:
		b.change(ctx, "a provider's breaker opened: its deliveries wait", provider, func(ctx context.Context) (bool, error) {
			now := store.Now()
			return b.store.OpenBreaker(ctx, store.Breaker{
				Provider: provider, Code: channels.CleanText(channels.AsError(err).Code), OpenedAt: now, ProbeAt: now.Add(probePause),
			}, store.Actor{}.Did(store.AuditBreakerOpen, provider))
		})
	case probe && !failed:
		b.change(ctx, "a provider's breaker closed: its deliveries go on", provider, func(ctx context.Context) (bool, error) {
			return b.store.CloseBreaker(ctx, provider, false, store.Actor{}.Did(store.AuditBreakerClose, provider))
		})
	}
}

// asked returns how long a provider still wants no calls, as far as this replica knows.
func (b *breakers) asked(provider string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(0, time.Until(b.until[provider]))
}

// change opens or closes a breaker, and reads all of them anew.
func (b *breakers) change(ctx context.Context, what, provider string, do func(context.Context) (bool, error)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTime)
	defer cancel()
	changed, err := do(ctx)
	switch {
	case err != nil:
		b.log.Warn("a provider's breaker could not be changed", zap.String("provider", provider), zap.Error(err))
		return
	case changed:
		b.log.Warn(what, zap.String("provider", provider))
		b.metrics.breakers.WithLabelValues(provider).Inc()
	}
	b.read(ctx)
}

var breakerOpen = prometheus.NewDesc("sealos_notify_breaker_open",
	"Whether a provider's breaker is open, over all replicas: its deliveries wait.", []string{"provider"}, nil)

// Describe implements prometheus.Collector.
func (b *breakers) Describe(descs chan<- *prometheus.Desc) { descs <- breakerOpen }

// Collect implements prometheus.Collector.
func (b *breakers) Collect(metrics chan<- prometheus.Metric) {
	open := b.read(context.Background())
	for _, provider := range b.settings.Load().Registry.Providers("") {
		var is float64
		if _, found := open[provider]; found {
			is = 1
		}
		metrics <- prometheus.MustNewConstMetric(breakerOpen, prometheus.GaugeValue, is, provider)
	}
}

// isOutage reports whether a call failed because the provider does not work, so that others
// would fail, too. What is wrong with the account or with one message does not count, and a code
// that nobody knows could be about the message.
func isOutage(err error) bool {
	if err == nil {
		return false
	}
	e := channels.AsError(err)
	return (e.Class == channels.Transient || e.Class == channels.Uncertain) && !e.OfMessage && !e.Unlisted
}
