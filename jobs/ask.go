package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/jobs/receipts"
	"github.com/labring/sealos-notify/store"
)

// askWorkers is how many questions to vendors a replica has open at once. They are apart from the sends.
const askWorkers = 4

// askWorker runs the jobs that ask vendors.
type askWorker struct {
	river.WorkerDefaults[store.AskArgs]
	receipts *receipts.Receipts
	log      *zap.Logger
}

// Work implements river.Worker. A job asks several times.
func (w *askWorker) Work(ctx context.Context, job *river.Job[store.AskArgs]) error {
	again, err := w.receipts.Ask(ctx, job.Args.DeliveryID)
	switch {
	case err != nil:
		w.log.Warn("a question to a vendor failed and will be tried again", zap.Stringer("delivery", job.Args.DeliveryID), zap.Error(err))
		return errors.New("it failed: see the log")
	case again > 0:
		return river.JobSnooze(again)
	}
	return nil
}

// NextRetry returns when the job runs again after an error, or when its worker was lost.
func (w *askWorker) NextRetry(job *river.Job[store.AskArgs]) time.Time {
	return retrySoon(job.Attempt)
}
