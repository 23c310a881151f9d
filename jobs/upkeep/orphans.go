// Package upkeep is the periodic work: it closes orphans and deletes old notifications.
package upkeep

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/receipts"
	"github.com/labring/sealos-notify/store"
)

// orphanBatch is how many orphans one transaction closes at most.
const orphanBatch = 1000

// Codes of orphans.
const (
	CodeJobCancelled = "job_cancelled" // the job was cancelled by an operator
	CodeJobDeleted   = "job_deleted"   // the job was deleted
	CodeJobEnded     = "job_ended"     // River ended the job and there is no outcome
)

// OrphanStore is what Orphans needs of the store.
type OrphanStore interface {
	Orphans(ctx context.Context, after uuid.UUID, limit int) ([]store.Orphan, error)
	CloseOrphans(ctx context.Context, batch []store.Closing) ([]bool, error)
	FindIncidents(ctx context.Context, ids []uuid.UUID) ([]store.Incident, error)
	EndLostExpansions(ctx context.Context, at time.Time) ([]uuid.UUID, error)
}

// Orphans closes open deliveries whose job ended without an outcome: an operator cancelled or
// deleted it, in River UI or by SQL, or River discarded it because its last worker was lost. The
// end of an incident cancels those whose worker has taken them, too.
type Orphans struct {
	store  OrphanStore
	log    *zap.Logger
	closed *prometheus.CounterVec // by code
	rest   atomic.Int64           // Unix time in nanoseconds, before which CloseSparingly does nothing
}

// NewOrphans returns an Orphans. With a nil registry no metrics are shown.
func NewOrphans(st OrphanStore, log *zap.Logger, registry prometheus.Registerer) *Orphans {
	o := &Orphans{store: st, log: log, closed: promauto.With(registry).NewCounterVec(prometheus.CounterOpts{
		Name: "sealos_notify_orphans_total",
		Help: "Open deliveries that were closed because no job would send them, by the code they got.",
	}, []string{"code"})}
	for _, code := range []string{CodeJobCancelled, CodeJobDeleted, CodeJobEnded, channels.CodeUncertainOutcome} {
		o.closed.WithLabelValues(code)
	}
	return o
}

// restFactor is how many times the duration of a look CloseSparingly rests after it.
const restFactor = 50

// CloseSparingly is Close, unless this replica's last look at the open deliveries was long: then
// it spends at most 2 % of the time with them. A million take 1.4 s (PostgreSQL 15, two cores),
// so a look every 70 s.
func (o *Orphans) CloseSparingly(ctx context.Context) error {
	started := time.Now()
	if started.UnixNano() < o.rest.Load() {
		return nil
	}
	_, err := o.Close(ctx)
	err = errors.Join(err, o.endExpansions(ctx))
	o.rest.Store(time.Now().Add(restFactor * time.Since(started)).UnixNano())
	return err
}

// endExpansions ends the expansions whose job ended without them.
func (o *Orphans) endExpansions(ctx context.Context) error {
	ended, err := o.store.EndLostExpansions(ctx, store.Now())
	for _, id := range ended {
		o.log.Warn("an expansion ended with its job: its last contacts get nothing", zap.Stringer("notification", id))
	}
	return err
}

// Close closes all orphans and returns how many there were.
func (o *Orphans) Close(ctx context.Context) (int, error) {
	total := 0
	for after := uuid.Nil; ; {
		orphans, err := o.store.Orphans(ctx, after, orphanBatch)
		if err != nil {
			return total, fmt.Errorf("list orphans: %w", err)
		}
		if len(orphans) == 0 {
			return total, nil
		}
		n, err := o.closeBatch(ctx, orphans)
		if err != nil {
			return total, err
		}
		total += n
		after = orphans[len(orphans)-1].DeliveryID
	}
}

func (o *Orphans) closeBatch(ctx context.Context, orphans []store.Orphan) (int, error) {
	incidents, err := o.incidentsOf(ctx, orphans)
	if err != nil {
		return 0, err
	}
	batch := make([]store.Closing, len(orphans))
	for i, orphan := range orphans {
		batch[i] = closing(orphan, incidents[orphan.IncidentID])
	}
	closed, err := o.store.CloseOrphans(ctx, batch)
	if err != nil {
		return 0, fmt.Errorf("close orphans: %w", err)
	}
	n := 0
	for i, c := range batch {
		if !closed[i] {
			continue // it got an outcome or another job meanwhile
		}
		n++
		if c.Code == store.CodeAcknowledged || c.Code == store.CodeStopped {
			o.log.Info("delivery was not sent", zap.Stringer("delivery", c.DeliveryID), zap.String("code", c.Code))
			continue
		}
		o.closed.WithLabelValues(c.Code).Inc()
		o.log.Warn("delivery closed without an outcome", zap.Stringer("delivery", c.DeliveryID),
			zap.String("status", string(c.Status)), zap.String("code", c.Code))
	}
	return n, nil
}

// incidentsOf returns the incidents of the orphans whose job was cancelled, by id: their end may have done that.
func (o *Orphans) incidentsOf(ctx context.Context, orphans []store.Orphan) (map[uuid.UUID]store.Incident, error) {
	var ids []uuid.UUID
	for _, orphan := range orphans {
		if orphan.IncidentID != uuid.Nil && orphan.JobState == store.JobCancelled {
			ids = append(ids, orphan.IncidentID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := o.store.FindIncidents(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("incidents of orphans: %w", err)
	}
	incidents := make(map[uuid.UUID]store.Incident, len(found))
	for _, incident := range found {
		incidents[incident.ID] = incident
	}
	return incidents, nil
}

// closing returns what an orphan becomes. Its incident is the zero value when it has none.
func closing(o store.Orphan, incident store.Incident) store.Closing {
	c := store.Closing{DeliveryID: o.DeliveryID, JobID: o.JobID, Status: store.DeliveryDead, At: store.Now()}
	switch {
	case o.JobState == store.JobCancelled:
		c.Status, c.Code, c.Error = store.DeliveryCancelled, CodeJobCancelled, "its job was cancelled"
		if code, text := incident.Why(); code != "" {
			c.Code, c.Error = code, text
		}
	case o.JobState == store.JobGone:
		c.Code, c.Error = CodeJobDeleted, "its job was deleted"
	case o.JobAttempt > o.Attempts:
		c.Code, c.Error = channels.CodeUncertainOutcome, "the last attempt was started and its result was lost"
		at := c.At.Add(receipts.FirstAsk)
		c.AskAt = &at
	default:
		c.Code, c.Error = CodeJobEnded, "its job ended without an outcome"
	}
	return c
}
