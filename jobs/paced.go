package jobs

import (
	"context"
	"maps"
	"time"

	"github.com/riverqueue/river/riverdriver"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/delivering"
	"github.com/labring/sealos-notify/store"
)

// pacedHorizon is how far ahead jobs are taken for the slots of a provider with a rate
// limit. What is more urgent, or another app's, waits for those that were taken. It exceeds
// the time between two looks for due jobs, so that no slot passes unused.
const pacedHorizon = 2 * dueInterval

// Engine is what a Client needs of the engine beyond store.Store.
type Engine interface {
	// FetchPaced calls fetch with the number of the provider's slots that are free until the
	// horizon, and reserves as many as fetch returns. first is the time until the first.
	FetchPaced(
		ctx context.Context, p store.Pace, fetch func(ctx context.Context, in riverdriver.Executor, slots int) (int, error),
	) (first time.Duration, err error)
}

// route is the lines of a channel whose jobs go through one provider that cannot take them at once.
type route struct {
	provider channels.Provider
	most     int // that its breaker lets through
	lines    []store.BusyLine
}

// routes returns the busy lines by the provider that their jobs go through. Those that a worker
// may take at once, as far as providers are concerned, are free.
func (c *channelFetcher) routes(ctx context.Context) (free []store.BusyLine, slow []*route) {
	known := map[string]*route{}
	for _, line := range c.busy {
		provider := c.providerOf(line)
		r := known[provider.Name]
		if r == nil {
			r = &route{provider: provider, most: c.workers}
			if provider.Name != "" {
				r.most = c.admits(ctx, provider.Name, c.workers)
			}
			known[provider.Name] = r
			if provider.Interval > 0 || r.most < c.workers {
				slow = append(slow, r)
			}
		}
		if provider.Interval > 0 || r.most < c.workers {
			r.lines = append(r.lines, line)
		} else {
			free = append(free, line)
		}
	}
	return free, slow
}

// providerOf returns the provider that a line's jobs go through, as the Deliverer will choose it.
// It is the zero value for those that wait for none: tests, expired deliveries, and those of a
// provider that is not configured any more.
func (c *channelFetcher) providerOf(line store.BusyLine) channels.Provider {
	_, part, app := store.SplitQueue(line.Queue)
	registry := c.jobs.settings.Load().Registry
	if app == "" || part == channels.SimulatedProvider {
		return channels.Provider{}
	}
	if part == "" {
		provider, _ := registry.Provider(c.channel)
		return provider
	}
	for _, name := range registry.Providers(c.channel) {
		if store.LinePart(name) == part {
			provider, _ := registry.Named(name)
			return provider
		}
	}
	return channels.Provider{}
}

// fetchRoute takes jobs that go through one provider: as many as its breaker lets through and, with
// a rate limit, as it has slots. The others stay where they are, so their order stays, too.
func (c *channelFetcher) fetchRoute(
	ctx context.Context, in riverdriver.Executor, p *riverdriver.JobGetAvailableParams, r *route, most int,
	got *riverdriver.JobGetAvailableResult,
) error {
	most = min(most, r.most)
	switch {
	case most <= 0 || time.Now().Before(c.opens[r.provider.Name]):
		return nil
	case r.provider.Interval > 0:
		return c.fetchPaced(ctx, p, r, most, got)
	}
	return c.share(ctx, in, p, r.provider.Name, r.lines, most, got)
}

// fetchPaced takes as many jobs as there are slots within the horizon. The others stay where
// they are, so their order stays, too.
func (c *channelFetcher) fetchPaced(
	ctx context.Context, p *riverdriver.JobGetAvailableParams, r *route, most int, got *riverdriver.JobGetAvailableResult,
) error {
	pace := store.Pace{Provider: r.provider.Name, Interval: r.provider.Interval, Horizon: pacedHorizon}
	var taken riverdriver.JobGetAvailableResult
	began := time.Now()
	first, err := c.engine.FetchPaced(ctx, pace, func(ctx context.Context, in riverdriver.Executor, slots int) (int, error) {
		began = time.Now()
		taken = riverdriver.JobGetAvailableResult{DecodeErrors: map[int64]error{}}
		err := c.share(ctx, in, p, pace.Provider, r.lines, min(slots, most), &taken)
		return len(taken.Jobs), err
	})
	if err != nil {
		return err
	}
	next := began.Add(first)
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.slots, func(_ int64, s delivering.Slot) bool { return time.Since(s.At) > pacedHorizon })
	for _, job := range taken.Jobs {
		c.slots[job.ID] = delivering.Slot{Provider: pace.Provider, At: next}
		next = next.Add(pace.Interval)
	}
	c.opens[pace.Provider] = next.Add(-pacedHorizon)
	got.Jobs = append(got.Jobs, taken.Jobs...)
	maps.Copy(got.DecodeErrors, taken.DecodeErrors)
	return nil
}

// slot returns the slot that was reserved for a job; the zero value when none was.
func (c *channelFetcher) slot(job int64) delivering.Slot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.slots[job]
}

// waiting returns how many jobs were taken whose slots are ahead.
func (c *channelFetcher) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, s := range c.slots {
		if time.Now().Before(s.At) {
			n++
		}
	}
	return n
}
