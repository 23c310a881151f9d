package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
	"riverqueue.com/riverui"
	"riverqueue.com/riverui/uiendpoints"
)

// fetchCooldown is the shortest time between two fetches of a queue. River's own
// default of 100 ms would add that much to each delivery, and let a queue start no
// more than its workers ten times a second.
const fetchCooldown = 5 * time.Millisecond

// maintenanceQueue carries the periodic jobs, apart from what people wait for.
const maintenanceQueue = "maintenance"

// Client works the queues. River's type parameter for transactions ends here.
type Client struct {
	// UI are the endpoints that River UI shows.
	UI uiendpoints.Bundle

	service *Service
	worker  worker // nil on a replica that does not work the queues
}

// worker is the part of river.Client without its type parameter.
type worker interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
}

// NewClient makes the River client of this replica: one queue for each channel,
// so that a dead provider cannot hold up the others. With d.Enabled false it
// works nothing.
func NewClient[TTx any](driver riverdriver.Driver[TTx], s *Service, d Dispatcher, log *slog.Logger) (*Client, error) {
	cfg := &river.Config{Logger: log}
	if d.Enabled {
		workers := river.NewWorkers()
		river.AddWorker(workers, &deliverWorker{service: s})
		river.AddWorker(workers, &reconcileWorker{service: s})
		river.AddWorker(workers, &retentionWorker{service: s})

		// Two, so that a long deletion does not hold up the reconciler.
		queues := map[string]river.QueueConfig{maintenanceQueue: {MaxWorkers: 2}}
		for channel := range s.types {
			queues[channel] = river.QueueConfig{MaxWorkers: d.BatchSize}
		}

		cfg.Hooks = []rivertype.Hook{s.metrics.river}
		cfg.Workers = workers
		cfg.Queues = queues
		cfg.FetchPollInterval = d.Interval
		cfg.FetchCooldown = fetchCooldown
		cfg.ReindexerIndexNames = slices.DeleteFunc(river.ReindexerIndexNamesDefault(), dropped)
		cfg.RescueStuckJobsAfter = d.LeaseTimeout
		// The provider call is bounded by itself. What is left until the rescue is
		// for recording its outcome, should the database be away.
		cfg.JobTimeout = d.LeaseTimeout - time.Second
		// Stop waits for running jobs and cuts them itself; without this value
		// the end of Start's context would be a hard stop.
		cfg.SoftStopTimeout = d.LeaseTimeout
		cfg.PeriodicJobs = []*river.PeriodicJob{
			river.NewPeriodicJob(river.PeriodicInterval(reconcileInterval), func() (river.JobArgs, *river.InsertOpts) {
				return reconcileArgs{}, &river.InsertOpts{Queue: maintenanceQueue, MaxAttempts: 1}
			}, &river.PeriodicJobOpts{ID: "reconcile", RunOnStart: true}),
			river.NewPeriodicJob(river.PeriodicInterval(retentionInterval), func() (river.JobArgs, *river.InsertOpts) {
				return retentionArgs{}, &river.InsertOpts{Queue: maintenanceQueue, MaxAttempts: 1}
			}, &river.PeriodicJobOpts{ID: "retention", RunOnStart: true}),
		}
	}
	rc, err := river.NewClient(driver, cfg)
	if err != nil {
		return nil, fmt.Errorf("river client: %w", err)
	}
	c := &Client{UI: riverui.NewEndpoints(rc, nil), service: s}
	if d.Enabled {
		c.worker = rc
	}
	return c, nil
}

// dropped says whether our schema does without an index of River's.
func dropped(index string) bool {
	return index == "river_job_args_index" || index == "river_job_metadata_index"
}

// Start begins to work the queues. The client runs until Stop: it is detached
// from ctx, whose end must not cut sends.
func (c *Client) Start(ctx context.Context) error {
	if c.worker == nil {
		return nil
	}
	if err := c.worker.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start river: %w", err)
	}
	return nil
}

// stopGrace is what running jobs have beyond the provider's timeout when the
// client stops, to record their outcomes.
const stopGrace = 7 * time.Second

// cutGrace is what River has to put jobs back that were cut.
const cutGrace = 2 * time.Second

// StopTime is the longest that Stop takes: timeoutSeconds and 9 seconds.
func (c *Client) StopTime() time.Duration {
	if c.worker == nil {
		return 0
	}
	return c.patience() + cutGrace
}

// patience is how long Stop waits for running jobs.
func (c *Client) patience() time.Duration {
	return c.service.settings.Load().Defaults.timeout() + stopGrace
}

// Stop fetches no more jobs and waits for the running ones: their provider call
// and their record, at most timeoutSeconds and 7 seconds. What is not over by then
// is abandoned and rescued later by another worker.
func (c *Client) Stop() error {
	if c.worker == nil {
		return nil
	}
	c.service.stopPacing()
	ctx, cancel := context.WithTimeout(context.Background(), c.patience())
	defer cancel()
	err := c.worker.Stop(ctx)
	if err == nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	ctx, cancel = context.WithTimeout(context.Background(), cutGrace)
	defer cancel()
	return c.worker.StopAndCancel(ctx)
}
