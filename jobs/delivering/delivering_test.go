package delivering_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/delivering"
	"github.com/labring/sealos-notify/store"
)

func TestDeliverSuccess(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Provider.Answer(func(channels.Message) (channels.Receipt, error) {
			return channels.Receipt{Details: map[string]any{"message_id": "om_1"}}, nil
		})
		b.Start()
		accepted := b.Accept("k")

		m := b.NextCall()
		require.Equal(t, accepted.ID, m.DeliveryID)
		require.Equal(t, 1, m.Attempt)
		require.Equal(t, "Hello world", m.Body)
		require.Equal(t, channels.Recipient{Type: accepted.Recipient.Type, Value: accepted.Recipient.Value}, m.Recipient)

		d := b.WaitFor(accepted.ID, store.DeliverySuccess)
		require.JSONEq(t, `{"message_id": "om_1"}`, string(d.Details))
		require.Equal(t, 1, d.Attempts)
		n, err := b.Store.Notification(t.Context(), d.NotificationID)
		require.NoError(t, err)
		require.Equal(t, store.NotificationSuccess, n.Status)
	})
}

func TestDeliverByClass(t *testing.T) {
	for name, c := range map[string]struct {
		err      error
		calls    int
		code     string
		attempts int
	}{
		"permanent is dead at once": {&channels.Error{Class: channels.Permanent, Code: "bad"}, 1, "bad", 1},
		"transient is retried":      {&channels.Error{Class: channels.Transient, Code: "away"}, 4, "away", 4},
		"misconfigured is retried":  {&channels.Error{Class: channels.Misconfigured, Code: "secret"}, 4, "secret", 4},
		"uncertain is sent again":   {&channels.Error{Class: channels.Uncertain, Code: "timeout"}, 4, "timeout", 4},
		"unknown is transient":      {errors.New("canary-secret"), 4, "internal", 4},
	} {
		t.Run(name, func(t *testing.T) {
			jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
				b.Provider.Fail(c.err)
				b.Start()
				accepted := b.Accept("k")
				d := b.WaitFor(accepted.ID, store.DeliveryDead)
				require.Len(t, b.Provider.Calls, c.calls)
				require.Equal(t, c.code, d.LastCode)
				require.NotContains(t, d.LastError, "canary")
				require.Equal(t, c.attempts, d.Attempts)
				require.Nil(t, d.NextRetryAt)
				attempts, err := b.Store.Attempts(t.Context(), d.ID)
				require.NoError(t, err)
				require.Len(t, attempts, c.calls)
				for i := range c.calls {
					m := b.NextCall()
					require.Equal(t, d.ID, m.DeliveryID, "every attempt has the same delivery id")
					require.Equal(t, i+1, m.Attempt)
				}
				n, err := b.Store.Notification(t.Context(), d.NotificationID)
				require.NoError(t, err)
				require.Equal(t, store.NotificationFailed, n.Status)
			})
		})
	}
}

func TestDeliverHoldsUncertain(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Jobs.Apply(b.Settings(channels.Hold))
		b.Provider.Fail(&channels.Error{Class: channels.Uncertain, Code: "timeout", Message: "no answer"})
		b.Start()
		d := b.WaitFor(b.Accept("k").ID, store.DeliveryDead)
		require.Len(t, b.Provider.Calls, 1)
		require.Equal(t, channels.CodeUncertainOutcome, d.LastCode)
		require.Equal(t, "timeout: no answer", d.LastError)
	})
}

func TestDeliverRetryTime(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		settings := b.Settings(channels.Resend)
		settings.Defaults.RetryBackoffSeconds = []int{100, 200}
		b.Jobs.Apply(settings)
		b.Provider.Fail(&channels.Error{Class: channels.Transient, Code: "away"})
		b.Start()
		before := time.Now()
		d := b.WaitFor(b.Accept("k").ID, store.DeliveryFailed)
		require.WithinDuration(t, before.Add(100*time.Second), *d.NextRetryAt, 20*time.Second)
		require.Equal(t, 1, d.Attempts)
		require.Equal(t, []time.Duration{100 * time.Second, 200 * time.Second, 200 * time.Second}, []time.Duration{
			settings.Defaults.Backoff(1), settings.Defaults.Backoff(2), settings.Defaults.Backoff(3),
		})
	})
}

func TestDeliverThrottledSpendsNoAttempt(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Provider.Fail(&channels.Error{Class: channels.Throttled, Code: "slow_down", RetryAfter: 10 * time.Millisecond})
		b.Start()
		accepted := b.Accept("k")
		for range 6 { // more calls than attempts
			require.Equal(t, 1, b.NextCall().Attempt)
		}
		b.Provider.Fail(nil)
		d := b.WaitFor(accepted.ID, store.DeliverySuccess)
		require.Equal(t, 1, d.Attempts)
	})
}

func TestDeliverPanic(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Provider.Answer(func(channels.Message) (channels.Receipt, error) { panic("canary-secret") })
		b.Start()
		d := b.WaitFor(b.Accept("k").ID, store.DeliveryDead)
		require.Equal(t, "panic", d.LastCode)
		require.NotContains(t, d.LastError, "canary")
	})
}

// A provider that ignores its time holds no worker, and its late success is not lost on the
// recipient: the outcome is uncertain.
func TestDeliverAbandonsACallThatDoesNotEnd(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		settings := b.Settings(channels.Hold)
		settings.Defaults.TimeoutSeconds = 1
		b.Jobs.Apply(settings)
		release := make(chan struct{})
		t.Cleanup(func() { close(release) })
		b.Provider.Answer(func(channels.Message) (channels.Receipt, error) {
			<-release // whatever the context says
			return channels.Receipt{}, nil
		})
		b.Start()
		d := b.WaitFor(b.Accept("k").ID, store.DeliveryDead)
		require.Equal(t, channels.CodeUncertainOutcome, d.LastCode)
		require.Contains(t, d.LastError, "timeout")
	})
}

func TestDeliverOnADisabledChannel(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		accepted := b.Accept("k")
		off := b.Settings(channels.Resend)
		off.Defaults.RetryBackoffSeconds = []int{1}
		off.Registry = channels.NewRegistry(nil)
		b.Jobs.Apply(off)
		b.Start()
		d := b.WaitFor(accepted.ID, store.DeliveryFailed)
		require.Equal(t, "channel_off", d.LastCode)
		b.Jobs.Apply(b.Settings(channels.Resend))
		b.WaitFor(accepted.ID, store.DeliverySuccess)
	})
}

func TestStopFinishesSends(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		release := make(chan struct{})
		b.Provider.AnswerAfter(release, func(channels.Message) (channels.Receipt, error) { return channels.Receipt{}, nil })
		c := b.Open(jobs.Dispatcher{Enabled: true, Interval: 100 * time.Millisecond, BatchSize: 20, LeaseTimeout: 30 * time.Second})
		require.NoError(t, c.Start(t.Context()))
		d := b.Accept("k")
		b.NextCall()
		stopped := make(chan error, 1)
		go func() { stopped <- c.Stop() }()
		select {
		case err := <-stopped:
			require.FailNow(t, "Stop did not wait for the send", "%v", err)
		case <-time.After(50 * time.Millisecond):
		}
		close(release)
		require.NoError(t, limit.Receive(t, stopped, "Stop"))
		got, err := b.Store.Delivery(t.Context(), d.ID)
		require.NoError(t, err)
		require.Equal(t, store.DeliverySuccess, got.Status)
	})
}

// A vendor's RetryAfter is bounded.
func TestRetryAfterIsBounded(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Start()
		for _, class := range []channels.Class{channels.Throttled, channels.Transient} {
			b.Provider.Fail(&channels.Error{Class: class, Code: "slow", RetryAfter: math.MaxInt64})
			d := b.WaitFor(b.Accept(string(class)).ID, store.DeliveryFailed)
			require.WithinDuration(t, time.Now().Add(delivering.WaitLimit), *d.NextRetryAt, time.Minute)
		}
	})
}

func TestExpiredDeliveryIsNotSent(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		d := b.AcceptWith("k", func(r *accepting.Request) { r.ExpiresAt = jobstest.FromNow(time.Hour) })
		b.Exec("UPDATE deliveries SET expires_at = created_at WHERE id = $1", d.ID)
		b.Start()
		d = b.WaitFor(d.ID, store.DeliveryDead)
		require.Equal(t, store.CodeExpired, d.LastCode)
		require.Empty(t, b.Provider.Calls)
	})
}

// The channel learns when the message is of no use any more.
func TestExpiresAtReachesTheChannel(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Start()
		d := b.AcceptWith("k", func(r *accepting.Request) { r.ExpiresAt = jobstest.FromNow(time.Hour) })
		require.WithinDuration(t, *d.ExpiresAt, b.NextCall().ExpiresAt, 0)
		b.Accept("never")
		require.Zero(t, b.NextCall().ExpiresAt)
	})
}

func TestNoRetryAfterExpiry(t *testing.T) {
	for name, c := range map[string]struct {
		err       error
		lastError string
	}{
		"transient": {&channels.Error{Class: channels.Transient, Code: "away", Message: "no route"}, "away: no route"},
		"uncertain": {&channels.Error{Class: channels.Uncertain, Code: "timeout", Message: "no answer"}, "timeout: no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
				settings := b.Settings(channels.Resend)
				settings.Defaults.RetryBackoffSeconds = []int{100}
				b.Jobs.Apply(settings)
				b.Provider.Fail(c.err)
				b.Start()
				lives := b.AcceptWith("lives", func(r *accepting.Request) { r.ExpiresAt = jobstest.FromNow(time.Hour) })
				dies := b.AcceptWith("dies", func(r *accepting.Request) { r.ExpiresAt = jobstest.FromNow(80 * time.Second) })
				d := b.WaitFor(dies.ID, store.DeliveryDead)
				require.Equal(t, store.CodeExpired, d.LastCode)
				require.Equal(t, c.lastError, d.LastError)
				require.Nil(t, d.NextRetryAt)
				b.WaitFor(lives.ID, store.DeliveryFailed)
				require.Len(t, b.Provider.Calls, 2)
			})
		})
	}
}

// A shutdown, or a cancelled job, does not stop a provider call that has begun. Its outcome is
// recorded.
func TestCallOutlivesTheJobsContext(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		d := b.Accept("k")
		job, cancel := context.WithCancel(t.Context())
		b.Provider.AnswerContext(func(ctx context.Context, _ channels.Message) (channels.Receipt, error) {
			cancel()
			deadline, bounded := ctx.Deadline()
			require.True(t, bounded, "the call has its own timeout")
			require.WithinDuration(t, time.Now().Add(5*time.Second), deadline, 3*time.Second)
			return channels.Receipt{}, ctx.Err()
		})
		next := b.Jobs.Deliverer.Deliver(job, delivering.Job{ID: d.JobID, DeliveryID: d.ID, Attempt: 1, MaxAttempts: 4})
		require.Equal(t, delivering.Complete, next.Action)
		require.Equal(t, store.DeliverySuccess, b.WaitFor(d.ID, store.DeliverySuccess).Status)
	})
}
