package jobs

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// Two replicas together never call a provider more often than its limit.
func TestPaceOverReplicas(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		const interval, deliveries = 20 * time.Millisecond, 60
		var mu sync.Mutex
		var calls []time.Time
		b.provider.then(func(channels.Message) (channels.Receipt, error) {
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, time.Now())
			return channels.Receipt{}, nil
		})
		settings := b.settings(channels.Resend)
		provider, _ := settings.Registry.Provider("test")
		provider.Interval = interval
		settings.Registry = channels.NewRegistry(map[string]channels.Provider{"test": provider})
		b.service.Apply(settings)
		b.start()
		b.start()           // a second client on the same database
		begun := time.Now() // the first slot is later than this
		a, err := b.service.Accept(t.Context(), request("k", deliveries))
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			n, err := b.store.Notification(t.Context(), a.NotificationID)
			return err == nil && n.Status == store.NotificationSuccess
		}, 30*time.Second, 20*time.Millisecond)
		for _, d := range b.deliveries(a.NotificationID) {
			require.Equal(t, 1, d.Attempts, "waiting for a slot spends no attempt")
		}
		// No call is before its slot, however late the machine makes some of them.
		require.Len(t, calls, deliveries)
		for i, at := range calls {
			require.GreaterOrEqual(t, at.Sub(begun), time.Duration(i)*interval, "call %d", i)
		}
	})
}

// What finds no slot near sleeps until about its turn, one behind the other.
func TestPaceLinesUp(t *testing.T) {
	t.Parallel()
	var q queues
	for i := range 5 {
		require.InDelta(t, (time.Hour + time.Duration(i)*time.Minute).Seconds(),
			q.behind(line{"p", 2}, time.Hour, time.Minute).Seconds(), 10)
	}
	for _, other := range []line{{"q", 2}, {"p", 1}} {
		require.InDelta(t, time.Hour.Seconds(), q.behind(other, time.Hour, time.Minute).Seconds(), 10)
	}
}

// The others fill the slots up to their horizon; an urgent job gets the next one,
// however long their line is.
func TestPaceOfTheUrgent(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		p := channels.Provider{Name: "p", Interval: (paceHorizon + urgentHorizon) / 2}
		_, taken, err := b.store.TakeSlot(t.Context(), p.Name, p.Interval, 0)
		require.NoError(t, err)
		require.True(t, taken, "the next one is beyond the others' horizon")
		for range 1000 {
			b.service.queued.behind(line{p.Name, riverPriority(store.PriorityNormal)}, p.Interval, p.Interval)
		}
		b.service.stopPacing() // it does not wait for the slot that it takes
		wait, err := b.service.pace(t.Context(), p, riverPriority(store.PriorityHigh))
		require.NoError(t, err)
		require.LessOrEqual(t, wait, p.Interval+time.Second)
		next, taken, err := b.store.TakeSlot(t.Context(), p.Name, p.Interval, -time.Hour)
		require.NoError(t, err)
		require.False(t, taken)
		require.Greater(t, next, p.Interval, "the slot is taken")
	})
}

func TestPaceSnoozesWhatIsFar(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		settings := b.settings(channels.Resend)
		provider, _ := settings.Registry.Provider("test")
		provider.Interval = time.Hour
		settings.Registry = channels.NewRegistry(map[string]channels.Provider{"test": provider})
		b.service.Apply(settings)
		first := b.accept("first")
		b.start()
		b.until(first.ID, store.DeliverySuccess)
		second := b.accept("second")
		// Its job is put off, and the delivery stays as it was.
		require.Eventually(t, func() bool { return b.jobState(second.JobID) == "scheduled" }, 30*time.Second, 5*time.Millisecond)
		d, err := b.store.Delivery(t.Context(), second.ID)
		require.NoError(t, err)
		require.Equal(t, store.DeliveryPending, d.Status)
		require.Zero(t, d.Attempts)
		require.Len(t, b.provider.calls, 1)
	})
}
