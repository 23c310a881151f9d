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
	err := s.deliver(ctx, job)
	var snooze *river.JobSnoozeError
	if errors.As(err, &snooze) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		// The lease is over, and River does not ask whose job it is: taking back an
		// attempt now would take it from the worker that has the job after us, and hide
		// from a third one that it was started.
		job.Args.retryAt = s.whenSurelyOver()
		return errors.New("the job took longer than its lease")
	}
	return err
}

func (s *Service) deliver(ctx context.Context, job *river.Job[DeliverArgs]) error {
	l, err := s.load(ctx, job.Args.DeliveryID)
	if err != nil {
		// Nothing was sent, so no attempt is spent.
		s.log.Warn("delivery could not be read", zap.Stringer("delivery", job.Args.DeliveryID), zap.Error(err))
		return river.JobSnooze(time.Second)
	}
	if l == nil {
		return river.JobCancel(errors.New("the delivery does not exist any more"))
	}
	d, message := l.delivery, l.message

	switch {
	case d.JobID != job.ID:
		return river.JobCancel(errors.New("the delivery was given another job"))
	case d.Status == store.DeliverySuccess:
		return nil // recorded by a worker that did not live to complete the job
	case retriedByHand(job.JobRow, d):
		// Before the send: should this attempt be lost, the next one is no retry by hand.
		d.Attempts = job.Attempt - 1
		if reopened, err := s.store.Reopen(ctx, d.ID, job.ID, d.Attempts); err != nil || !reopened {
			s.log.Warn("delivery could not be reopened", zap.Stringer("delivery", d.ID), zap.Error(err))
			return river.JobSnooze(time.Second) // to look again at what it is now
		}
	case !d.Status.Open():
		return river.JobCancel(errors.New("the delivery is closed"))
	case job.Attempt <= d.Attempts:
		// This attempt was recorded by a worker that was stopped before River knew.
		return errors.New("attempt recorded before")
	}

	settings := s.settings.Load() // once: a reload in the middle must not mix two configurations
	provider, unusable := s.providerOf(settings.Registry, d)
	// River's attempt number runs ahead of ours: a worker took an attempt and left
	// no record of it. Whether its request was sent, nobody knows. This comes first:
	// whatever else is recorded closes the gap.
	if job.Attempt > d.Attempts+1 && provider.OnUncertain == channels.Hold {
		return s.conclude(ctx, job, d, provider, time.Now(), channels.Receipt{}, &channels.Error{
			Class: channels.Uncertain, Code: "worker_lost", Message: "an earlier attempt was started and its result was lost",
		})
	}
	if unusable != nil {
		return s.conclude(ctx, job, d, provider, time.Now(), channels.Receipt{}, unusable)
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
	timeout := settings.Defaults.timeout()
	if !leaves(ctx, timeout) {
		return river.JobSnooze(time.Second) // a send must not outlive the lease: another worker would begin its own
	}
	started := time.Now()
	receipt, err := s.send(ctx, provider, timeout, channels.Message{
		DeliveryID: d.ID, Attempt: job.Attempt,
		Recipient: channels.Recipient(d.Recipient),
		MsgType:   message.MsgType, Subject: message.Subject, Body: message.Body,
		TemplateCode: message.TemplateCode, Params: message.Params,
	})
	return s.conclude(ctx, job, d, provider, started, receipt, err)
}

// load reads what is to be sent; nil when it does not exist. While the database is
// away it keeps the job: River could not write down that it was given back, so the
// job would look like one whose worker was lost in its send.
func (s *Service) load(ctx context.Context, id uuid.UUID) (*loaded, error) {
	timeout := s.settings.Load().Defaults.timeout()
	for {
		l, err := s.loads.do(ctx, id)
		if !errors.Is(err, store.ErrUnavailable) || !leaves(ctx, timeout+readTimeout) {
			return l, err
		}
		select {
		case <-time.After(awayPause):
		case <-s.draining:
			return nil, err
		}
	}
}

// leaves says whether the job's time leaves so much of it.
func leaves(ctx context.Context, d time.Duration) bool {
	deadline, bounded := ctx.Deadline()
	return ctx.Err() == nil && (!bounded || time.Until(deadline) >= d)
}

// providerOf returns the provider that a delivery goes through now: the channel's,
// or the one that a retry by hand asked for. With an error it knows no more of it
// than what the channel does with uncertain deliveries.
func (s *Service) providerOf(r *channels.Registry, d store.Delivery) (channels.Provider, error) {
	unknown := channels.Provider{OnUncertain: s.types[d.Channel].OnUncertain}
	provider, on := r.Provider(d.Channel)
	if !on {
		return unknown, &channels.Error{
			Class: channels.Misconfigured, Code: "channel_off", Message: "the channel is not enabled any more",
		}
	}
	if d.ProviderOverride == "" {
		return provider, nil
	}
	named, known := r.Named(d.ProviderOverride)
	if !known || named.Type.Channel != d.Channel {
		return unknown, &channels.Error{
			Class: channels.Misconfigured, Code: "provider_gone", Message: "the provider it was to go through is not configured any more",
		}
	}
	return named, nil
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
		job.Args.retryAt = s.whenSurelyOver()
		return errors.New("a later attempt was recorded before this one")
	}
	s.metrics.countAttempt(d, v.outcome)
	job.Args.retryAt = v.retryAt
	return v.result
}

// whenSurelyOver is when an attempt that another worker may be at is over.
func (s *Service) whenSurelyOver() time.Time {
	return time.Now().Add(s.settings.Load().Defaults.timeout() + recordTimeout)
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
		case <-time.After(awayPause):
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
