package delivering_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/store"
)

// Two replicas together keep a provider's rate limit.
func TestPaceOverReplicas(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		const interval, deliveries = 20 * time.Millisecond, 60
		var mu sync.Mutex
		var calls []time.Time
		b.Provider.Answer(func(channels.Message) (channels.Receipt, error) {
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, time.Now())
			return channels.Receipt{}, nil
		})
		settings := b.Settings(channels.Resend)
		provider, _ := settings.Registry.Provider("test")
		provider.Interval = interval
		settings.Registry = channels.NewRegistry(map[string]channels.Provider{"test": provider})
		b.Jobs.Apply(settings)
		b.Start()
		b.Start()             // a second client on the same database
		started := time.Now() // the first slot is later
		a, err := b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("k", deliveries))
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			n, err := b.Store.Notification(t.Context(), a.NotificationID)
			return err == nil && n.Status == store.NotificationSuccess
		}, limit.Wait, 20*time.Millisecond)
		for _, d := range b.Deliveries(a.NotificationID) {
			require.Equal(t, 1, d.Attempts, "waiting for a slot spends no attempt")
		}
		// No call comes before its slot. A busy machine may make some calls late.
		require.Len(t, calls, deliveries)
		for i, at := range calls {
			require.GreaterOrEqual(t, at.Sub(started), time.Duration(i)*interval, "call %d", i)
		}
	})
}

// A job whose slot is far away is not taken, so it keeps its place.
func TestPaceLeavesJobsWithADistantSlot(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		settings := b.Settings(channels.Resend)
		provider, _ := settings.Registry.Provider("test")
		provider.Interval = time.Hour
		settings.Registry = channels.NewRegistry(map[string]channels.Provider{"test": provider})
		b.Jobs.Apply(settings)
		first := b.Accept("first")
		b.Start()
		b.WaitFor(first.ID, store.DeliverySuccess)
		second := b.Accept("second")
		b.Start() // it fetches, too
		time.Sleep(1500 * time.Millisecond)
		require.Equal(t, "available", b.JobState(second.JobID))
		require.Equal(t, "0", b.QueryText("SELECT CAST(attempt AS text) FROM river_job WHERE id = $1", second.JobID))
		d, err := b.Store.Delivery(t.Context(), second.ID)
		require.NoError(t, err)
		require.Equal(t, store.DeliveryPending, d.Status)
		require.Len(t, b.Provider.Calls, 1)
	})
}

// A job in no line of its provider is snoozed when its slot is far away.
func TestPaceSnoozesJobsWithADistantSlot(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		settings := b.Settings(channels.Resend)
		provider, _ := settings.Registry.Provider("test")
		provider.Interval = time.Hour
		settings.Registry = channels.NewRegistry(map[string]channels.Provider{"test": provider})
		b.Jobs.Apply(settings)
		first := b.Accept("first")
		b.Start()
		b.WaitFor(first.ID, store.DeliverySuccess)
		second := b.Accept("second")
		b.Exec("UPDATE river_job SET queue = 'test' WHERE id = $1", second.JobID)
		require.Eventually(t, func() bool { return b.JobState(second.JobID) == "scheduled" }, limit.Wait, 5*time.Millisecond)
		d, err := b.Store.Delivery(t.Context(), second.ID)
		require.NoError(t, err)
		require.Equal(t, store.DeliveryPending, d.Status)
		require.Zero(t, d.Attempts)
		require.Len(t, b.Provider.Calls, 1)
	})
}

// A delivery that waits for a slot expires on time, before its turn.
func TestPaceExpiresOnTime(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		settings := b.Settings(channels.Resend)
		provider, _ := settings.Registry.Provider("test")
		provider.Interval = time.Hour
		settings.Registry = channels.NewRegistry(map[string]channels.Provider{"test": provider})
		b.Jobs.Apply(settings)
		b.Start()
		b.WaitFor(b.Accept("first").ID, store.DeliverySuccess)
		d := b.AcceptWith("second", func(r *accepting.Request) { r.ExpiresAt = jobstest.FromNow(time.Second) })
		require.Equal(t, store.CodeExpired, b.WaitFor(d.ID, store.DeliveryDead).LastCode)
		require.Len(t, b.Provider.Calls, 1)
	})
}
