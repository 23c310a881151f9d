package delivering

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/groupcommit"
	"github.com/labring/sealos-notify/jobs/receipts"
	"github.com/labring/sealos-notify/jobs/tracing"
	"github.com/labring/sealos-notify/store"
)

// conclude records the outcome of an attempt and returns what River does next.
func (d *Deliverer) conclude(ctx context.Context, r *run, started time.Time, receipt channels.Receipt, sendErr error) *Next {
	d.findOther(ctx, r, sendErr)
	outcome, next := decide(r, receipt, sendErr)
	outcome.Attempt.StartedAt = started.UTC().Truncate(time.Microsecond)
	outcome.Digest, outcome.Turn = r.delivery.IsDigest(), r.turnEnd(receipt)
	outcome.AskAt = d.askAt(r, outcome)
	outcome.CountAs = d.unlisted.countAs(r.delivery.Channel, sendErr, outcome.Attempt.Code)
	d.logAttempt(ctx, r, outcome)
	traceOutcome(ctx, r.delivery, outcome)

	recorded, err := d.record(ctx, outcome)
	switch {
	case err != nil:
		// The outcome is lost. The next attempt sees the gap and treats this one as uncertain.
		d.log.Error("outcome could not be recorded", zap.Stringer("delivery", r.delivery.ID), zap.Error(err))
		return retryAt(time.Time{}, "the outcome could not be recorded")
	case !recorded:
		// A later attempt was recorded while this one was stuck. River does not know which
		// attempt counts, so the job comes back when the later one is over, and is ended by
		// what is recorded then.
		return retryAt(d.whenOver(), "a later attempt was recorded before this one")
	}
	d.metrics.countAttempt(r.delivery, outcome)
	return next
}

// end ends a delivery, and the items of a digest, without an attempt. What ends it may have cancelled its job.
func (d *Deliverer) end(ctx context.Context, r *run, status store.DeliveryStatus, code, text string) *Next {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer stop()
	closed, err := d.store.CloseOrphans(ctx, []store.Closing{{
		DeliveryID: r.delivery.ID, JobID: r.job.ID, Status: status, Code: code, Error: text, At: store.Now(),
	}})
	if err != nil || !closed[0] {
		d.log.Warn("delivery could not be ended", zap.Stringer("delivery", r.delivery.ID), zap.Error(err))
		return snooze(time.Second) // its state is read again then
	}
	level := zap.InfoLevel
	if status == store.DeliveryDead {
		level = zap.WarnLevel
	}
	d.log.Log(level, "delivery was not sent", zap.Stringer("delivery", r.delivery.ID), zap.String("code", code))
	return cancel(code)
}

// askAt returns when the vendor is first asked what became of a delivery: of one that it took, and of one that is held.
func (d *Deliverer) askAt(r *run, o store.Outcome) *time.Time {
	held := o.Status == store.DeliveryDead && o.Attempt.Code == channels.CodeUncertainOutcome
	if d.types[r.delivery.Channel].AskInterval == 0 || r.delivery.Test || !held && o.Status != store.DeliverySuccess {
		return nil
	}
	at := o.Attempt.FinishedAt.Add(receipts.FirstAsk)
	return &at
}

// record records an outcome. It tries until ctx ends and at least once, whatever the state of
// ctx, so that a short outage of the database loses no result.
func (d *Deliverer) record(ctx context.Context, o store.Outcome) (bool, error) {
	for {
		recorded, err := d.records.Do(context.WithoutCancel(ctx), o)
		if err == nil || errors.Is(err, groupcommit.ErrClosed) {
			return recorded, err
		}
		select {
		case <-ctx.Done():
			return false, err
		case <-time.After(unavailablePause):
		}
	}
}

// recordBatch records outcomes. The store takes each delivery once in a batch. Two outcomes
// of one delivery meet when a stuck attempt ends together with its successor.
func (d *Deliverer) recordBatch(ctx context.Context, batch []store.Outcome) ([]bool, error) {
	seen := make(map[[16]byte]struct{}, len(batch))
	for i, o := range batch {
		if _, twice := seen[o.Attempt.DeliveryID]; twice {
			first, err := d.store.Record(ctx, batch[:i])
			if err != nil {
				return nil, err
			}
			rest, err := d.recordBatch(ctx, batch[i:])
			if err != nil {
				return nil, err
			}
			return append(first, rest...), nil
		}
		seen[o.Attempt.DeliveryID] = struct{}{}
	}
	return d.store.Record(ctx, batch)
}

// logAttempt writes the one line of each attempt. waited is the time in the queue, took that
// of the provider call, sinceDue the sum. It holds no address, and not the vendor's text,
// which may hold one; the API shows that.
func (d *Deliverer) logAttempt(ctx context.Context, r *run, o store.Outcome) {
	level := zap.InfoLevel
	if o.Attempt.Class == string(channels.Misconfigured) {
		level = zap.ErrorLevel // nothing arrives until an operator acts
	}
	d.log.Log(level, "attempt",
		zap.Stringer("delivery", r.delivery.ID), zap.Stringer("notification", r.delivery.NotificationID), zap.Int64("job", r.job.ID),
		zap.String("channel", r.delivery.Channel), zap.String("provider", o.Attempt.Provider),
		zap.Int("attempt", o.Attempt.Attempt), zap.String("status", string(o.Status)),
		zap.String("class", o.Attempt.Class), zap.String("code", o.Attempt.Code),
		zap.Duration("waited", r.job.Waited), zap.Duration("took", o.Attempt.FinishedAt.Sub(o.Attempt.StartedAt)),
		zap.Duration("sinceDue", o.Attempt.FinishedAt.Sub(r.delivery.Due())), tracing.Field(ctx))
}

// traceOutcome completes the span of a job.
func traceOutcome(ctx context.Context, d store.Delivery, o store.Outcome) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("delivery", d.ID.String()), attribute.String("notification", d.NotificationID.String()),
		attribute.String("provider", o.Attempt.Provider), attribute.String("status", string(o.Status)))
	if o.Attempt.Class != "" {
		tracing.Fail(span, o.Attempt.Class, o.Attempt.Code)
	}
}
