package delivering

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/routing"
	"github.com/labring/sealos-notify/store"
)

const (
	// throttleWait is the wait when the vendor does not say how long.
	throttleWait = 5 * time.Second
	// waitLimit is how long a vendor may put a delivery off, from when it was due or
	// requeued. River's snooze has no limit.
	waitLimit = 24 * time.Hour
	// lastTry is how long before its expiresAt a delivery is tried again when the vendor asks
	// for a longer wait; half the time that is left when that is less. Jobs start up to 5 s late.
	lastTry = 10 * time.Second
	// maxDetails bounds a receipt's details, in bytes of JSON.
	maxDetails = 16 << 10
)

// decision builds the outcome of a failed attempt and what River does next.
type decision struct {
	run     *run
	outcome store.Outcome
	err     *channels.Error
	now     time.Time
}

// decide returns the outcome of an attempt and what River does next. Only the class of the
// error decides. River notes the class and the code, but not the vendor's text.
func decide(r *run, receipt channels.Receipt, sendErr error) (store.Outcome, *Next) {
	now := store.Now()
	outcome := store.Outcome{
		Attempt: store.Attempt{
			ID: uuid.Must(uuid.NewV7()), DeliveryID: r.delivery.ID, JobID: r.job.ID, Attempt: r.job.Attempt,
			Provider: r.provider.Name, FinishedAt: now, Details: encodeDetails(receipt.Details),
		},
		Status: store.DeliverySuccess,
		Took:   now.Sub(r.delivery.Due()),
	}
	if sendErr == nil {
		outcome.Reference = receipt.MessageID
		if r.open {
			outcome.Card = receipt.Reference
		}
		return outcome, complete()
	}
	d := &decision{run: r, outcome: outcome, err: channels.AsError(sendErr), now: now}
	d.outcome.Attempt.Class = string(d.err.Class)
	d.describe(d.err.Code, d.err.Message)
	next := d.byClass()
	return d.outcome, next
}

func (d *decision) byClass() *Next {
	switch d.err.Class {
	case channels.Permanent:
		d.suppress()
		return d.dead()
	case channels.Throttled:
		return d.throttled()
	case channels.Uncertain:
		if d.run.provider.OnUncertain == channels.Hold {
			d.describe(channels.CodeUncertainOutcome, d.err.Code+": "+d.err.Message)
			return d.dead()
		}
	case channels.Transient, channels.Misconfigured:
	}
	moves := d.moves(0)
	if moves && (d.run.other.ahead || d.run.probes) {
		return d.moveAhead()
	}
	d.keep()
	if d.run.probes && isOutage(d.err) {
		return d.putOff(probePause, "the provider has failed for too long; ")
	}
	if d.run.job.Attempt >= d.run.job.MaxAttempts {
		d.outcome.Status = store.DeliveryDead
		return retryAt(time.Time{}, d.reason()) // River discards the job
	}
	if moves { // back to one that it has been at
		d.outcome.NextProvider, d.outcome.Line = d.run.other.provider, d.run.other.line
		return d.retry(d.run.tries.Backoff(d.run.job.Attempt))
	}
	return d.retry(max(d.run.tries.Backoff(d.run.job.Attempt), d.shortened(d.err.RetryAfter)))
}

// moves reports whether the delivery leaves its provider, which asks for the wait if it throttles.
func (d *decision) moves(wait time.Duration) bool {
	r := d.run
	return r.other != nil && routing.Failure{
		Class:   d.err.Class,
		Again:   r.delivery.Attempts > 0 && r.delivery.Provider == r.provider.Name,
		Last:    r.job.Attempt >= r.job.MaxAttempts,
		Open:    r.other.open,
		Dedupes: r.provider.Type.Dedupes,
		Wait:    wait, Other: r.other.wait,
	}.Moves()
}

// moveAhead moves the delivery to a provider that it has not been at. It spends no attempt: one
// attempt is one walk along the route, so more providers do not use up the retries sooner.
func (d *decision) moveAhead() *Next {
	next := d.retry(d.run.other.wait)
	if next.Action == Retry {
		d.outcome.NextProvider, d.outcome.Line, d.outcome.Unspent = d.run.other.provider, d.run.other.line, true
		return snooze(d.run.other.wait)
	}
	return next
}

// keep binds a delivery that may have arrived to its provider, which drops the repetition.
func (d *decision) keep() {
	r := d.run
	if r.keeps || d.err.Class == channels.Uncertain && r.provider.Type.Dedupes && len(r.route) > 1 {
		d.outcome.NextProvider, d.outcome.Pinned = r.provider.Name, true
	}
}

// describe sets what the attempt says about its failure.
func (d *decision) describe(code, text string) {
	d.outcome.Attempt.Code, d.outcome.Attempt.Error = channels.CleanText(code), channels.CleanText(text)
}

// suppress keeps further deliveries from an address that does not exist.
func (d *decision) suppress() {
	days := d.run.tries.SuppressDays
	if d.err.AddressGone && days > 0 && !d.run.delivery.Test {
		until := d.now.AddDate(0, 0, days)
		d.outcome.SuppressUntil = &until
	}
}

func (d *decision) dead() *Next {
	d.outcome.Status = store.DeliveryDead
	return cancel(d.reason())
}

// retry schedules the next attempt, outside of quiet hours, unless the delivery expires before.
func (d *decision) retry(wait time.Duration) *Next {
	at := d.run.delivery.Awake(d.now.Add(wait))
	if d.run.delivery.ExpiredAt(at) {
		d.describe(store.CodeExpired, d.err.Code+": "+d.err.Message)
		return d.dead()
	}
	d.outcome.Status = store.DeliveryFailed
	d.outcome.NextRetryAt = &at
	return retryAt(at, d.reason())
}

// throttled puts the delivery off for as long as the vendor asks.
func (d *decision) throttled() *Next {
	wait := askedWait(d.err)
	if d.moves(wait) {
		if d.run.other.ahead {
			return d.moveAhead()
		}
		wait = max(d.run.other.wait, time.Second)
		d.outcome.NextProvider, d.outcome.Line = d.run.other.provider, d.run.other.line
	}
	d.keep()
	// Those that were throttled together do not come back together.
	wait += time.Duration(rand.Int64N(int64(wait)/4 + 1)) //nolint:gosec // not a secret
	return d.putOff(wait, "throttled for too long; ")
}

// askedWait returns how long a provider that throttles asks for.
func askedWait(e *channels.Error) time.Duration {
	if e.RetryAfter <= 0 {
		return throttleWait
	}
	return min(e.RetryAfter, waitLimit) // a vendor may name the year 9999
}

// putOff puts the delivery off without spending an attempt, or ends it when it was put off for
// too long.
func (d *decision) putOff(wait time.Duration, tooLong string) *Next {
	if wait = d.shortened(wait); wait <= 0 {
		d.describe(d.err.Code, tooLong+d.err.Message)
		return d.dead()
	}
	next := d.retry(wait)
	if next.Action == Retry {
		d.outcome.Unspent = true
		return snooze(wait)
	}
	return next
}

// shortened returns the vendor's wait, or as much of it as leaves the delivery one more try.
// It returns 0 when the vendor may put the delivery off no longer.
func (d *decision) shortened(wait time.Duration) time.Duration {
	wait = min(wait, max(0, d.run.waitsSince().Add(waitLimit).Sub(d.now)))
	if expires := d.run.delivery.ExpiresAt; expires != nil {
		left := expires.Sub(d.now)
		if left -= min(lastTry, left/2); left > time.Second {
			wait = min(wait, left)
		}
	}
	return wait
}

// reason returns what River notes: the class and the code.
func (d *decision) reason() string {
	return d.outcome.Attempt.Class + ": " + d.outcome.Attempt.Code
}

// isReason reports whether River's note of an attempt holds a reason of ours.
func isReason(note string) bool {
	for _, class := range []channels.Class{
		channels.Permanent, channels.Transient, channels.Throttled, channels.Misconfigured, channels.Uncertain,
	} {
		if strings.Contains(note, string(class)+": ") {
			return true
		}
	}
	return false
}

// restartedByOperator reports whether an operator started the job of a closed delivery again,
// in River UI for example. Otherwise River gives the job to a second worker because the first
// was lost after it had recorded its outcome.
func restartedByOperator(job Job, d store.Delivery) bool {
	switch d.Status {
	case store.DeliveryCancelled:
		return true // it was cancelled because its job had ended
	case store.DeliveryDead:
		if job.Attempt > d.Attempts+1 {
			return true // it was closed as an orphan after its job had ended
		}
		return job.Attempt == d.Attempts+1 && returned(job, d.Attempts)
	default:
		return false
	}
}

// returned reports whether the worker of that attempt returned to River, which notes the
// worker's error then. Of a lost worker River notes nothing, or a text of its own.
func returned(job Job, attempt int) bool {
	for _, e := range job.Errors {
		if e.Attempt == attempt {
			return isReason(e.Text)
		}
	}
	return false
}

// encodeDetails returns a receipt's details as JSON, its texts clean. It returns nil for
// details that cannot be encoded or that are too large: they are for people and decide
// nothing.
func encodeDetails(details map[string]any) []byte {
	if len(details) == 0 {
		return nil
	}
	clean := make(map[string]any, len(details))
	for name, value := range details {
		switch v := value.(type) {
		case string:
			value = channels.CleanText(v)
		case []string:
			texts := make([]string, len(v))
			for i, text := range v {
				texts[i] = channels.CleanText(text)
			}
			value = texts
		}
		clean[name] = value
	}
	b, err := json.Marshal(clean)
	if err != nil || len(b) > maxDetails {
		return nil
	}
	return b
}
