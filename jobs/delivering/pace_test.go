package delivering_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/delivering"
	"github.com/labring/sealos-notify/store"
)

// Two replicas together never call a provider more often than its limit.
func TestPaceOverReplicas(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		const interval, deliveries = 20 * time.Millisecond, 60
		var mu sync.Mutex
		var calls []time.Time
		b.Provider.Then(func(channels.Message) (channels.Receipt, error) {
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
		b.Start()           // a second client on the same database
		begun := time.Now() // the first slot is later than this
		a, err := b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("k", deliveries))
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			n, err := b.Store.Notification(t.Context(), a.NotificationID)
			return err == nil && n.Status == store.NotificationSuccess
		}, 30*time.Second, 20*time.Millisecond)
		for _, d := range b.Deliveries(a.NotificationID) {
			require.Equal(t, 1, d.Attempts, "waiting for a slot spends no attempt")
		}
		// No call is before its slot, however late the machine makes some of them.
		require.Len(t, calls, deliveries)
		for i, at := range calls {
			require.GreaterOrEqual(t, at.Sub(begun), time.Duration(i)*interval, "call %d", i)
		}
	})
}

// Normal jobs reserve slots up to their horizon. An urgent job gets the next one, however
// long their line is.
func TestPaceOfTheUrgent(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		p := channels.Provider{Name: "p", Interval: (delivering.SlotHorizon + delivering.UrgentHorizon) / 2}
		_, taken, err := b.Store.TakeSlot(t.Context(), p.Name, p.Interval, 0)
		require.NoError(t, err)
		require.True(t, taken, "the next one is beyond the others' horizon")
		for range 1000 {
			b.Jobs.Deliverer.LineUp(p, store.PriorityNormal.InQueue(), p.Interval)
		}
		wait, reserved := b.Jobs.Deliverer.ReserveSlot(t.Context(), p, store.PriorityHigh.InQueue())
		require.True(t, reserved)
		require.LessOrEqual(t, wait, p.Interval)
		next, taken, err := b.Store.TakeSlot(t.Context(), p.Name, p.Interval, -time.Hour)
		require.NoError(t, err)
		require.False(t, taken)
		require.Greater(t, next, p.Interval, "the slot is taken")
	})
}

func TestPaceSnoozesWhatIsFar(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		settings := b.Settings(channels.Resend)
		provider, _ := settings.Registry.Provider("test")
		provider.Interval = time.Hour
		settings.Registry = channels.NewRegistry(map[string]channels.Provider{"test": provider})
		b.Jobs.Apply(settings)
		first := b.Accept("first")
		b.Start()
		b.Until(first.ID, store.DeliverySuccess)
		second := b.Accept("second")
		// Its job is put off, and the delivery stays as it was.
		require.Eventually(t, func() bool { return b.JobState(second.JobID) == "scheduled" }, 30*time.Second, 5*time.Millisecond)
		d, err := b.Store.Delivery(t.Context(), second.ID)
		require.NoError(t, err)
		require.Equal(t, store.DeliveryPending, d.Status)
		require.Zero(t, d.Attempts)
		require.Len(t, b.Provider.Calls, 1)
	})
}

// What waits for a slot of its provider's wakes to expire, not at its turn.
func TestPacedExpiresInTime(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		settings := b.Settings(channels.Resend)
		provider, _ := settings.Registry.Provider("test")
		provider.Interval = time.Hour
		settings.Registry = channels.NewRegistry(map[string]channels.Provider{"test": provider})
		b.Jobs.Apply(settings)
		b.Start()
		b.Until(b.Accept("first").ID, store.DeliverySuccess)
		d := b.AcceptWith("second", func(r *accepting.Request) { r.ExpiresAt = jobstest.In(time.Second) })
		require.Equal(t, delivering.CodeExpired, b.Until(d.ID, store.DeliveryDead).LastCode)
		require.Len(t, b.Provider.Calls, 1)
	})
}
