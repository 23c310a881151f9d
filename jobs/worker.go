package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/delivering"
	"github.com/labring/sealos-notify/store"
)

// recovering makes a panic in a job of any kind a failure. River would log the panic's value and
// keep it in the job, and the value may hold an address.
func recovering(log *zap.Logger) river.WorkerMiddlewareFunc {
	return func(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) (err error) {
		defer func() {
			if r := recover(); r != nil {
				log.Error("a job panicked", zap.String("kind", job.Kind), zap.ByteString("args", job.EncodedArgs),
					zap.String("panicType", fmt.Sprintf("%T", r)), zap.Stack("stack"))
				err = errors.New("it panicked: see the log")
			}
		}()
		channels.GrowStack()
		return work(ctx)
	}
}

// maxRetry is the longest time until a job that sends nothing is tried again, such as while the database is away.
const maxRetry = time.Minute

// retrySoon returns when such a job runs again: a second later for each attempt that it has made.
func retrySoon(attempt int) time.Time {
	return time.Now().Add(min(time.Duration(attempt)*time.Second, maxRetry))
}

// deliverWorker runs the jobs of deliveries.
type deliverWorker struct {
	river.WorkerDefaults[store.JobArgs]
	deliverer *delivering.Deliverer
	hand      *hand
	fetcher   *fetcher
}

// Work implements river.Worker.
func (w *deliverWorker) Work(ctx context.Context, job *river.Job[store.JobArgs]) error {
	w.hand.take(job.ID)
	next := w.deliverer.Deliver(ctx, w.jobOf(job))
	if next.Action == delivering.Complete || next.Action == delivering.Cancel {
		// Otherwise the outcome may be lost, or River may yet note an earlier end: the job must not
		// look as if it was never begun.
		w.hand.drop(job.ID)
	}
	switch next.Action {
	case delivering.Complete:
		return nil
	case delivering.Cancel:
		return river.JobCancel(errors.New(next.Reason))
	case delivering.Snooze:
		return river.JobSnooze(next.Wait)
	default:
		job.ScheduledAt = next.RetryAt // for NextRetry, which River calls on the same job
		return errors.New(next.Reason)
	}
}

// NextRetry returns when the job runs again. River takes a time in the past for a mistake and
// would use a backoff of its own, so now is the earliest.
func (w *deliverWorker) NextRetry(job *river.Job[store.JobArgs]) time.Time {
	if now := time.Now(); job.ScheduledAt.Before(now) {
		return now
	}
	return job.ScheduledAt
}

// jobOf returns a job as the Deliverer takes it.
func (w *deliverWorker) jobOf(job *river.Job[store.JobArgs]) delivering.Job {
	j := delivering.Job{
		ID: job.ID, DeliveryID: job.Args.DeliveryID, Line: job.Queue, Priority: job.Priority,
		Attempt: job.Attempt, MaxAttempts: job.MaxAttempts, CreatedAt: job.CreatedAt, Waited: queueWait(job.JobRow),
		Metadata: job.Metadata,
	}
	channel, _, app := store.SplitQueue(job.Queue)
	j.Queue, j.Weight = channel, w.fetcher.jobs.weight(app)
	if c := w.fetcher.channels[channel]; c != nil {
		j.Slot = c.slot(job.ID)
	}
	for _, e := range job.Errors {
		j.Errors = append(j.Errors, delivering.JobError{Attempt: e.Attempt, Text: e.Error})
	}
	return j
}

// channelOf returns the channel of a job: the queue that is worked, of which its own is a line.
func channelOf(job *rivertype.JobRow) string {
	channel, _, _ := store.SplitQueue(job.Queue)
	return channel
}

// queueWait returns the time from when a job was due until a worker took it.
func queueWait(job *rivertype.JobRow) time.Duration {
	if job.AttemptedAt == nil {
		return 0
	}
	return max(0, job.AttemptedAt.Sub(job.ScheduledAt)) // the two times may be of two clocks
}

// maintenanceQueue carries the periodic jobs, apart from the deliveries.
const maintenanceQueue = "maintenance"

// upkeepArgs are the arguments of the periodic jobs.
type (
	orphansArgs   struct{}
	retentionArgs struct{}
)

// Kind implements river.JobArgs.
func (orphansArgs) Kind() string { return "orphans" }

// Kind implements river.JobArgs.
func (retentionArgs) Kind() string { return "retention" }

// InsertOpts implements river.JobArgsWithInsertOpts. The job may go on for longer than its
// interval, and a second one would take the worker of the orphans.
func (retentionArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning,
		rivertype.JobStateScheduled,
	}}}
}

// upkeepWorker runs one kind of periodic job. The next one is due soon, so River notes only
// that it failed; the log has the cause.
type upkeepWorker[T river.JobArgs] struct {
	river.WorkerDefaults[T]
	run func(ctx context.Context) (more bool, err error)
	log *zap.Logger
}

// Work implements river.Worker. A job that has more to do goes on at once, with the time of a new
// one.
func (w *upkeepWorker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	more, err := w.run(ctx)
	if err != nil {
		w.log.Error("upkeep failed", zap.String("kind", job.Kind), zap.Error(err))
	}
	switch {
	case more:
		return river.JobSnooze(0)
	case err != nil:
		return errors.New("it failed: see the log")
	}
	return nil
}

// periodic returns a periodic job that also runs when a client starts.
func periodic(id string, interval time.Duration, args river.JobArgs) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(interval), func() (river.JobArgs, *river.InsertOpts) {
		return args, &river.InsertOpts{Queue: maintenanceQueue, MaxAttempts: 1}
	}, &river.PeriodicJobOpts{ID: id, RunOnStart: true})
}
