package jobs

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// dead accepts a delivery and lets the provider refuse it; the queues stand still
// afterwards, and River has taken note.
func (b *bundle) dead(key string) store.Delivery {
	b.t.Helper()
	b.provider.fail(&channels.Error{Class: channels.Permanent, Code: "refused"})
	c := b.start()
	d := b.until(b.accept(key).ID, store.DeliveryDead)
	require.NoError(b.t, c.Stop())
	b.called()
	b.provider.fail(nil)
	return d
}

func TestRetry(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		d := b.dead("k")
		b.template("hello-2", "text", "changed")
		require.NoError(t, b.service.Retry(t.Context(), d, ""))
		requireRefusal(t, b.service.Retry(t.Context(), d, ""), CodeDeliveryOpen, "")

		b.start()
		m := b.called()
		require.Equal(t, d.ID, m.DeliveryID, "the same mark")
		require.Equal(t, 1, m.Attempt)
		require.Equal(t, "Hello world", m.Body, "as it was rendered")
		got := b.until(d.ID, store.DeliverySuccess)
		require.Equal(t, 1, got.Attempts)
		requireRefusal(t, b.service.Retry(t.Context(), d, ""), CodeDeliveryArrived, "")
		requireRefusal(t, b.service.Retry(t.Context(), got, ""), CodeDeliveryArrived, "")

		attempts, err := b.store.Attempts(t.Context(), d.ID)
		require.NoError(t, err)
		require.Len(t, attempts, 2)
		require.Equal(t, "refused", attempts[0].Code)
		n, err := b.store.Notification(t.Context(), d.NotificationID)
		require.NoError(t, err)
		require.Equal(t, store.NotificationSuccess, n.Status)
	})
}

// Somebody sends the old job again in River UI after the delivery was given a new one.
func TestRetriedDeliveryHasOneJob(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		d := b.dead("k")
		require.NoError(t, b.service.Retry(t.Context(), d, ""))
		b.exec("UPDATE river_job SET state = 'available', finalized_at = NULL, max_attempts = max_attempts + 1 WHERE id = $1", d.JobID)
		b.start()
		b.until(d.ID, store.DeliverySuccess)
		require.Eventually(t, func() bool { return b.jobState(d.JobID) == string(rivertype.JobStateCancelled) }, 30*time.Second, 5*time.Millisecond)
		require.Len(t, b.provider.calls, 1)
	})
}

func TestRetryThroughAnotherProvider(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		spare := &provider{calls: make(chan channels.Message, 10)}
		spare.fail(&channels.Error{Class: channels.Permanent, Code: "spare_refused"})
		with := b.settings(channels.Resend)
		with.Registry = channels.NewRegistry(
			map[string]channels.Provider{"test": {Name: "test-provider", Type: testChannel, Sender: b.provider}},
			channels.Provider{Name: "spare", Type: testChannel, Sender: spare},
			channels.Provider{Name: "foreign", Type: otherChannel, Sender: spare})
		b.service.Apply(with)
		d := b.dead("k")
		requireRefusal(t, b.service.Retry(t.Context(), d, "nobody"), CodeUnknownProvider, "provider")
		requireRefusal(t, b.service.Retry(t.Context(), d, "foreign"), CodeUnknownProvider, "provider")
		require.Equal(t, store.DeliveryDead, b.until(d.ID, store.DeliveryDead).Status)

		require.NoError(t, b.service.Retry(t.Context(), d, "spare"))
		c := b.start()
		d = b.until(d.ID, store.DeliveryDead)
		require.Equal(t, []string{"spare", "spare_refused"}, []string{d.Provider, d.LastCode})
		require.NoError(t, c.Stop())
		require.Len(t, spare.calls, 1)
		require.Empty(t, b.provider.calls)

		// The spare is gone by the time of the attempt.
		require.NoError(t, b.service.Retry(t.Context(), d, "spare"))
		b.service.Apply(b.settings(channels.Resend))
		b.start()
		d = b.until(d.ID, store.DeliveryDead)
		require.Equal(t, "provider_gone", d.LastCode)
		require.NoError(t, b.service.Retry(t.Context(), d, ""))
		require.Equal(t, "test-provider", b.until(d.ID, store.DeliverySuccess).Provider, "the channel's own again")
	})
}

func TestRetryOnAChannelThatIsOff(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		d := b.dead("k")
		off := b.settings(channels.Resend)
		off.Registry = channels.NewRegistry(nil)
		b.service.Apply(off)
		requireRefusal(t, b.service.Retry(t.Context(), d, ""), CodeChannelOff, "")
		b.until(d.ID, store.DeliveryDead)
	})
}

func TestRetryMatching(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		const n = 2*retryBatch + 100
		b.provider.then(func(m channels.Message) (channels.Receipt, error) {
			code := "refused"
			if m.Recipient.Value == "user7@example.com" {
				code = "rare"
			}
			return channels.Receipt{}, &channels.Error{Class: channels.Permanent, Code: code}
		})
		c := b.start()
		a, err := b.service.Accept(t.Context(), request("k", n))
		require.NoError(t, err)
		counts := func() store.Counts {
			got, err := b.store.Notification(t.Context(), a.NotificationID)
			require.NoError(t, err)
			return got.Counts
		}
		require.Eventually(t, func() bool { return counts().Dead == n }, 60*time.Second, 10*time.Millisecond)
		require.NoError(t, c.Stop())
		b.provider.fail(nil)

		matching := func(r RetryRequest) Retried {
			done, err := b.service.RetryMatching(t.Context(), r)
			require.NoError(t, err)
			return done
		}
		all := store.DeliveryFilter{NotificationID: a.NotificationID}
		require.Equal(t, Retried{Matched: n}, matching(RetryRequest{Filter: all, DryRun: true, Limit: MaxRetried}))
		require.Equal(t, Retried{Matched: 700, More: true}, matching(RetryRequest{Filter: all, DryRun: true, Limit: 700}))
		require.Equal(t, Retried{Matched: n}, matching(RetryRequest{Filter: all, DryRun: true, Limit: n}), "exactly all")
		require.Equal(t, Retried{}, matching(RetryRequest{Filter: store.DeliveryFilter{Code: "none"}, Limit: MaxRetried}))
		require.Equal(t, n, counts().Dead, "a dry run changes nothing")
		for _, r := range []RetryRequest{
			{Filter: all, Provider: "nobody", Limit: 1},
			{Filter: store.DeliveryFilter{Channel: "other"}, Provider: "test-provider", Limit: 1},
		} {
			_, err := b.service.RetryMatching(t.Context(), r)
			requireRefusal(t, err, CodeUnknownProvider, "provider")
		}

		require.Equal(t, Retried{Matched: 1, Retried: 1}, matching(RetryRequest{Filter: store.DeliveryFilter{Code: "rare"}, Provider: "test-provider", Limit: MaxRetried}))
		require.Equal(t, Retried{Matched: 600, Retried: 600, More: true}, matching(RetryRequest{Filter: all, Limit: 600}))
		require.Equal(t, store.Counts{Total: n, Pending: 601, Dead: n - 601}, counts())
		require.Equal(t, Retried{Matched: n - 601, Retried: n - 601}, matching(RetryRequest{Filter: all, Limit: MaxRetried}), "goes on with the rest")
		b.start()
		require.Eventually(t, func() bool { return counts().Success == n }, 60*time.Second, 10*time.Millisecond)
	})
}

// What has expired goes no more; what was cancelled before its time waits for it.
func TestRetryKeepsToTheTimesOfTheRequest(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		soon := store.Now().Add(2 * time.Second)
		expiring := request("expiring", 2)
		expiring.ExpiresAt = &soon
		b.provider.fail(&channels.Error{Class: channels.Permanent, Code: "refused"})
		c := b.start()
		a, err := b.service.Accept(t.Context(), expiring)
		require.NoError(t, err)
		d := b.deliveries(a.NotificationID)[0]
		b.until(d.ID, store.DeliveryDead)
		b.until(b.deliveries(a.NotificationID)[1].ID, store.DeliveryDead)
		require.NoError(t, c.Stop())
		time.Sleep(time.Until(soon))
		requireRefusal(t, b.service.Retry(t.Context(), b.deliveries(a.NotificationID)[0], ""), CodeExpired, "")
		done, err := b.service.RetryMatching(t.Context(), RetryRequest{Filter: store.DeliveryFilter{NotificationID: a.NotificationID}, Limit: MaxRetried})
		require.NoError(t, err)
		require.Equal(t, Retried{}, done)

		later := store.Now().Add(time.Hour)
		scheduled := request("scheduled", 1)
		scheduled.SendAt = &later
		a, err = b.service.Accept(t.Context(), scheduled)
		require.NoError(t, err)
		require.NoError(t, b.service.Cancel(t.Context(), a.NotificationID))
		d = b.deliveries(a.NotificationID)[0]
		require.Equal(t, store.DeliveryCancelled, d.Status)
		require.NoError(t, b.service.Retry(t.Context(), d, ""))
		require.Equal(t, string(rivertype.JobStateScheduled), b.jobState(b.deliveries(a.NotificationID)[0].JobID))
	})
}

// A day is what throttling may take since the retry, not since the first day.
func TestThrottlingAfterARetry(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		now := time.Now()
		throttled := &channels.Error{Class: channels.Throttled, Code: "slow_down", RetryAfter: time.Second}
		for age, want := range map[time.Duration]store.DeliveryStatus{time.Minute: store.DeliveryFailed, 25 * time.Hour: store.DeliveryDead} {
			v := b.service.decide(&rivertype.JobRow{ID: 2, Attempt: 1, MaxAttempts: 4, CreatedAt: now.Add(-age)},
				store.Delivery{ID: uuid.New(), JobID: 2, CreatedAt: now.Add(-72 * time.Hour)}, channels.Provider{}, channels.Receipt{}, throttled)
			require.Equal(t, want, v.outcome.Status)
		}
	})
}
