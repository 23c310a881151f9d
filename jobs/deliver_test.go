package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

func TestDeliverSuccess(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		b.provider.then(func(channels.Message) (channels.Receipt, error) {
			return channels.Receipt{Details: map[string]any{"message_id": "om_1"}}, nil
		})
		b.start()
		accepted := b.accept("k")

		m := b.called()
		require.Equal(t, accepted.ID, m.DeliveryID)
		require.Equal(t, 1, m.Attempt)
		require.Equal(t, "Hello world", m.Body)
		require.Equal(t, channels.Recipient(accepted.Recipient), m.Recipient)

		d := b.until(accepted.ID, store.DeliverySuccess)
		require.JSONEq(t, `{"message_id": "om_1"}`, string(d.Details))
		require.Equal(t, 1, d.Attempts)
		n, err := b.store.Notification(t.Context(), d.NotificationID)
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
			eachEngine(t, func(t *testing.T, b *bundle) {
				b.provider.fail(c.err)
				b.start()
				accepted := b.accept("k")
				d := b.until(accepted.ID, store.DeliveryDead)
				require.Len(t, b.provider.calls, c.calls)
				require.Equal(t, c.code, d.LastCode)
				require.NotContains(t, d.LastError, "canary")
				require.Equal(t, c.attempts, d.Attempts)
				require.Nil(t, d.NextRetryAt)
				attempts, err := b.store.Attempts(t.Context(), d.ID)
				require.NoError(t, err)
				require.Len(t, attempts, c.calls)
				for i := range c.calls {
					m := b.called()
					require.Equal(t, d.ID, m.DeliveryID, "every attempt shows the same mark")
					require.Equal(t, i+1, m.Attempt)
				}
				n, err := b.store.Notification(t.Context(), d.NotificationID)
				require.NoError(t, err)
				require.Equal(t, store.NotificationFailed, n.Status)
			})
		})
	}
}

func TestDeliverHoldsUncertain(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		b.service.Apply(b.settings(channels.Hold))
		b.provider.fail(&channels.Error{Class: channels.Uncertain, Code: "timeout", Message: "no answer"})
		b.start()
		d := b.until(b.accept("k").ID, store.DeliveryDead)
		require.Len(t, b.provider.calls, 1)
		require.Equal(t, channels.CodeUncertainOutcome, d.LastCode)
		require.Equal(t, "timeout: no answer", d.LastError)
	})
}

func TestDeliverRetryTime(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		settings := b.settings(channels.Resend)
		settings.Defaults.RetryBackoffSeconds = []int{100, 200}
		b.service.Apply(settings)
		b.provider.fail(&channels.Error{Class: channels.Transient, Code: "away"})
		b.start()
		before := time.Now()
		d := b.until(b.accept("k").ID, store.DeliveryFailed)
		require.WithinDuration(t, before.Add(100*time.Second), *d.NextRetryAt, 20*time.Second)
		require.Equal(t, 1, d.Attempts)
		require.Equal(t, []time.Duration{100 * time.Second, 200 * time.Second, 200 * time.Second}, []time.Duration{
			settings.Defaults.backoff(1), settings.Defaults.backoff(2), settings.Defaults.backoff(3),
		})
	})
}

func TestDeliverThrottledSpendsNoAttempt(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		b.provider.fail(&channels.Error{Class: channels.Throttled, Code: "slow_down", RetryAfter: 10 * time.Millisecond})
		b.start()
		accepted := b.accept("k")
		for range 6 { // more often than there are attempts
			require.Equal(t, 1, b.called().Attempt)
		}
		b.provider.fail(nil)
		d := b.until(accepted.ID, store.DeliverySuccess)
		require.Equal(t, 1, d.Attempts)
	})
}

func TestDeliverThrottledForTooLong(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		b.provider.fail(&channels.Error{Class: channels.Throttled, Code: "slow_down", RetryAfter: throttleDeadline + time.Hour})
		b.start()
		d := b.until(b.accept("k").ID, store.DeliveryDead)
		require.Equal(t, "slow_down", d.LastCode)
		require.Contains(t, d.LastError, "throttled for too long")
	})
}

func TestDeliverPanic(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		b.provider.then(func(channels.Message) (channels.Receipt, error) { panic("canary-secret") })
		b.start()
		d := b.until(b.accept("k").ID, store.DeliveryDead)
		require.Equal(t, "panic", d.LastCode)
		require.NotContains(t, d.LastError, "canary")
	})
}

func TestDeliverChannelSwitchedOff(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		accepted := b.accept("k")
		off := b.settings(channels.Resend)
		off.Defaults.RetryBackoffSeconds = []int{1}
		off.Registry = channels.NewRegistry(nil)
		b.service.Apply(off)
		b.start()
		d := b.until(accepted.ID, store.DeliveryFailed)
		require.Equal(t, "channel_off", d.LastCode)
		b.service.Apply(b.settings(channels.Resend))
		b.until(accepted.ID, store.DeliverySuccess)
	})
}

// A worker that took an attempt and left no record of it may have sent.
func TestDeliverAfterLostWorker(t *testing.T) {
	lose := func(b *bundle, d store.Delivery) {
		b.exec("UPDATE river_job SET attempt = 1 WHERE id = $1", d.JobID)
	}
	t.Run("resend", func(t *testing.T) {
		eachEngine(t, func(t *testing.T, b *bundle) {
			d := b.accept("k")
			lose(b, d)
			b.start()
			require.Equal(t, 2, b.called().Attempt)
			require.Equal(t, 2, b.until(d.ID, store.DeliverySuccess).Attempts)
		})
	})
	t.Run("hold", func(t *testing.T) {
		eachEngine(t, func(t *testing.T, b *bundle) {
			b.service.Apply(b.settings(channels.Hold))
			d := b.accept("k")
			lose(b, d)
			b.start()
			d = b.until(d.ID, store.DeliveryDead)
			require.Equal(t, channels.CodeUncertainOutcome, d.LastCode)
			require.Empty(t, b.provider.calls)
		})
	})
}

// A worker that was killed after the record and before River knew must not lead
// to a second send.
func TestDeliverRecordedBefore(t *testing.T) {
	for _, status := range []store.DeliveryStatus{store.DeliverySuccess, store.DeliveryDead} {
		t.Run(string(status), func(t *testing.T) {
			eachEngine(t, func(t *testing.T, b *bundle) {
				d := b.accept("k")
				b.exec("UPDATE river_job SET attempt = 1 WHERE id = $1", d.JobID)
				recorded, err := b.store.Record(t.Context(), []store.Outcome{{Status: status, Attempt: store.Attempt{
					ID: d.MessageID, DeliveryID: d.ID, JobID: d.JobID, Attempt: 1, StartedAt: store.Now(), FinishedAt: store.Now(),
				}}})
				require.NoError(t, err)
				require.Equal(t, []bool{true}, recorded)
				b.start()
				other := b.accept("other")
				require.Equal(t, other.ID, b.called().DeliveryID)
				b.until(other.ID, store.DeliverySuccess)
				require.Empty(t, b.provider.calls)
				require.Equal(t, status, b.until(d.ID, status).Status)
			})
		})
	}
}

// A worker is lost, the channel is off for a while, and on again: that the lost
// worker may have sent is not forgotten.
func TestDeliverAfterLostWorkerWhileTheChannelIsOff(t *testing.T) {
	held := testChannel
	held.OnUncertain = channels.Hold
	eachEngine(t, func(t *testing.T, b *bundle) {
		b.service.types["test"] = held
		d := b.accept("k")
		b.exec("UPDATE river_job SET attempt = 1 WHERE id = $1", d.JobID)
		off := b.settings(channels.Hold)
		off.Registry = channels.NewRegistry(nil)
		b.service.Apply(off)
		b.start()
		require.Equal(t, channels.CodeUncertainOutcome, b.until(d.ID, store.DeliveryDead).LastCode)
		require.Empty(t, b.provider.calls)
	})
}

// lossy is a store that loses the replies to commits: what it has recorded it
// says it has not, once for each outcome.
type lossy struct {
	store.Store
	mu   sync.Mutex
	lost map[uuid.UUID]bool
}

func (l *lossy) Record(ctx context.Context, batch []store.Outcome) ([]bool, error) {
	recorded, err := l.Store.Record(ctx, batch)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range batch {
		if !l.lost[o.Attempt.ID] {
			l.lost[o.Attempt.ID] = true
			err = fmt.Errorf("%w: the reply is lost", store.ErrUnavailable)
		}
	}
	return recorded, err
}

// An outcome is recorded, and the reply to its commit is lost. What was decided
// stands: what is dead or held is not sent again, and no attempt is lost.
func TestDeliverWhenTheReplyToTheRecordIsLost(t *testing.T) {
	for name, c := range map[string]struct {
		err    *channels.Error
		status store.DeliveryStatus
		calls  int
	}{
		"success":   {nil, store.DeliverySuccess, 1},
		"dead":      {&channels.Error{Class: channels.Permanent, Code: "refused"}, store.DeliveryDead, 1},
		"held":      {&channels.Error{Class: channels.Uncertain, Code: "timeout"}, store.DeliveryDead, 1},
		"transient": {&channels.Error{Class: channels.Transient, Code: "away"}, store.DeliveryDead, 4},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, b *bundle) {
				b.service.store = &lossy{Store: b.store, lost: map[uuid.UUID]bool{}}
				b.service.Apply(b.settings(channels.Hold))
				if c.err != nil {
					b.provider.fail(c.err)
				}
				b.start()
				d := b.until(b.accept("k").ID, c.status)
				require.Equal(t, c.calls, d.Attempts)
				require.Eventually(t, func() bool {
					return !slices.Contains([]string{"available", "running", "retryable", "scheduled"}, b.jobState(d.JobID))
				}, 30*time.Second, 5*time.Millisecond, "the job has ended with its delivery")
				require.Len(t, b.provider.calls, c.calls)
				require.Equal(t, d, b.until(d.ID, c.status))
			})
		})
	}
	t.Run("throttled", func(t *testing.T) {
		eachEngine(t, func(t *testing.T, b *bundle) {
			b.service.store = &lossy{Store: b.store, lost: map[uuid.UUID]bool{}}
			b.service.Apply(b.settings(channels.Hold))
			b.provider.fail(&channels.Error{Class: channels.Throttled, Code: "slow_down", RetryAfter: time.Millisecond})
			b.start()
			accepted := b.accept("k")
			b.called()
			b.provider.fail(nil)
			d := b.until(accepted.ID, store.DeliverySuccess)
			require.Equal(t, 1, d.Attempts)
		})
	})
}

// away is a store that is away the first times that a delivery is read.
type away struct {
	store.Store
	reads atomic.Int64
}

func (a *away) FindDeliveries(ctx context.Context, ids []uuid.UUID) ([]store.Delivery, error) {
	if a.reads.Add(1) <= 3 {
		return nil, store.ErrUnavailable
	}
	return a.Store.FindDeliveries(ctx, ids)
}

// While the database is away, River can write nothing down either: jobs are kept,
// not given back.
func TestDeliverWaitsForTheDatabase(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		b.service.store = &away{Store: b.store}
		b.start()
		d := b.until(b.accept("k").ID, store.DeliverySuccess)
		require.Equal(t, 1, d.Attempts)
		require.Empty(t, b.look("SELECT metadata->>'snoozes' FROM river_job WHERE id = $1", d.JobID))
	})
}

// A job whose time is nearly up is given back instead of being sent: the send
// would go on while another worker has the job.
func TestDeliverSendsNothingThatWouldOutliveTheLease(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		settings := b.settings(channels.Hold)
		settings.Defaults.TimeoutSeconds = 60
		b.service.Apply(settings)
		d := b.accept("k")
		b.start() // with a lease of 30 s
		require.Eventually(t, func() bool {
			return b.look("SELECT metadata->>'snoozes' FROM river_job WHERE id = $1", d.JobID) != ""
		}, 30*time.Second, 5*time.Millisecond, "it is put off")
		require.Empty(t, b.provider.calls)
		b.service.Apply(b.settings(channels.Hold))
		require.Equal(t, 1, b.until(d.ID, store.DeliverySuccess).Attempts)
	})
}

// A worker that comes back after its lease takes nothing from the one that has the
// job by now.
func TestLateWorkerDoesNotTakeBackTheAttempt(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		d := b.accept("k")
		late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancel()
		job := &river.Job[DeliverArgs]{JobRow: &rivertype.JobRow{ID: d.JobID, Attempt: 1, MaxAttempts: 4}, Args: DeliverArgs{DeliveryID: d.ID}}
		worker := &deliverWorker{service: b.service}
		err := worker.Work(late, job)
		require.Error(t, err)
		require.False(t, errors.As(err, new(*river.JobSnoozeError)), "%v", err)
		require.WithinDuration(t, time.Now().Add(5*time.Second+recordTimeout), worker.NextRetry(job), 3*time.Second)
		require.Empty(t, b.provider.calls)
	})
}

func TestStopFinishesSends(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		release := make(chan struct{})
		b.provider.then(func(channels.Message) (channels.Receipt, error) {
			<-release
			return channels.Receipt{}, nil
		})
		c := b.open(Dispatcher{Enabled: true, Interval: 100 * time.Millisecond, BatchSize: 20, LeaseTimeout: 30 * time.Second})
		require.NoError(t, c.Start(t.Context()))
		d := b.accept("k")
		b.called()
		stopped := make(chan error, 1)
		go func() { stopped <- c.Stop() }()
		select {
		case err := <-stopped:
			require.FailNow(t, "Stop did not wait for the send", "%v", err)
		case <-time.After(50 * time.Millisecond):
		}
		close(release)
		require.NoError(t, <-stopped)
		got, err := b.store.Delivery(t.Context(), d.ID)
		require.NoError(t, err)
		require.Equal(t, store.DeliverySuccess, got.Status)
	})
}
