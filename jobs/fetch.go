package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/delivering"
	"github.com/labring/sealos-notify/jobs/turns"
	"github.com/labring/sealos-notify/store"
)

const (
	// pacedHorizon is how far ahead jobs are taken for the slots of a provider with a rate
	// limit. What is more urgent, or another app's, waits for those that were taken. It exceeds
	// the time between two looks for due jobs, so that no slot passes unused.
	pacedHorizon = 2 * dueInterval
	// lookAge is how long the lines that were found busy are taken from, while they have as
	// many jobs as there are workers. Of others that become busy, notifications tell.
	lookAge = time.Second
	// mostPortions bounds the statements of a fetch, where many lines are busy.
	mostPortions = 8
	// mostNews bounds the queues that are noted between two fetches.
	mostNews = 100
)

// Engine is what a Client needs of the engine beyond store.Store.
type Engine interface {
	// FetchPaced calls fetch with the number of the provider's slots that are free until the
	// horizon, and reserves as many as fetch returns. first is the time until the first.
	FetchPaced(
		ctx context.Context, p store.Pace, fetch func(ctx context.Context, in riverdriver.Executor, slots int) (int, error),
	) (first time.Duration, err error)
}

// fairDriver is River's driver, but a queue that is worked stands for its lines: a fetch takes
// their jobs by turns.
type fairDriver[TTx any] struct {
	riverdriver.Driver[TTx]
	fetcher *fetcher
}

// GetExecutor implements riverdriver.Driver.
func (d fairDriver[TTx]) GetExecutor() riverdriver.Executor {
	return fairExecutor{d.Driver.GetExecutor(), d.fetcher}
}

// GetListener implements riverdriver.Driver.
func (d fairDriver[TTx]) GetListener(p *riverdriver.GetListenenerParams) riverdriver.Listener {
	return lineListener{d.Driver.GetListener(p), d.fetcher}
}

type fairExecutor struct {
	riverdriver.Executor
	fetcher *fetcher
}

// JobGetAvailable implements riverdriver.Executor.
func (e fairExecutor) JobGetAvailable(ctx context.Context, p *riverdriver.JobGetAvailableParams) (*riverdriver.JobGetAvailableResult, error) {
	if c := e.fetcher.channels[p.Queue]; c != nil {
		return c.fetch(ctx, e.Executor, p)
	}
	return e.Executor.JobGetAvailable(ctx, p)
}

// lineListener hears of the jobs in lines, notes which lines they are in, and passes the
// notifications on to the queue of the channel, which is the one that is worked.
type lineListener struct {
	riverdriver.Listener
	fetcher *fetcher
}

// WaitForNotification implements riverdriver.Listener.
func (l lineListener) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	n, err := l.Listener.WaitForNotification(ctx)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	var queue string
	if json.Unmarshal([]byte(n.Payload), &fields) != nil || json.Unmarshal(fields["queue"], &queue) != nil {
		return n, nil // of no queue
	}
	channel, _, _ := store.SplitQueue(queue)
	c := l.fetcher.channels[channel]
	if c == nil {
		return n, nil
	}
	if len(fields) == 1 {
		c.heard(queue)
	}
	if fields["queue"], err = json.Marshal(channel); err != nil {
		return nil, err
	}
	payload, err := json.Marshal(fields)
	n.Payload = string(payload)
	return n, err
}

// fetcher fetches jobs for the workers of one client.
type fetcher struct {
	jobs     *Jobs
	engine   Engine
	workers  int // of each channel
	channels map[string]*channelFetcher
}

func newFetcher(j *Jobs, engine Engine, workers int) *fetcher {
	f := &fetcher{jobs: j, engine: engine, workers: workers, channels: map[string]*channelFetcher{}}
	for _, channel := range j.channels {
		f.channels[channel] = &channelFetcher{
			fetcher: f, channel: channel, turns: map[string]*turns.Turns{}, opens: map[string]time.Time{},
			slots: map[int64]delivering.Slot{},
		}
	}
	return f
}

// channelFetcher fetches the jobs of one channel. River fetches once at a time.
type channelFetcher struct {
	*fetcher
	channel  string
	busy     []store.BusyLine // as they were found, without those that proved empty since
	lookedAt time.Time
	turns    map[string]*turns.Turns // by provider; "" is for those without a rate limit
	opens    map[string]time.Time    // by provider: before that no slot is within the horizon

	mu    sync.Mutex
	news  []string                  // the queues that were heard of since the last fetch
	slots map[int64]delivering.Slot // by job
}

// heard notes that a queue has new or due jobs.
func (c *channelFetcher) heard(queue string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.news) <= mostNews && !slices.Contains(c.news, queue) {
		c.news = append(c.news, queue)
	}
}

// takeNews adds the queues that were heard of to those that are busy. It reports whether there
// were some, and whether a look is needed to know them all.
func (c *channelFetcher) takeNews() (some, look bool) {
	c.mu.Lock()
	news := c.news
	c.news = nil
	c.mu.Unlock()
	for _, queue := range news {
		if !slices.ContainsFunc(c.busy, func(l store.BusyLine) bool { return l.Queue == queue }) {
			c.busy = append(c.busy, store.BusyLine{Queue: queue, Priority: store.PriorityNormal.InQueue(), Due: time.Now()})
		}
		look = look || queue == c.channel
	}
	return len(news) > 0, look || len(news) > mostNews
}

// fetch takes at most p.MaxToLock jobs of the channel's lines. Usually it knows the lines from
// notifications. It looks for them when it was woken without any, unless those that it found busy
// before have enough.
func (c *channelFetcher) fetch(
	ctx context.Context, in riverdriver.Executor, p *riverdriver.JobGetAvailableParams,
) (*riverdriver.JobGetAvailableResult, error) {
	got := &riverdriver.JobGetAvailableResult{DecodeErrors: map[int64]error{}}
	heard, look := c.takeNews()
	look = look || !heard && (len(c.busy) == 0 || time.Since(c.lookedAt) > lookAge)
	var err error
	if !look {
		err = c.fetchFrom(ctx, in, p, got)
		look = err == nil && !heard && len(got.Jobs) < p.MaxToLock
	}
	if look {
		if c.busy, err = c.jobs.queues.BusyLines(ctx, c.channel); err == nil {
			c.lookedAt = time.Now()
			err = c.fetchFrom(ctx, in, p, got)
		}
	}
	if len(got.Jobs) > 0 {
		err = nil // they are taken; the next fetch meets the error again
	}
	return got, err
}

// fetchFrom takes jobs of the lines that are known to be busy.
func (c *channelFetcher) fetchFrom(
	ctx context.Context, in riverdriver.Executor, p *riverdriver.JobGetAvailableParams, got *riverdriver.JobGetAvailableResult,
) error {
	paces, lines := map[string]store.Pace{}, map[string][]store.BusyLine{}
	for _, line := range c.busy {
		pace := c.paceOf(line)
		paces[pace.Provider] = pace
		lines[pace.Provider] = append(lines[pace.Provider], line)
	}
	free := lines[""]
	delete(lines, "")
	for _, provider := range slices.Sorted(maps.Keys(lines)) {
		most := p.MaxToLock - len(got.Jobs)
		if len(free) > 0 { // workers that wait for slots must leave some for what need not wait
			most = min(most, max(1, c.workers/2)-c.waiting())
		}
		if most <= 0 || time.Now().Before(c.opens[provider]) {
			continue
		}
		if err := c.fetchPaced(ctx, p, paces[provider], lines[provider], most, got); err != nil {
			return err
		}
	}
	return c.share(ctx, in, p, "", free, p.MaxToLock-len(got.Jobs), got)
}

// paceOf returns the pace of the provider that a line's jobs go through. Its Provider is empty
// where there is no limit.
func (c *channelFetcher) paceOf(line store.BusyLine) store.Pace {
	_, part, app := store.SplitQueue(line.Queue)
	if app == "" || part == channels.SimulatedProvider {
		return store.Pace{}
	}
	registry := c.jobs.settings.Load().Registry
	provider, _ := registry.Provider(c.channel)
	for _, name := range registry.Providers(c.channel) {
		if part != "" && store.LinePart(name) == part {
			provider, _ = registry.Named(name)
		}
	}
	if provider.Interval <= 0 {
		return store.Pace{}
	}
	return store.Pace{Provider: provider.Name, Interval: provider.Interval, Horizon: pacedHorizon}
}

// fetchPaced takes as many jobs as there are slots within the horizon. The others stay where
// they are, so their order stays, too.
func (c *channelFetcher) fetchPaced(
	ctx context.Context, p *riverdriver.JobGetAvailableParams, pace store.Pace, lines []store.BusyLine, most int,
	got *riverdriver.JobGetAvailableResult,
) error {
	var taken riverdriver.JobGetAvailableResult
	began := time.Now()
	first, err := c.engine.FetchPaced(ctx, pace, func(ctx context.Context, in riverdriver.Executor, slots int) (int, error) {
		began = time.Now()
		taken = riverdriver.JobGetAvailableResult{DecodeErrors: map[int64]error{}}
		err := c.share(ctx, in, p, pace.Provider, lines, min(slots, most), &taken)
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

// share takes at most so many jobs of a provider's lines, by turns.
func (c *channelFetcher) share(
	ctx context.Context, in riverdriver.Executor, p *riverdriver.JobGetAvailableParams,
	provider string, lines []store.BusyLine, most int, got *riverdriver.JobGetAvailableResult,
) error {
	t := c.turns[provider]
	if t == nil {
		t = &turns.Turns{}
		c.turns[provider] = t
	}
	t.Forget(lines)
	lines = slices.Clone(lines)
	for most > 0 && len(lines) > 0 {
		next := t.Next(lines)
		line := *p
		line.Queue = lines[next].Queue
		if line.MaxToLock = most; len(lines) > 1 {
			line.MaxToLock = (most + min(2*len(lines), mostPortions) - 1) / min(2*len(lines), mostPortions)
		}
		taken, err := in.JobGetAvailable(ctx, &line)
		if err != nil {
			return err
		}
		slices.SortFunc(taken.Jobs, inOrder)
		_, _, app := store.SplitQueue(line.Queue)
		for _, job := range taken.Jobs {
			t.Charge(line.Queue, turns.Cost(job.Priority, c.jobs.weight(app)))
		}
		got.Jobs = append(got.Jobs, taken.Jobs...)
		maps.Copy(got.DecodeErrors, taken.DecodeErrors)
		most -= len(taken.Jobs)
		if len(taken.Jobs) < line.MaxToLock {
			c.busy = slices.DeleteFunc(c.busy, func(l store.BusyLine) bool { return l.Queue == line.Queue })
			lines = slices.Delete(lines, next, next+1)
		}
	}
	return nil
}

// inOrder orders the jobs of a line as River does. The statement that takes them does not.
func inOrder(a, b *rivertype.JobRow) int {
	return cmp.Or(cmp.Compare(a.Priority, b.Priority), a.ScheduledAt.Compare(b.ScheduledAt), cmp.Compare(a.ID, b.ID))
}
