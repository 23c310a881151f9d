package jobs

import (
	"cmp"
	"context"
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
	// lookAge is how long the lines that were found busy are taken from, while they have as
	// many jobs as there are workers. Of others that become busy, notifications tell.
	lookAge = time.Second
	// mostPortions bounds the statements of a fetch, where many lines are busy.
	mostPortions = 8
	// mostNews bounds the queues that are noted between two fetches.
	mostNews = 100
)

// fetcher fetches jobs for the workers of one client. River works one queue for each channel and
// asks for its jobs here (fair.go). They wait in lines, each of which is a queue of River's, too
// (store.Line). A fetch takes few jobs, or none, from lines whose provider has a rate limit or an
// open breaker (paced.go), and gives the other workers to the other lines. Among lines apps take
// turns (share).
type fetcher struct {
	jobs     *Jobs
	engine   Engine
	admits   func(ctx context.Context, p channels.Provider, most int) (n int, elsewhere bool) // Deliverer.Admits
	workers  int                                                                              // of each channel
	channels map[string]*channelFetcher
}

func newFetcher(j *Jobs, engine Engine, workers int, lease time.Duration) *fetcher {
	f := &fetcher{jobs: j, engine: engine, admits: j.Deliverer.Admits, workers: workers, channels: map[string]*channelFetcher{}}
	for _, channel := range j.channels {
		f.channels[channel] = &channelFetcher{
			fetcher: f, channel: channel, turns: map[string]*turns.Turns{}, opens: map[string]time.Time{},
			slots: map[int64]delivering.Slot{},
		}
	}
	f.channels[store.EventQueue] = &channelFetcher{
		fetcher: f, channel: store.EventQueue, turns: map[string]*turns.Turns{}, room: newRoom(workers, lease),
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
	room     *room                   // of each line; nil: one may take all workers

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
	free, slow := c.routes(ctx)
	for _, r := range slow {
		most := p.MaxToLock - len(got.Jobs)
		if len(free) > 0 { // workers that wait for slots must leave some for what need not wait
			most = min(most, max(1, c.workers/2)-c.waiting())
		}
		if err := c.fetchRoute(ctx, in, p, r, most, got); err != nil {
			return err
		}
	}
	return c.share(ctx, in, p, "", free, p.MaxToLock-len(got.Jobs), got)
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
		asked := line.MaxToLock
		if line.MaxToLock = c.room.of(line.Queue, asked); line.MaxToLock == 0 {
			c.room.lack()
			lines = slices.Delete(lines, next, next+1)
			continue
		}
		taken, err := in.JobGetAvailable(ctx, &line)
		if err != nil {
			return err
		}
		c.room.enter(taken.Jobs)
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
		} else if line.MaxToLock < asked {
			c.room.lack()
		}
	}
	return nil
}

// inOrder orders the jobs of a line as River does. The statement that takes them does not.
func inOrder(a, b *rivertype.JobRow) int {
	return cmp.Or(cmp.Compare(a.Priority, b.Priority), a.ScheduledAt.Compare(b.ScheduledAt), cmp.Compare(a.ID, b.ID))
}
