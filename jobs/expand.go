package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/store"
)

// expandWorkers is how many expansions a replica works at once. Each has one batch in memory.
const expandWorkers = 2

// expandWorker runs the jobs of expansions.
type expandWorker struct {
	river.WorkerDefaults[store.ExpandArgs]
	accepter *accepting.Accepter
	log      *zap.Logger
}

// Work implements river.Worker. A job that is not done goes on behind the others of the queue.
func (w *expandWorker) Work(ctx context.Context, job *river.Job[store.ExpandArgs]) error {
	expanding, err := w.accepter.Expand(ctx, job.Args.NotificationID)
	switch {
	case err != nil:
		w.log.Error("an expansion failed and will be tried again", zap.Stringer("notification", job.Args.NotificationID), zap.Error(err))
		return errors.New("it failed: see the log")
	case !expanding.Done:
		return river.JobSnooze(expanding.Wait)
	}
	return nil
}

// NextRetry returns when the job runs again after an error, such as while the database is away.
func (w *expandWorker) NextRetry(job *river.Job[store.ExpandArgs]) time.Time {
	return retrySoon(job.Attempt)
}
