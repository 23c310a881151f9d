package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
	"go.uber.org/zap"
	"riverqueue.com/riverui"
	"riverqueue.com/riverui/uiendpoints"

	"github.com/labring/sealos-notify/jobs/telling"
	"github.com/labring/sealos-notify/store"
)

const (
	// fetchCooldown is the shortest time between two fetches of a queue, and delays what comes
	// meanwhile. River's default of 100 ms would start at most ten times its workers a second. With
	// 1 ms the batches of a backlog are smaller and cost a fifth more.
	fetchCooldown = 2 * time.Millisecond
	// startPause is between two tries to start River.
	startPause = time.Second
	// pollInterval is how often queues are read when nothing announces jobs.
	pollInterval = 200 * time.Millisecond
	// orphansInterval and retentionInterval are how often the periodic jobs run.
	orphansInterval   = 30 * time.Second
	retentionInterval = time.Hour
	// stopGrace is the time that running jobs have beyond the provider's timeout to record
	// their outcomes when the client stops.
	stopGrace = 7 * time.Second
	// cutGrace is the time that River has to give back the jobs that were cut.
	cutGrace = 2 * time.Second
)

// droppedIndexes are those of River's that the schema does without. The reindexer would warn of them.
var droppedIndexes = []string{"river_job_args_index", "river_job_kind", "river_job_metadata_index"}

// Dispatcher is the `dispatcher` section: how River works the queues.
type Dispatcher struct {
	Enabled      bool          `yaml:"enabled" env:"ENABLED" doc:"work the queues; false makes an API-only replica"`
	Interval     time.Duration `yaml:"interval" env:"INTERVAL" doc:"fallback poll; new and due jobs are announced by LISTEN/NOTIFY"`
	BatchSize    int           `yaml:"batchSize" env:"BATCH_SIZE" doc:"workers for each channel's queue on this replica"`
	LeaseTimeout time.Duration `yaml:"leaseTimeout" env:"LEASE_TIMEOUT" doc:"a job running longer than this is taken from its worker; at least timeoutSeconds + 10s"`
}

// NewDispatcher returns the documented values.
func NewDispatcher() Dispatcher {
	return Dispatcher{Enabled: true, Interval: 10 * time.Second, BatchSize: 100, LeaseTimeout: 5 * time.Minute}
}

// Client works the queues. River's type parameter for transactions ends here.
type Client struct {
	// UI are the endpoints that River UI shows.
	UI uiendpoints.Bundle

	jobs     *Jobs
	id       string // as River notes who took a job
	lease    time.Duration
	room     <-chan struct{} // lines of events that had no room have some
	river    worker          // nil on a replica that does not work the queues
	stopLook func()          // ends announceDue and giveBackUntaken
}

// worker is the part of river.Client that has no type parameter.
type worker interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
}

// NewClient makes the River client of this replica, with the driver of the engine. With d.Enabled
// false it works nothing. A database that cannot announce jobs is polled.
func NewClient[TTx any](driver riverdriver.Driver[TTx], engine Engine, j *Jobs, d Dispatcher, announces bool, log *slog.Logger) (*Client, error) {
	config := &river.Config{Logger: log}
	var room <-chan struct{}
	if d.Enabled {
		fetcher := newFetcher(j, engine, d.BatchSize, d.LeaseTimeout)
		driver = fairDriver[TTx]{driver, fetcher}
		config = workingConfig(j, d, fetcher, log)
		room = fetcher.channels[store.EventQueue].room.again
		if !announces {
			config.PollOnly, config.FetchPollInterval = true, min(d.Interval, pollInterval)
		}
	}
	client, err := river.NewClient(driver, config)
	if err != nil {
		return nil, fmt.Errorf("river client: %w", err)
	}
	c := &Client{UI: riverui.NewEndpoints(client, nil), jobs: j, id: client.ID(), lease: d.LeaseTimeout, room: room, stopLook: func() {}}
	if d.Enabled {
		c.river = client
	}
	return c, nil
}

// workingConfig returns the configuration of a client that works: one queue for each channel,
// so that a provider that does not answer cannot hold up the other channels.
func workingConfig(j *Jobs, d Dispatcher, f *fetcher, log *slog.Logger) *river.Config {
	workers := river.NewWorkers()
	river.AddWorker(workers, &deliverWorker{deliverer: j.Deliverer, hand: &j.hand, fetcher: f})
	river.AddWorker(workers, &upkeepWorker[orphansArgs]{log: j.log, run: func(ctx context.Context) (bool, error) {
		return false, j.Orphans.CloseSparingly(ctx)
	}})
	river.AddWorker(workers, &upkeepWorker[retentionArgs]{log: j.log, run: j.Retention.Delete})
	river.AddWorker(workers, &expandWorker{accepter: j.Accepter, log: j.log})
	river.AddWorker(workers, &incidentWorker{control: j.Control, log: j.log})
	river.AddWorker(workers, &cardWorker{deliverer: j.Deliverer, log: j.log})
	river.AddWorker(workers, &askWorker{receipts: j.Receipts, log: j.log})
	river.AddWorker(workers, &tellWorker{teller: j.Teller, room: f.channels[store.EventQueue].room})

	// Two workers, so that a long deletion does not hold up the orphans.
	queues := map[string]river.QueueConfig{
		maintenanceQueue: {MaxWorkers: 2}, store.ExpandQueue: {MaxWorkers: expandWorkers}, store.AskQueue: {MaxWorkers: askWorkers},
		store.IncidentQueue: {MaxWorkers: incidentWorkers}, store.CardQueue: {MaxWorkers: cardWorkers},
	}
	for _, channel := range append(slices.Clone(j.channels), store.EventQueue) {
		queues[channel] = river.QueueConfig{MaxWorkers: d.BatchSize}
	}
	return &river.Config{
		Logger:            log,
		Hooks:             []rivertype.Hook{j.river},
		Middleware:        []rivertype.Middleware{recovering(j.log)},
		Workers:           workers,
		Queues:            queues,
		FetchPollInterval: d.Interval,
		FetchCooldown:     fetchCooldown,
		ReindexerIndexNames: slices.DeleteFunc(river.ReindexerIndexNamesDefault(), func(name string) bool {
			return slices.Contains(droppedIndexes, name)
		}),
		// The provider call has a timeout of its own. What remains until the rescue is for
		// recording its outcome while the database is unavailable.
		JobTimeout:           d.LeaseTimeout - time.Second,
		RescueStuckJobsAfter: d.LeaseTimeout,
		// Stop waits for running jobs and cuts them itself. Without this value the end of
		// Start's context would cut them.
		SoftStopTimeout: d.LeaseTimeout,
		PeriodicJobs: []*river.PeriodicJob{
			periodic("orphans", orphansInterval, orphansArgs{}),
			periodic("retention", retentionInterval, retentionArgs{}),
		},
	}
}

// Start begins to work the queues. The client runs until Stop: the end of ctx must not cut
// sends.
func (c *Client) Start(ctx context.Context) error {
	if c.river == nil {
		return nil
	}
	if err := c.startRiver(ctx); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	looking, stop := context.WithCancel(ctx)
	var look sync.WaitGroup
	look.Go(func() { c.jobs.announceDue(looking, c.room) })
	look.Go(func() { c.jobs.giveBackUntaken(looking, c.id, c.lease) })
	c.stopLook = func() { stop(); look.Wait() }
	c.jobs.Listening.Start()
	return nil
}

// startRiver starts River. It tries until ctx ends: River asks the database, which may be away
// again, or slow, and a replica that ended would only be started anew.
func (c *Client) startRiver(ctx context.Context) error {
	for {
		err := c.river.Start(context.WithoutCancel(ctx))
		if err == nil {
			return nil
		}
		err = fmt.Errorf("start river: %w", err)
		c.jobs.log.Warn("waiting for the database", zap.Error(err))
		select {
		case <-ctx.Done():
			return err
		case <-time.After(startPause):
		}
	}
}

// StopTime returns the longest that Stop takes: timeoutSeconds, at least 10 seconds, and 9 seconds more.
func (c *Client) StopTime() time.Duration {
	if c.river == nil {
		return 0
	}
	return c.patience() + cutGrace
}

// patience returns how long Stop waits for running jobs.
func (c *Client) patience() time.Duration {
	return max(c.jobs.settings.Load().LongestTimeout(), telling.Timeout) + stopGrace
}

// Stop fetches no more jobs and waits for the running ones, for their provider call and their
// record: at most timeoutSeconds, at least 10 seconds, and 7 seconds more. A job that is not over by then is abandoned,
// and another worker rescues it later.
func (c *Client) Stop() error {
	if c.river == nil {
		return nil
	}
	c.stopLook()
	c.jobs.Deliverer.Stop()
	c.jobs.Receipts.Stop()
	c.jobs.Retention.Stop()
	c.jobs.Accepter.StopExpanding()
	var stopping sync.WaitGroup
	stopping.Go(c.jobs.Listening.Stop)
	defer stopping.Wait() // it takes less than the jobs may
	ctx, cancel := context.WithTimeout(context.Background(), c.patience())
	defer cancel()
	err := c.river.Stop(ctx)
	if err == nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	ctx, cancel = context.WithTimeout(context.Background(), cutGrace)
	defer cancel()
	return c.river.StopAndCancel(ctx)
}
