package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/jobs/delivering"
	"github.com/labring/sealos-notify/store"
)

// cardWorkers is how many incidents a replica edits the cards of at once. They are apart from those that stop
// incidents: a vendor that does not answer holds up no cancellation.
const cardWorkers = 4

// cardWorker runs the jobs that edit the cards of incidents.
type cardWorker struct {
	river.WorkerDefaults[store.CardArgs]
	deliverer *delivering.Deliverer
	log       *zap.Logger
}

// Work implements river.Worker.
func (w *cardWorker) Work(ctx context.Context, job *river.Job[store.CardArgs]) error {
	again, err := w.deliverer.NoteCards(ctx, job.Args.IncidentID)
	switch {
	case err != nil:
		w.log.Warn("the cards of an incident could not be edited and will be tried again", zap.Stringer("incident", job.Args.IncidentID), zap.Error(err))
		return errors.New("it failed: see the log")
	case again > 0:
		return river.JobSnooze(again)
	}
	return nil
}

// NextRetry returns when the job runs again after an error, such as while the vendor is away.
func (w *cardWorker) NextRetry(job *river.Job[store.CardArgs]) time.Time {
	return retrySoon(job.Attempt)
}
