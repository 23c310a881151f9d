package jobs

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

const (
	// throttleWait is used when the vendor does not say how long to wait.
	throttleWait = 5 * time.Second
	// throttleDeadline is how long after it was due, or sent again by hand, a
	// delivery may be put off by throttling. River's snooze has no bound of its own.
	throttleDeadline = 24 * time.Hour
)

// verdict is what an attempt means for the delivery and for River.
type verdict struct {
	outcome store.Outcome
	retryAt time.Time // with a retry
	result  error     // what Work returns to River
}

// decide turns the result of a send into a verdict. The class of the error, and
// nothing else, decides. What is returned to River holds the class and the code
// only: its tables and its UI are no place for a vendor's text.
func (s *Service) decide(job *rivertype.JobRow, d store.Delivery, p channels.Provider, receipt channels.Receipt, sendErr error) verdict {
	now := store.Now()
	v := verdict{outcome: store.Outcome{
		Attempt: store.Attempt{
			ID: uuid.Must(uuid.NewV7()), DeliveryID: d.ID, JobID: job.ID, Attempt: job.Attempt,
			Provider: p.Name, FinishedAt: now, Details: encodeDetails(receipt.Details),
		},
		Status: store.DeliverySuccess,
	}}
	if sendErr == nil {
		return v
	}

	e := channels.AsError(sendErr)
	v.outcome.Attempt.Class = string(e.Class)
	v.outcome.Attempt.Code = channels.CleanText(e.Code)
	v.outcome.Attempt.Error = channels.CleanText(e.Message)
	reason := errors.New(string(e.Class) + ": " + v.outcome.Attempt.Code)

	dead := func() verdict {
		v.outcome.Status = store.DeliveryDead
		v.result = river.JobCancel(reason)
		return v
	}
	retry := func(wait time.Duration) verdict {
		if d.ExpiredAt(now.Add(wait)) {
			v.outcome.Attempt.Error = channels.CleanText(v.outcome.Attempt.Code + ": " + e.Message)
			v.outcome.Attempt.Code = CodeExpired
			return dead()
		}
		v.retryAt = now.Add(wait)
		v.outcome.Status = store.DeliveryFailed
		v.outcome.NextRetryAt = &v.retryAt
		v.result = reason
		return v
	}

	asked := min(e.RetryAfter, throttleDeadline) // a vendor may name the year 9999
	switch e.Class {
	case channels.Permanent:
		return dead()
	case channels.Throttled:
		wait := asked
		if wait <= 0 {
			wait = throttleWait
		}
		// Spread the crowd that was throttled together.
		wait += time.Duration(rand.Int64N(int64(wait)/4 + 1)) //nolint:gosec // a spread is no secret
		since := d.Due()
		if job.CreatedAt.After(since) {
			since = job.CreatedAt
		}
		if now.Add(wait).After(since.Add(throttleDeadline)) {
			v.outcome.Attempt.Error = channels.CleanText("throttled for too long; " + e.Message)
			return dead()
		}
		if retry(wait); v.outcome.Status == store.DeliveryFailed {
			v.outcome.Throttled = true
			v.result = river.JobSnooze(wait)
		}
		return v
	case channels.Uncertain:
		if p.OnUncertain == channels.Hold {
			v.outcome.Attempt.Error = channels.CleanText(v.outcome.Attempt.Code + ": " + e.Message)
			v.outcome.Attempt.Code = channels.CodeUncertainOutcome
			return dead()
		}
	case channels.Transient, channels.Misconfigured:
	}
	if job.Attempt >= job.MaxAttempts {
		v.outcome.Status = store.DeliveryDead
		v.result = reason // River discards a job whose attempts are spent
		return v
	}
	return retry(max(s.settings.Load().Defaults.backoff(job.Attempt), asked))
}

// retriedByHand says whether somebody sent the job of a closed delivery again (in
// River UI, say), as opposed to River giving a second time to a worker that was
// lost after its outcome was recorded.
func retriedByHand(job *rivertype.JobRow, d store.Delivery) bool {
	switch d.Status {
	case store.DeliveryCancelled:
		return true // it was cancelled because its job had ended
	case store.DeliveryDead:
		if job.Attempt > d.Attempts+1 {
			return true // the reconciler closed it after its job had ended
		}
		return job.Attempt == d.Attempts+1 && finishedByRiver(job, d.Attempts)
	default:
		return false
	}
}

// finishedByRiver says whether River took note of the end of an attempt. It
// appends the worker's error then; for a lost worker there is none, or the
// rescuer's.
func finishedByRiver(job *rivertype.JobRow, attempt int) bool {
	for _, e := range job.Errors {
		if e.Attempt == attempt {
			return e.Error != rescuedText
		}
	}
	return false
}

// rescuedText is what River's rescuer writes as a lost attempt's error.
const rescuedText = "Stuck job rescued by JobRescuer"
