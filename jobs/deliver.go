package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// DeliverArgs are the args of a delivery's job: its id and nothing else, so that
// no address, text or secret reaches River's tables or its UI.
type DeliverArgs struct {
	DeliveryID uuid.UUID `json:"deliveryId"`

	// retryAt is the time Work recorded for the next attempt. River asks for it
	// through NextRetry, on the same job value.
	retryAt time.Time
}

// Kind names the job in River's tables. It never changes.
func (DeliverArgs) Kind() string { return "deliver" }

// deliverWorker works the delivery jobs: load, send, record, return.
type deliverWorker struct {
	river.WorkerDefaults[DeliverArgs]
	service *Service
}

// NextRetry returns the time that Work recorded. Without one the job was rescued
// from a worker that is gone, and has waited long enough. River takes a time in
// the past for a mistake and would use a backoff of its own.
func (w *deliverWorker) NextRetry(job *river.Job[DeliverArgs]) time.Time {
	if now := time.Now(); job.Args.retryAt.Before(now) {
		return now
	}
	return job.Args.retryAt
}

func (w *deliverWorker) Work(ctx context.Context, job *river.Job[DeliverArgs]) error {
	s := w.service
	ctx, span := s.traceJob(ctx, job.JobRow)
	defer span.End()
	l, err := s.loads.do(ctx, job.Args.DeliveryID)
	if err != nil {
		// Nothing was sent, so no attempt is spent.
		s.log.Warn("delivery could not be read", zap.Stringer("delivery", job.Args.DeliveryID), zap.Error(err))
		return river.JobSnooze(time.Second)
	}
	if l == nil {
		return river.JobCancel(errors.New("the delivery does not exist any more"))
	}
	d, message := l.delivery, l.message

	again := retriedByHand(job.JobRow, d)
	switch {
	case d.Status == store.DeliverySuccess:
		return nil // recorded by a worker that did not live to complete the job
	case !d.Status.Open() && !again:
		return river.JobCancel(errors.New("the delivery is closed"))
	case job.Attempt <= d.Attempts:
		// This attempt was recorded by a worker that was stopped before River knew.
		return errors.New("attempt recorded before")
	}

	settings := s.settings.Load() // once: a reload in the middle must not mix two configurations
	provider, on := settings.Registry.Provider(d.Channel)
	if !on {
		return s.conclude(ctx, job, d, provider, time.Now(), channels.Receipt{}, &channels.Error{
			Class: channels.Misconfigured, Code: "channel_off", Message: "the channel is not enabled any more",
		})
	}
	// River's attempt number runs ahead of ours: a worker took an attempt and left
	// no record of it. Whether its request was sent, nobody knows.
	if job.Attempt > d.Attempts+1 && !again && provider.OnUncertain == channels.Hold {
		return s.conclude(ctx, job, d, provider, time.Now(), channels.Receipt{}, &channels.Error{
			Class: channels.Uncertain, Code: "worker_lost", Message: "an earlier attempt was started and its result was lost",
		})
	}

	expired := d.ExpiredAt(time.Now())
	if !expired {
		if wait, err := s.pace(ctx, provider, job.Priority); err != nil || wait > 0 {
			if d.ExpiresAt != nil {
				wait = min(wait, max(0, time.Until(*d.ExpiresAt))) // it wakes to expire then
			}
			return river.JobSnooze(wait) // nothing was sent, so no attempt is spent
		}
		expired = d.ExpiredAt(time.Now()) // the slot may have been seconds away
	}
	if expired {
		return s.conclude(ctx, job, d, provider, time.Now(), channels.Receipt{}, &channels.Error{
			Class: channels.Permanent, Code: CodeExpired, Message: "expiresAt has passed",
		})
	}
	started := time.Now()
	receipt, err := s.send(ctx, provider, settings.Defaults.timeout(), channels.Message{
		DeliveryID: d.ID, Attempt: job.Attempt,
		Recipient: channels.Recipient(d.Recipient),
		MsgType:   message.MsgType, Subject: message.Subject, Body: message.Body,
		TemplateCode: message.TemplateCode, Params: message.Params,
	})
	return s.conclude(ctx, job, d, provider, started, receipt, err)
}

// send makes the provider call, timed and in a span of its own.
func (s *Service) send(
	ctx context.Context, p channels.Provider, timeout time.Duration, m channels.Message,
) (channels.Receipt, error) {
	ctx, span := startSpan(ctx, "send", trace.SpanKindClient)
	started := time.Now()
	receipt, err := s.call(ctx, p, timeout, m)
	s.metrics.countCall(p, time.Since(started), err)
	endSend(span, p, err)
	return receipt, err
}

// call makes the provider call. It does not run on River's context: a shutdown or
// a cancelled job must not cut a request in two, so that only the provider's own
// timeout ends it.
func (s *Service) call(
	ctx context.Context, p channels.Provider, timeout time.Duration, m channels.Message,
) (receipt channels.Receipt, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			// The value may hold an address: it is not logged, only where it came from.
			s.log.Error("provider panicked", zap.String("provider", p.Name), zap.Stringer("delivery", m.DeliveryID),
				zap.String("panicType", fmt.Sprintf("%T", r)), zap.Stack("stack"))
			err = &channels.Error{Class: channels.Uncertain, Code: "panic", Message: "the provider failed in an unexpected way"}
		}
	}()
	return p.Sender.Send(ctx, m)
}

// conclude records what came of an attempt and tells River what to do next.
func (s *Service) conclude(
	ctx context.Context, job *river.Job[DeliverArgs], d store.Delivery, p channels.Provider,
	started time.Time, receipt channels.Receipt, sendErr error,
) error {
	v := s.decide(job.JobRow, d, p, receipt, sendErr)
	v.outcome.Attempt.StartedAt = started.UTC().Truncate(time.Microsecond)
	s.logAttempt(ctx, job.JobRow, d, v.outcome)
	traceOutcome(ctx, d, v.outcome)

	recorded, err := s.record(ctx, v.outcome)
	switch {
	case err != nil:
		// The outcome is lost. The next attempt sees the gap and takes this one as uncertain.
		s.log.Error("outcome could not be recorded", zap.Stringer("delivery", d.ID), zap.Error(err))
		return errors.New("the outcome could not be recorded")
	case !recorded:
		// A later attempt was recorded while this one was stuck. River does not
		// know which attempt speaks: let the job come back when the later one is
		// surely over, to be completed by what is recorded then.
		job.Args.retryAt = time.Now().Add(s.settings.Load().Defaults.timeout() + recordTimeout)
		return errors.New("a later attempt was recorded before this one")
	}
	s.metrics.countAttempt(d, v.outcome)
	job.Args.retryAt = v.retryAt
	return v.result
}

// record tries until ctx ends, at least once, whatever the state of ctx: the
// result of a send must not be lost to a database that is away for a moment.
func (s *Service) record(ctx context.Context, o store.Outcome) (bool, error) {
	for {
		recorded, err := s.records.do(context.WithoutCancel(ctx), o)
		if err == nil || errors.Is(err, errClosed) {
			return recorded, err
		}
		select {
		case <-ctx.Done():
			return false, err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// logAttempt writes the one line of each attempt: waited is the time in the queue,
// took the provider's call, sinceDue all of it. It holds no address, and so not
// the vendor's text either, which may: the API shows that.
func (s *Service) logAttempt(ctx context.Context, job *rivertype.JobRow, d store.Delivery, o store.Outcome) {
	level := zap.InfoLevel
	if o.Attempt.Class == string(channels.Misconfigured) {
		level = zap.ErrorLevel // nothing gets through until somebody acts
	}
	s.log.Log(level, "attempt",
		zap.Stringer("delivery", d.ID), zap.Stringer("notification", d.NotificationID), zap.Int64("job", job.ID),
		zap.String("channel", d.Channel), zap.String("provider", o.Attempt.Provider),
		zap.Int("attempt", o.Attempt.Attempt), zap.String("status", string(o.Status)),
		zap.String("class", o.Attempt.Class), zap.String("code", o.Attempt.Code),
		zap.Duration("waited", queueWait(job)), zap.Duration("took", o.Attempt.FinishedAt.Sub(o.Attempt.StartedAt)),
		zap.Duration("sinceDue", o.Attempt.FinishedAt.Sub(d.Due())), traceField(ctx))
}

func encodeDetails(details map[string]any) []byte {
	if len(details) == 0 {
		return nil
	}
	b, err := json.Marshal(details)
	if err != nil {
		return nil // details are for people; they never decide a delivery
	}
	return b
}
