package jobs_test

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/store"
)

// crowd accepts n deliveries of an app and returns their notification.
func crowd(t *testing.T, b *jobstest.Bundle, app string, n int, priority store.Priority) uuid.UUID {
	t.Helper()
	const most = 10_000 // recipients in a request
	var last uuid.UUID
	for done := 0; done < n; done += most {
		req := jobstest.Request(fmt.Sprint(app, priority, done, uuid.NewString()), min(most, n-done))
		req.AppID, req.Priority = app, priority
		a, err := b.Jobs.Accepter.Accept(t.Context(), req)
		require.NoError(t, err)
		last = a.NotificationID
	}
	return last
}

// calls notes the calls to a provider.
type calls struct {
	mu   sync.Mutex
	made []call
}

type call struct {
	delivery uuid.UUID
	at       time.Time
}

// noteCalls notes every call of the bundle's provider, which takes that long.
func noteCalls(b *jobstest.Bundle, takes time.Duration) *calls {
	c := &calls{}
	go func() {
		for range b.Provider.Calls { // so that the provider never waits for the test
		}
	}()
	b.Provider.Answer(func(m channels.Message) (channels.Receipt, error) {
		c.mu.Lock()
		c.made = append(c.made, call{m.DeliveryID, time.Now()})
		c.mu.Unlock()
		time.Sleep(takes)
		return channels.Receipt{}, nil
	})
	return c
}

// wait waits for n calls in all and returns them.
func (c *calls) wait(t *testing.T, n int) []call {
	t.Helper()
	var made []call
	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		made = c.made
		return len(made) >= n
	}, 2*limit.Wait, 5*time.Millisecond)
	return made
}

// of returns when a delivery was sent, and as which.
func (c *calls) of(t *testing.T, delivery uuid.UUID) (position int, at time.Time) {
	t.Helper()
	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i, made := range c.made {
			if made.delivery == delivery {
				position, at = i, made.at
				return true
			}
		}
		return false
	}, limit.Wait, 2*time.Millisecond)
	return position, at
}

// count returns how many of the calls were for the notification.
func count(t *testing.T, b *jobstest.Bundle, made []call, notification uuid.UUID) int {
	t.Helper()
	of := map[uuid.UUID]bool{}
	for _, d := range b.Deliveries(notification) {
		of[d.ID] = true
	}
	n := 0
	for _, c := range made {
		if of[c.delivery] {
			n++
		}
	}
	return n
}

// waiting returns how many deliveries of another app wait: 50,000 in the long form of the tests.
func waiting() int {
	if os.Getenv("TORTURE") == "long" {
		return 50_000
	}
	return 10_000
}

// On a fast vendor one message starts within two seconds, however many of another app wait: also
// one that becomes due in the crowd, and one that is sent again.
func TestASingleMessageBehindACrowd(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		n := waiting()
		b.Provider.Fail(&channels.Error{Class: channels.Permanent, Code: "no"})
		b.Start()
		dead := b.AcceptWith("dead", func(r *accepting.Request) { r.AppID = "b" })
		b.WaitFor(dead.ID, store.DeliveryDead)
		c := noteCalls(b, 10*time.Millisecond) // 2,000 a second
		crowd(t, b, "a", n, store.PriorityNormal)
		c.wait(t, 50)
		due := jobstest.FromNow(1500 * time.Millisecond)
		later := b.AcceptWith("later", func(r *accepting.Request) { r.AppID, r.SendAt = "d", due })
		for i := range 3 {
			began := time.Now()
			single := b.AcceptWith(fmt.Sprint("single", i), func(r *accepting.Request) { r.AppID = "c" })
			_, at := c.of(t, single.ID)
			t.Log("behind", n, "after", at.Sub(began))
			require.Less(t, at.Sub(began), 2*time.Second)
		}
		dead, err := b.Store.Delivery(t.Context(), dead.ID)
		require.NoError(t, err)
		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), dead, "", store.Actor{AppID: "b"}))
		began := time.Now()
		_, at := c.of(t, dead.ID)
		require.Less(t, at.Sub(began), 2*time.Second)
		_, at = c.of(t, later.ID)
		require.Less(t, at.Sub(*due), 3*time.Second, "a second until it is announced, and two")
		require.Less(t, len(c.wait(t, 1)), n, "the crowd still waits")
	})
}

// Two busy apps share a fast vendor, on one replica and on two, whichever came first. One with a
// weight has more.
func TestBusyAppsShareAVendor(t *testing.T) {
	for name, c := range map[string]struct {
		replicas int
		weights  map[string]int
		share    float64 // of the app that came first
	}{"one replica": {1, nil, 0.5}, "two replicas": {2, nil, 0.5}, "weight": {1, map[string]int{"a": 3}, 0.75}} {
		t.Run(name, func(t *testing.T) {
			jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
				s := b.Settings(channels.Resend)
				s.Weights = c.weights
				b.Jobs.Apply(s)
				made := noteCalls(b, 5*time.Millisecond)
				a := crowd(t, b, "a", 1000, store.PriorityNormal)
				crowd(t, b, "b", 1000, store.PriorityNormal)
				for range c.replicas {
					b.Start()
				}
				require.InDelta(t, 600*c.share, count(t, b, made.wait(t, 600)[:600], a), 600*0.05)
			})
		})
	}
}

// Behind a rate limit one message starts within two of its turns and five seconds, `high` goes
// before `normal` of the same app, and one app's crowd of `high` does not stop another's.
func TestASingleMessageBehindALimit(t *testing.T) {
	for _, replicas := range []int{1, 3} {
		t.Run(fmt.Sprint(replicas, " replicas"), func(t *testing.T) {
			jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
				const interval = 100 * time.Millisecond
				s := b.Settings(channels.Resend)
				provider, _ := s.Registry.Provider("test")
				provider.Interval = interval
				s.Registry = channels.NewRegistry(map[string]channels.Provider{"test": provider})
				b.Jobs.Apply(s)
				made := noteCalls(b, 0)
				crowd(t, b, "a", waiting(), store.PriorityHigh)
				for range replicas {
					b.Start()
				}
				made.wait(t, 10)
				began := time.Now()
				normal := crowd(t, b, "b", 1, store.PriorityNormal)
				high := crowd(t, b, "b", 1, store.PriorityHigh)
				for _, notification := range []uuid.UUID{high, normal} {
					_, at := made.of(t, b.Deliveries(notification)[0].ID)
					t.Log("after", at.Sub(began))
					require.Less(t, at.Sub(began), 2*2*interval+5*time.Second)
				}

				urgent := crowd(t, b, "c", 4, store.PriorityHigh)
				plain := crowd(t, b, "c", 1, store.PriorityNormal)
				last, _ := made.of(t, b.Deliveries(plain)[0].ID)
				for _, d := range b.Deliveries(urgent) {
					position, _ := made.of(t, d.ID)
					require.Less(t, position, last)
				}
				all := made.wait(t, last)
				for i := range all[1:] {
					require.GreaterOrEqual(t, all[i+1].at.Sub(all[0].at), time.Duration(i)*interval-500*time.Millisecond, "the limit holds")
				}
			})
		})
	}
}

// What a breaker held is not taken from its lines. When it closes, the apps take turns, and each
// app's deliveries go oldest first.
func TestTheBacklogOfAnOutage(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		const each = 200
		provider := b.Jobs.Overview.Providers("test")[0]
		by := store.Actor{AppID: "admin"}
		require.NoError(t, b.Jobs.Control.SetBreaker(t.Context(), provider, true, by))
		a := crowd(t, b, "a", each, store.PriorityNormal)
		crowd(t, b, "b", each, store.PriorityNormal)
		made := noteCalls(b, 5*time.Millisecond)
		b.Start()
		b.Start()
		test := b.AcceptWith("test", func(r *accepting.Request) { r.Simulated = true })
		b.WaitFor(test.ID, store.DeliverySuccess)
		require.Equal(t, fmt.Sprint(2*each), b.QueryText(`SELECT CAST(count(*) AS text) FROM river_job WHERE state = 'available' AND attempt = 0`))

		require.NoError(t, b.Jobs.Control.SetBreaker(t.Context(), provider, false, by))
		calls := made.wait(t, 2*each)
		require.InDelta(t, each/2, count(t, b, calls[:each], a), each*0.1)
		order := map[uuid.UUID]int{} // of acceptance
		for i, d := range b.Deliveries(a) {
			order[d.ID] = i
		}
		sent := 0
		for _, c := range calls {
			if i, of := order[c.delivery]; of {
				require.InDelta(t, i, sent, 45, "two replicas with 20 workers each")
				sent++
			}
		}
	})
}
