package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

// incidentWorkers is how many incidents a replica follows up at once.
const incidentWorkers = 4

// incidentWorker runs the jobs that follow a change of an incident.
type incidentWorker struct {
	river.WorkerDefaults[store.IncidentArgs]
	control *steering.Control
	log     *zap.Logger
}

// Work implements river.Worker.
func (w *incidentWorker) Work(ctx context.Context, job *river.Job[store.IncidentArgs]) error {
	if err := w.control.StopIncident(ctx, job.Args.IncidentID); err != nil {
		w.log.Error("an incident could not be stopped and will be tried again", zap.Stringer("incident", job.Args.IncidentID), zap.Error(err))
		return errors.New("it failed: see the log")
	}
	return nil
}

// NextRetry returns when the job runs again after an error, such as while the database is away.
func (w *incidentWorker) NextRetry(job *river.Job[store.IncidentArgs]) time.Time {
	return retrySoon(job.Attempt)
}
