package delivering

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/routing"
	"github.com/labring/sealos-notify/store"
)

// chooseProvider sets the provider that the delivery goes through, and those that it may move to.
func (d *Deliverer) chooseProvider(ctx context.Context, r *run) *Next {
	var unusable error
	r.provider, r.route, unusable = d.providerOf(r.settings.Registry, r.delivery, r.message)
	r.tries = r.settings.TriesOf(r.provider)
	// River's attempt number is ahead of ours: a worker started an attempt and recorded
	// nothing, so its request may have left. This is checked before unusable, because any
	// record closes the gap.
	if r.job.Attempt > r.delivery.Attempts+1 {
		if r.provider.OnUncertain == channels.Hold {
			return d.fail(ctx, r, &channels.Error{
				Class: channels.Uncertain, Code: "worker_lost", Message: "an earlier attempt was started and its result was lost",
			})
		}
		r.keeps = r.provider.Type.Dedupes && len(r.route) > 1
	}
	if unusable != nil {
		return d.fail(ctx, r, unusable)
	}
	return nil
}

// providerOf returns the provider of a delivery, and the route that it may move along. A delivery
// whose recipient names its provider, or that was bound to one, has no route. For a test it is
// always the simulated provider, whatever a requeue asked for. With an error, OnUncertain is the
// only field that is set.
func (d *Deliverer) providerOf(
	registry *channels.Registry, delivery store.Delivery, m store.Message,
) (channels.Provider, []channels.Provider, error) {
	unknown := channels.Provider{OnUncertain: d.types[delivery.Channel].OnUncertain}
	misconfigured := func(code, text string) (channels.Provider, []channels.Provider, error) {
		return unknown, nil, &channels.Error{Class: channels.Misconfigured, Code: code, Message: text}
	}
	if _, on := registry.Provider(delivery.Channel); !on {
		return misconfigured("channel_off", "the channel is not enabled any more")
	}
	own, known := registry.ProviderFor(delivery.Channel, addressOf(delivery))
	if !known {
		return misconfigured("group_gone", "the group is not configured any more")
	}
	switch {
	case delivery.Test:
		return channels.Simulated(own), nil, nil
	case own.Type.NamesProvider(delivery.Recipient.Type):
		return own, nil, nil
	case delivery.Pinned:
		named, known := registry.Named(delivery.NextProvider)
		if !known || named.Type.Channel != delivery.Channel {
			return misconfigured("provider_gone", "the provider it was to go through is not configured any more")
		}
		return named, nil, nil
	}
	route := routing.Route(registry, delivery.ID, m, delivery.Recipient)
	for _, p := range route {
		if p.Name == delivery.NextProvider {
			return p, route, nil
		}
	}
	if len(route) > 0 {
		own = route[0]
	}
	return own, route, nil
}

// passBreaker finds a provider of the route that takes the delivery now, beginning with the chosen
// one: one whose breaker is closed, or one that the delivery may try. Without any the delivery
// waits, and no attempt is spent. One that has waited for long is sent all the same, so that it
// ends.
func (d *Deliverer) passBreaker(ctx context.Context, r *run) *Next {
	if r.delivery.Test {
		return nil
	}
	now := store.Now()
	b, held := d.heldBy(ctx, r, now)
	if !held {
		return nil
	}
	if r.probes = d.takeProbe(ctx, r.provider.Name, now); r.probes {
		return nil
	}
	if next, _, found := d.nextOf(r, func(p string) bool { return d.works(ctx, p) }); found {
		return d.move(ctx, r, next)
	}
	if next, _, found := d.nextOf(r, func(p string) bool { return d.takeProbe(ctx, p, now) }); found {
		r.probes = true
		return d.move(ctx, r, next)
	}
	wait := min(max(now.Sub(b.OpenedAt)/2, shortestHold), longestHold)
	if r.delivery.ExpiresAt != nil {
		wait = min(wait, max(0, r.delivery.ExpiresAt.Sub(now))) // it wakes to expire
	}
	return snooze(wait)
}

// takeProbe reports whether the delivery may try a provider whose breaker is open.
func (d *Deliverer) takeProbe(ctx context.Context, provider string, now time.Time) bool {
	b, open := d.breakers.of(ctx, provider)
	return open && !b.ByHand && !now.Before(b.ProbeAt) && d.breakers.takeProbe(ctx, provider, now)
}

// works reports whether a provider takes deliveries.
func (d *Deliverer) works(ctx context.Context, provider string) bool {
	_, open := d.breakers.of(ctx, provider)
	return !open
}

// nextOf returns the provider that follows the run's on its route, of those that work.
func (d *Deliverer) nextOf(r *run, works func(provider string) bool) (next channels.Provider, ahead, found bool) {
	if r.keeps {
		return next, false, false
	}
	return routing.Next(r.route, r.provider.Name, works)
}

// move gives the delivery another provider, and writes that before anything is sent: where an
// attempt went whose worker is lost must be known.
func (d *Deliverer) move(ctx context.Context, r *run, to channels.Provider) *Next {
	line := r.lineAt(to)
	moved, err := d.moves.Do(ctx, store.Move{DeliveryID: r.delivery.ID, JobID: r.job.ID, NextProvider: to.Name, Line: line})
	if err != nil || !moved {
		d.log.Warn("delivery could not be moved to another provider", zap.Stringer("delivery", r.delivery.ID), zap.Error(err))
		return snooze(time.Second) // its state is read again then
	}
	if to.Interval > 0 && !r.probes {
		return snooze(0) // its turn there comes
	}
	r.delivery.NextProvider, r.job.Line, r.provider, r.tries = to.Name, line, to, r.settings.TriesOf(to)
	return nil
}

// lineAt returns the queue that the run's job waits in when it goes through a provider.
func (r *run) lineAt(p channels.Provider) string {
	channel, _, app := store.SplitQueue(r.job.Line)
	return store.Line{Channel: channel, Provider: p.Line(), AppID: app}.Queue()
}

// checkBreaker puts a delivery off whose provider's breaker has opened while it waited for its turn.
func (d *Deliverer) checkBreaker(ctx context.Context, r *run) *Next {
	if _, held := d.heldBy(ctx, r, store.Now()); held && !r.delivery.Test && !r.probes {
		return snooze(0)
	}
	return nil
}

// heldBy returns the breaker that keeps the delivery from its provider, if one does.
func (d *Deliverer) heldBy(ctx context.Context, r *run, now time.Time) (b store.Breaker, held bool) {
	b, open := d.breakers.of(ctx, r.provider.Name)
	return b, open && (b.ByHand || now.Sub(r.waitsSince()) <= waitLimit)
}

// alternative is where a delivery can go after a failed attempt.
type alternative struct {
	provider string
	line     string
	ahead    bool          // it was not there since it began with the first of its route
	wait     time.Duration // until that one takes it, after a throttling
	open     bool          // the breaker of the present one is open
}

// findOther sets where the delivery can go after an attempt that failed.
func (d *Deliverer) findOther(ctx context.Context, r *run, err error) {
	if err == nil || len(r.route) < 2 {
		return
	}
	next, ahead, found := d.nextOf(r, func(p string) bool { return d.works(ctx, p) })
	if !found {
		return
	}
	r.other = &alternative{provider: next.Name, line: r.lineAt(next), ahead: ahead, open: !d.works(ctx, r.provider.Name)}
	if channels.AsError(err).Class == channels.Throttled {
		r.other.wait = d.waitAt(ctx, next)
	}
}

// waitAt returns how long a delivery would wait at a provider: for its next slot, and for as long
// as it asked this replica to wait.
func (d *Deliverer) waitAt(ctx context.Context, p channels.Provider) time.Duration {
	wait := d.breakers.asked(p.Name)
	if p.Interval <= 0 {
		return wait
	}
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	slot, _, err := d.store.TakeSlot(ctx, p.Name, p.Interval, -waitLimit) // takes none: it is never so late
	if err != nil {
		return waitLimit
	}
	return max(wait, slot)
}
