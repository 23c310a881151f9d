package receipts

import (
	"context"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// How held deliveries were settled.
const (
	settledFound     = "found"
	settledSentAgain = "sent_again"
	settledExpired   = "expired"
)

// settle ends the doubt about a held delivery. It is a success when a vendor has it. When none has it, at the last question
// of the schedule, it is sent again, once. A requeue by hand wins: the store takes nothing for a delivery that has another
// job.
func (r *Receipts) settle(ctx context.Context, s subject, from channels.Provider, answer channels.Answer) (time.Duration, error) {
	switch {
	case answer.Found:
		return r.found(ctx, s, from, answer)
	case !s.isLast():
		return s.untilNext(), nil
	case s.SentAgain:
		r.log.Warn("a held delivery is left to a person: it was sent again before", zap.Stringer("delivery", s.ID))
		return 0, nil
	case s.ExpiredAt(store.Now()):
		o := outcomeOf(s, s.Provider)
		o.Status, o.Attempt.Class, o.Attempt.Code = store.DeliveryDead, string(channels.Permanent), store.CodeExpired
		o.Attempt.Error = "its vendor does not have it, and expiresAt has passed"
		recorded, err := r.store.Record(ctx, []store.Outcome{o})
		return 0, r.settled(s, settledExpired, recorded, err)
	}
	requeued, err := r.requeuer.SendAgain(ctx, s.Delivery)
	return 0, r.settled(s, settledSentAgain, []bool{requeued}, err)
}

// found makes a held delivery a success. The questions about its receipt go on.
func (r *Receipts) found(ctx context.Context, s subject, from channels.Provider, answer channels.Answer) (time.Duration, error) {
	o := outcomeOf(s, from.Name)
	o.Status, o.Attempt.Details = store.DeliverySuccess, []byte(`{"found":true}`)
	recorded, err := r.store.Record(ctx, []store.Outcome{o})
	if err := r.settled(s, settledFound, recorded, err); err != nil || !recorded[0] {
		return 0, err
	}
	s.held, s.age, s.Provider = false, 0, from.Name
	return r.receive(ctx, s, answer)
}

// outcomeOf returns an outcome after the attempt whose own is unknown.
func outcomeOf(s subject, provider string) store.Outcome {
	now := store.Now()
	return store.Outcome{
		Attempt: store.Attempt{
			ID: uuid.Must(uuid.NewV7()), DeliveryID: s.ID, JobID: s.JobID, Attempt: s.Attempts + 1, Provider: provider, StartedAt: now, FinishedAt: now,
		},
		Took: s.UpdatedAt.Sub(s.Due()), Digest: s.IsDigest(),
	}
}

// settled counts and logs a held delivery that was settled.
func (r *Receipts) settled(s subject, how string, done []bool, err error) error {
	if err == nil && done[0] {
		r.metrics.settled.WithLabelValues(s.Channel, how).Inc()
		r.log.Info("a held delivery was settled", zap.Stringer("delivery", s.ID), zap.String("channel", s.Channel), zap.String("how", how))
	}
	return err
}
