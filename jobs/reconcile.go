package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

const (
	reconcileInterval = 30 * time.Second
	reconcileBatch    = 1000
)

// Codes of deliveries that the reconciler closed.
const (
	CodeJobCancelled = "job_cancelled" // somebody cancelled the job
	CodeJobDeleted   = "job_deleted"   // the job is gone
	CodeJobEnded     = "job_ended"     // River ended the job without running it to an outcome
)

// reconcileArgs is the periodic job that settles deliveries whose River job ended
// without us: it was cancelled or deleted in River UI or by SQL, or discarded
// because its last worker was lost.
type reconcileArgs struct{}

func (reconcileArgs) Kind() string { return "reconcile" }

type reconcileWorker struct {
	river.WorkerDefaults[reconcileArgs]
	service *Service
}

func (w *reconcileWorker) Work(ctx context.Context, _ *river.Job[reconcileArgs]) error {
	if _, err := w.service.Reconcile(ctx); err != nil {
		w.service.log.Error("reconcile", zap.Error(err))
		return errors.New("reconcile failed") // the next one is due soon; the log has the cause
	}
	return nil
}

// Reconcile closes every open delivery whose job will not run any more, and
// returns how many it closed.
func (s *Service) Reconcile(ctx context.Context) (int, error) {
	closed := 0
	for after := uuid.Nil; ; {
		strays, err := s.store.Strays(ctx, after, reconcileBatch)
		if err != nil {
			return closed, fmt.Errorf("list strays: %w", err)
		}
		if len(strays) == 0 {
			return closed, nil
		}
		batch := make([]store.Settlement, len(strays))
		for i, stray := range strays {
			batch[i] = settlement(stray)
		}
		n, err := s.store.Settle(ctx, batch)
		if err != nil {
			return closed, fmt.Errorf("settle strays: %w", err)
		}
		closed += n
		for _, st := range batch {
			s.metrics.strays.WithLabelValues(st.Code).Inc()
			s.log.Warn("delivery settled without an outcome", zap.Stringer("delivery", st.DeliveryID),
				zap.String("status", string(st.Status)), zap.String("code", st.Code))
		}
		after = strays[len(strays)-1].DeliveryID
	}
}

func settlement(stray store.Stray) store.Settlement {
	st := store.Settlement{DeliveryID: stray.DeliveryID, JobID: stray.JobID, Status: store.DeliveryDead, At: store.Now()}
	switch {
	case stray.JobState == string(rivertype.JobStateCancelled):
		st.Status, st.Code, st.Error = store.DeliveryCancelled, CodeJobCancelled, "its job was cancelled"
	case stray.JobState == "":
		st.Code, st.Error = CodeJobDeleted, "its job was deleted"
	case stray.JobAttempt > stray.Attempts:
		st.Code, st.Error = channels.CodeUncertainOutcome, "the last attempt was started and its result was lost"
	default:
		st.Code, st.Error = CodeJobEnded, "its job ended without an outcome"
	}
	return st
}
