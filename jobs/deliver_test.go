package jobs

import (
	"errors"
	"testing"
	"time"

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
