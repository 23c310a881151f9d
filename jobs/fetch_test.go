package jobs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

// table is River's table and the slots of providers, in memory and in virtual time.
type table struct {
	store.Queues
	riverdriver.Executor

	mu    sync.Mutex
	jobs  []*rivertype.JobRow // that wait
	last  int64               // id
	next  map[string]time.Time
	calls int // of JobGetAvailable
	looks int // of BusyLines
}

// add adds jobs of an app.
func (f *table) add(provider, app string, priority, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range n {
		f.last++
		f.jobs = append(f.jobs, &rivertype.JobRow{
			ID: f.last, Queue: store.Line{Channel: "test", Provider: provider, AppID: app}.Queue(), Priority: priority, ScheduledAt: time.Now(),
		})
	}
}

// BusyLines implements store.Queues.
func (f *table) BusyLines(context.Context, string) ([]store.BusyLine, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks++
	lines := map[string]store.BusyLine{}
	for _, j := range f.jobs {
		if l, known := lines[j.Queue]; !known {
			lines[j.Queue] = store.BusyLine{Queue: j.Queue, Priority: j.Priority, Due: j.ScheduledAt}
		} else if j.Priority < l.Priority {
			l.Priority = j.Priority
			lines[j.Queue] = l
		}
	}
	var busy []store.BusyLine
	for _, l := range lines {
		busy = append(busy, l)
	}
	return busy, nil
}

// JobGetAvailable implements riverdriver.Executor.
func (f *table) JobGetAvailable(ctx context.Context, p *riverdriver.JobGetAvailableParams) (*riverdriver.JobGetAvailableResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return transaction{f}.JobGetAvailable(ctx, p)
}

// transaction is a table whose lock is held.
type transaction struct{ *table }

// JobGetAvailable implements riverdriver.Executor.
func (f transaction) JobGetAvailable(_ context.Context, p *riverdriver.JobGetAvailableParams) (*riverdriver.JobGetAvailableResult, error) {
	f.calls++
	var line []*rivertype.JobRow
	for _, j := range f.jobs {
		if j.Queue == p.Queue {
			line = append(line, j)
		}
	}
	slices.SortStableFunc(line, func(a, b *rivertype.JobRow) int { return cmp.Compare(a.Priority, b.Priority) })
	line = line[:min(len(line), p.MaxToLock)]
	f.jobs = slices.DeleteFunc(f.jobs, func(j *rivertype.JobRow) bool { return slices.Contains(line, j) })
	slices.Reverse(line) // the statement that takes them has no order
	return &riverdriver.JobGetAvailableResult{Jobs: line}, nil
}

// FetchPaced implements Engine.
func (f *table) FetchPaced(
	ctx context.Context, p store.Pace, fetch func(context.Context, riverdriver.Executor, int) (int, error),
) (time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next == nil {
		f.next = map[string]time.Time{}
	}
	slot := f.next[p.Provider]
	if slot.Before(time.Now()) {
		slot = time.Now()
	}
	first := time.Until(slot)
	if first > p.Horizon {
		return first, nil
	}
	n, err := fetch(ctx, transaction{f}, 1+int((p.Horizon-first)/p.Interval))
	f.next[p.Provider] = slot.Add(time.Duration(n) * p.Interval)
	return first, err
}

// sent is a job that was sent in a simulation.
type sent struct {
	app      string
	priority int
	at       time.Duration // from the start
}

// simulation lets replicas work a table.
type simulation struct {
	*table
	t        *testing.T
	jobs     *Jobs
	replicas int
	workers  int
	takes    time.Duration // each call

	started time.Time
	mu      sync.Mutex
	sent    []sent
	wakes   []chan struct{}

	fetchers []*fetcher
	admitted func(provider string, most int) int // nil: no breaker is open
}

func newSimulation(t *testing.T, interval time.Duration, replicas int) *simulation {
	t.Helper()
	s := &simulation{table: &table{}, t: t, replicas: replicas, workers: 100, started: time.Now()}
	s.jobs = &Jobs{channels: []string{"test"}, queues: s.table, settings: &settings.Live{}}
	s.jobs.weights.Store(&map[string]int{})
	s.jobs.settings.Store(&settings.Settings{Registry: channels.NewRegistry(map[string]channels.Provider{
		"test": {Name: "p", Type: channels.Type{Channel: "test"}, Interval: interval},
	}, channels.Provider{Name: "fast", Type: channels.Type{Channel: "test"}})})
	return s
}

func (s *simulation) fetcher(workers int) *fetcher {
	f := newFetcher(s.jobs, s.table, workers, time.Minute)
	f.admits = func(_ context.Context, p channels.Provider, most int) (int, bool) {
		if s.admitted == nil {
			return most, false
		}
		return s.admitted(p.Name, most), false
	}
	return f
}

// run works the table for the time. Replicas look for jobs once a second, when they are told of
// new ones, and when a worker is free after a fetch that had no more workers.
func (s *simulation) run(d time.Duration) {
	ctx, cancel := context.WithTimeout(s.t.Context(), d)
	defer cancel()
	var all sync.WaitGroup
	for range s.replicas {
		wake := make(chan struct{}, 1)
		s.wakes = append(s.wakes, wake)
		f := s.fetcher(s.workers)
		s.fetchers = append(s.fetchers, f)
		all.Go(func() { s.replica(ctx, f, wake) })
	}
	all.Wait()
	s.wakes = nil
	slices.SortFunc(s.sent, func(a, b sent) int { return cmp.Compare(a.at, b.at) })
}

func (s *simulation) replica(ctx context.Context, f *fetcher, wake chan struct{}) {
	var working sync.WaitGroup
	defer working.Wait()
	free := make(chan struct{}, s.workers)
	for range s.workers {
		free <- struct{}{}
	}
	full := false
	ticker := time.NewTicker(dueInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if n := len(free); n > 0 {
			got, err := f.channels["test"].fetch(ctx, s.table, &riverdriver.JobGetAvailableParams{Queue: "test", MaxToLock: n})
			require.NoError(s.t, err)
			full = len(got.Jobs) == n
			for _, job := range got.Jobs {
				<-free
				working.Go(func() {
					s.work(f, job)
					free <- struct{}{}
				})
			}
		}
		if full {
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Millisecond):
			}
			continue
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-ticker.C:
		}
	}
}

func (s *simulation) work(f *fetcher, job *rivertype.JobRow) {
	if slot := f.channels["test"].slot(job.ID); slot.Provider != "" {
		time.Sleep(time.Until(slot.At))
	}
	_, _, app := store.SplitQueue(job.Queue)
	s.mu.Lock()
	s.sent = append(s.sent, sent{app, job.Priority, time.Since(s.started)})
	s.mu.Unlock()
	time.Sleep(s.takes)
}

// later adds jobs at a time, and tells the replicas of them.
func (s *simulation) later(at time.Duration, provider, app string, priority, n int) {
	time.AfterFunc(at, func() {
		s.add(provider, app, priority, n)
		for _, f := range s.fetchers {
			f.channels["test"].heard(store.Line{Channel: "test", Provider: provider, AppID: app}.Queue())
		}
		for _, wake := range s.wakes {
			select {
			case wake <- struct{}{}:
			default:
			}
		}
	})
}

// when returns the times at which an app's jobs of a priority were sent.
func (s *simulation) when(app string, priority int) (times []time.Duration) {
	for _, x := range s.sent {
		if x.app == app && x.priority == priority {
			times = append(times, x.at)
		}
	}
	return times
}

const high, normal = 1, 2

// Behind a rate limit, one message of another app starts within two of its turns and five
// seconds, however many wait; no slot passes unused and none is taken twice; on any number of
// replicas.
func TestPaceGivesASingleMessageItsTurn(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{10 * time.Millisecond, 200 * time.Millisecond, time.Second, 12 * time.Second, time.Minute} {
		for _, replicas := range []int{1, 3, 10} {
			t.Run(fmt.Sprint(interval, " on ", replicas), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := newSimulation(t, interval, replicas)
					s.add("", "a", normal, 3000)
					began := 3*interval + 300*time.Millisecond
					s.later(began, "", "b", normal, 1)
					length := 20*interval + 10*time.Second
					s.run(length)
					b := s.when("b", normal)
					require.Len(t, b, 1)
					require.LessOrEqual(t, b[0]-began, 2*2*interval+5*time.Second)
					for i, x := range s.sent {
						require.Equal(t, time.Duration(i)*interval, x.at, "each slot is used")
						if x.at > length {
							break // those that were taken at the end
						}
					}
				})
			})
		}
	}
}

// Two busy apps have half of the slots each; three a third.
func TestPaceSharesSlots(t *testing.T) {
	t.Parallel()
	for _, replicas := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			s := newSimulation(t, 200*time.Millisecond, replicas)
			s.add("", "a", normal, 3000)
			s.later(time.Minute, "", "b", normal, 3000)
			s.run(2 * time.Minute)
			var late int
			for _, at := range s.when("b", normal) {
				if at < 2*time.Minute {
					late++
				}
			}
			require.InDelta(t, 150, late, 15)
		})
	}
}

// Behind a rate limit, `high` goes before `normal` of the same app, and one app's crowd of
// `high` stops neither another's `high` nor its `normal`.
func TestPaceKeepsPriorities(t *testing.T) {
	t.Parallel()
	for _, replicas := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			const interval = 600 * time.Millisecond
			s := newSimulation(t, interval, replicas)
			s.add("", "a", normal, 1000)
			s.later(10*time.Second, "", "a", high, 100)
			s.later(20*time.Second, "", "b", high, 3)
			s.later(20*time.Second+time.Millisecond, "", "b", normal, 1)
			s.run(80 * time.Second)
			urgent := s.when("a", high)
			require.NotEmpty(t, urgent)
			for _, at := range s.when("a", normal) {
				// Those that were taken before have their slots.
				require.False(t, at > urgent[0] && at < urgent[len(urgent)-1] && at > 10*time.Second+pacedHorizon+interval, "a normal one at %v", at)
			}
			others := s.when("b", high)
			require.Len(t, others, 3)
			require.Less(t, others[0], 20*time.Second+2*2*interval+5*time.Second)
			require.Less(t, others[2], 20*time.Second+8*2*interval+5*time.Second)
			plain := s.when("b", normal)
			require.Len(t, plain, 1)
			require.Greater(t, plain[0], others[2])
			require.Less(t, plain[0], 35*time.Second)
		})
	}
}

// What waits follows its channel to another provider, at that one's pace.
func TestPaceFollowsTheChannel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, time.Minute, 1)
		s.add("", "a", normal, 1000)
		time.AfterFunc(10*time.Second, func() {
			test := channels.Type{Channel: "test"}
			s.jobs.settings.Store(&settings.Settings{Registry: channels.NewRegistry(map[string]channels.Provider{
				"test": {Name: "other", Type: test, Interval: 100 * time.Millisecond},
			}, channels.Provider{Name: "p", Type: test, Interval: time.Minute})})
		})
		s.run(30 * time.Second)
		require.InDelta(t, 200, len(s.sent), 25)
	})
}

// A provider that is behind its limit leaves workers for the others of its channel.
func TestPaceLeavesWorkers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, 5*time.Millisecond, 1)
		s.workers, s.takes = 20, 10*time.Millisecond
		s.add("", "a", normal, 5000)
		s.later(time.Second, "fast", "a", normal, 1000)
		s.run(10 * time.Second)
		require.GreaterOrEqual(t, len(s.sent), 2000, "both go on")
		require.Less(t, len(s.table.jobs), 4000)
	})
}

// On a fast vendor a single message is among the next that are taken, and busy apps have equal
// shares, by their weights.
func TestFetchByTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, 0, 2)
		s.takes = 200 * time.Millisecond
		s.jobs.weights.Store(&map[string]int{"heavy": 3})
		s.add("", "a", normal, 10_000)
		s.later(time.Second, "", "single", normal, 1)
		s.later(2*time.Second, "", "heavy", normal, 10_000)
		s.run(5 * time.Second)
		single := s.when("single", normal)
		require.Len(t, single, 1)
		require.Less(t, single[0], time.Second+2*s.takes)
		heavy, a := 0, 0
		for _, x := range s.sent {
			if x.at > 2*time.Second+s.takes {
				if x.app == "heavy" {
					heavy++
				} else {
					a++
				}
			}
		}
		require.InDelta(t, 3, float64(heavy)/float64(a), 0.2)
	})
}

// Behind an open breaker jobs stay where they are, and the others of the channel have all workers. A
// probe is one job. When the breaker closes, apps take turns, the oldest first.
func TestFetchHoldsBehindABreaker(t *testing.T) {
	t.Parallel()
	for name, interval := range map[string]time.Duration{"fast": 0, "paced": 10 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSimulation(t, interval, 1)
				open, probe := true, false
				s.admitted = func(provider string, most int) int {
					one := provider == "p" && probe
					probe = probe && !one
					switch {
					case one:
						return 1
					case provider == "p" && open:
						return 0
					}
					return most
				}
				s.takes = 100 * time.Millisecond
				s.add("", "a", normal, 500)
				s.add("", "b", normal, 500)
				s.add("fast", "c", normal, 3000)
				time.AfterFunc(5*time.Second, func() { probe = true })
				time.AfterFunc(10*time.Second, func() { open = false })
				s.run(40 * time.Second)

				var early int
				last := map[string]time.Duration{}
				var after []string
				for _, x := range s.sent {
					if x.app == "c" {
						last["c"] = x.at
						continue
					}
					if x.at < 10*time.Second {
						early++
					} else {
						after = append(after, x.app)
					}
				}
				require.Equal(t, 1, early, "the probe")
				require.Less(t, last["c"], 4*time.Second, "with all workers")
				require.Len(t, after, 999)
				a := 0
				for _, app := range after[:400] {
					if app == "a" {
						a++
					}
				}
				require.InDelta(t, 200, a, 25)
			})
		})
	}
}

// One app alone costs one statement for a fetch.
func TestFetchOfOneApp(t *testing.T) {
	t.Parallel()
	s := newSimulation(t, 0, 1)
	s.add("", "a", normal, 1000)
	f := s.fetcher(100).channels["test"]
	for range 10 {
		got, err := f.fetch(t.Context(), s.table, &riverdriver.JobGetAvailableParams{Queue: "test", MaxToLock: 100})
		require.NoError(t, err)
		require.Len(t, got.Jobs, 100)
		require.True(t, slices.IsSortedFunc(got.Jobs, func(a, b *rivertype.JobRow) int { return cmp.Compare(a.ID, b.ID) }))
	}
	require.Equal(t, 10, s.calls)
}

// listener hears what the test says.
type listener struct {
	riverdriver.Listener
	payload string
}

func (l listener) WaitForNotification(context.Context) (*riverdriver.Notification, error) {
	return &riverdriver.Notification{Payload: l.payload}, nil
}

// A line's notifications reach the queue that is worked, and say where jobs are.
func TestLineListener(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]string{
		`{"queue": "test|smtp|app"}`:                                       `{"queue":"test"}`,
		`{"action":"cancel","job_id":9007199254740993,"queue":"test|a|b"}`: `{"action":"cancel","job_id":9007199254740993,"queue":"test"}`,
		`{"queue": "other|a|b"}`:                                           `{"queue": "other|a|b"}`,
		`{"leader":"x"}`:                                                   `{"leader":"x"}`,
		`|`:                                                                `|`,
	} {
		s := newSimulation(t, 0, 1)
		f := s.fetcher(100)
		n, err := lineListener{listener{payload: payload}, f}.WaitForNotification(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, n.Payload)
		require.Equal(t, payload == `{"queue": "test|smtp|app"}`, len(f.channels["test"].news) == 1, payload)
	}
}

// A fetch that was told of a line asks the database once. One that was told of many, or of none,
// looks for all.
func TestFetchOfNews(t *testing.T) {
	t.Parallel()
	s := newSimulation(t, 0, 1)
	f := s.fetcher(100).channels["test"]
	fetch := func() (jobs, looks, calls int) {
		looks, calls = s.looks, s.calls
		got, err := f.fetch(t.Context(), s.table, &riverdriver.JobGetAvailableParams{Queue: "test", MaxToLock: 100})
		require.NoError(t, err)
		return len(got.Jobs), s.looks - looks, s.calls - calls
	}
	for range 3 {
		s.add("", "a", normal, 1)
		f.heard("test|a")
		jobs, looks, calls := fetch()
		require.Equal(t, []int{1, 0, 1}, []int{jobs, looks, calls})
	}
	s.add("", "b", normal, 1)
	f.heard("test")
	jobs, looks, _ := fetch()
	require.Equal(t, []int{1, 1}, []int{jobs, looks})
	s.add("", "c", normal, 1)
	jobs, looks, _ = fetch()
	require.Equal(t, []int{1, 1}, []int{jobs, looks})
	for i := range 200 {
		s.add("", fmt.Sprint("app", i), normal, 1)
		f.heard(fmt.Sprint("test|app", i))
	}
	jobs, looks, _ = fetch()
	require.Equal(t, []int{100, 1}, []int{jobs, looks})
	require.GreaterOrEqual(t, len(f.busy), 100, "the others are known")
}
