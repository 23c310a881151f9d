package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var quotaCases = map[string]func(*testing.T, bundle){
	"Accept/beyond a quota nothing is written":               quotaSpent,
	"Accept/a repeated key is beyond no quota":               quotaRepeated,
	"Accept/quotas of channels, minutes and days":            quotasOfChannels,
	"Accept/a period ends":                                   quotaPeriods,
	"Accept/quotas are exact when many accept":               quotaConcurrently,
	"Accept/what was rolled back is not counted":             quotaRolledBack,
	"Accept/alerts beyond a quota were not told":             quotaOfAlerts,
	"Accept/the same alerts twice in a batch beyond a quota": quotaOfAlertsInBatch,
	"Accept/a replica whose clock is wrong":                  quotaWrongClock,
	"Accept/an app without quotas leaves no trace of itself": quotaNone,
}

// quotaOf returns an acceptance of an app that may send so many mails a day.
func quotaOf(app, key string, recipients, most int) store.Acceptance {
	a := Acceptance(app, key, recipients)
	a.Quotas = []store.Quota{{Channel: "email", Period: store.PerDay, Most: most}}
	return a
}

// take accepts a batch and returns the errors of what is beyond a quota, by position.
func (b bundle) take(t *testing.T, batch ...store.Acceptance) []*store.QuotaError {
	t.Helper()
	accepted, err := b.Accept(t.Context(), batch)
	require.NoError(t, err)
	beyond := make([]*store.QuotaError, len(batch))
	for i, a := range accepted {
		beyond[i] = a.Beyond
		require.False(t, a.Replayed && a.Beyond != nil)
	}
	return beyond
}

// used returns what an app has used of its quotas, by channel and period.
func (b bundle) used(t *testing.T, app string) map[string]int {
	t.Helper()
	uses, err := b.Uses(t.Context(), app)
	require.NoError(t, err)
	used := map[string]int{}
	for _, u := range uses {
		require.Equal(t, app, u.AppID)
		requireUntilEnd(t, u.Period, u.Left)
		used[u.Channel+"/"+string(u.Period)] = u.Used
	}
	return used
}

// requireUntilEnd requires that the present period ends after that time.
func requireUntilEnd(t *testing.T, p store.Period, left time.Duration) {
	t.Helper()
	require.Positive(t, left)
	now := time.Now()
	want := p.End(now).Sub(now)
	if left < want { // the period ended between the two
		left += p.End(now).Sub(p.Start(now))
	}
	require.InDelta(t, want.Seconds(), left.Seconds(), 30)
}

// moveUses makes the periods that are counted begin that much earlier.
func (b bundle) moveUses(t *testing.T, by time.Duration, periods ...store.Period) {
	t.Helper()
	for _, p := range periods {
		start := p.Start(time.Now().Add(-by))
		const move = `UPDATE app_use SET start = $1 WHERE period = $2`
		if _, err := b.db.ExecContext(t.Context(), move, start, p); err != nil { // SQLite has no type for times
			_, err = b.db.ExecContext(t.Context(), move, start.UnixMicro(), p)
			require.NoError(t, err)
		}
	}
}

func quotaSpent(t *testing.T, b bundle) {
	a := quotaOf("app", "k1", 3, 5)
	beyond := b.take(t, a, quotaOf("app", "k2", 3, 5), quotaOf("app", "k3", 2, 5), quotaOf("app", "k4", 1, 5))
	require.Nil(t, beyond[0])
	require.Nil(t, beyond[2], "what fits is taken")
	require.Equal(t, a.Quotas[0], beyond[1].Quota)
	require.Equal(t, 3, beyond[1].Used)
	requireUntilEnd(t, store.PerDay, beyond[1].Wait)
	require.Equal(t, 5, beyond[3].Used)
	require.Equal(t, "this app may send 5 deliveries over email a day, and has sent 5", beyond[3].Error())

	require.NotNil(t, b.take(t, quotaOf("app", "k5", 1, 5))[0])
	require.Nil(t, b.take(t, quotaOf("another", "k1", 5, 5))[0])
	for table, want := range map[string]int{"notifications": 3, "messages": 3, "deliveries": 10, "river_job": 10} {
		require.Equal(t, want, b.count(t, table), table)
	}
	require.Nil(t, b.take(t, quotaOf("app", "k5", 1, 6))[0], "the key is free, and the quota has more now")
	require.Equal(t, map[string]int{"email/day": 6}, b.used(t, "app"))
	require.Equal(t, map[string]int{"email/day": 5}, b.used(t, "another"))
}

func quotaRepeated(t *testing.T, b bundle) {
	first := quotaOf("app", "k", 2, 2)
	require.Equal(t, []*store.QuotaError{nil, nil}, b.take(t, first, quotaOf("app", "k", 2, 2)))
	accepted, err := b.Accept(t.Context(), []store.Acceptance{quotaOf("app", "k", 2, 2), quotaOf("app", "other", 1, 2)})
	require.NoError(t, err)
	require.Nil(t, accepted[0].Beyond)
	require.True(t, accepted[0].Replayed)
	require.Equal(t, first.Notification.ID, accepted[0].Notification.ID)
	require.NotNil(t, accepted[1].Beyond)

	twice := b.take(t, quotaOf("app", "twice", 1, 2), quotaOf("app", "twice", 1, 2))
	require.NotNil(t, twice[0])
	require.NotNil(t, twice[1])
}

func quotasOfChannels(t *testing.T, b bundle) {
	keys := 0
	with := func(quotas ...store.Quota) store.Acceptance {
		keys++
		a := Acceptance("app", fmt.Sprint(keys), 2)
		a.Quotas = quotas
		return a
	}
	minute := store.Quota{Channel: "email", Period: store.PerMinute, Most: 2}
	day := store.Quota{Channel: "email", Period: store.PerDay, Most: 3}
	notifications := store.Quota{Period: store.PerMinute, Most: 1}
	sms := store.Quota{Channel: "sms", Period: store.PerDay, Most: 1}
	first := with(minute, day, notifications, sms)
	beyond := b.take(t, first, with(sms), with(notifications), with(minute, day))
	require.Nil(t, beyond[0])
	require.Nil(t, beyond[1], "mails are no SMS")
	require.Equal(t, notifications, beyond[2].Quota)
	require.Equal(t, "this app may send 1 notifications a minute, and has sent 1", beyond[2].Error())
	require.Equal(t, day, beyond[3].Quota, "the one that has room last")
	require.Equal(t, map[string]int{"/minute": 1, "email/minute": 2, "email/day": 2, "sms/day": 0},
		b.used(t, "app"))
}

func quotaPeriods(t *testing.T, b bundle) {
	minute, day := store.Quota{Channel: "email", Period: store.PerMinute, Most: 2}, store.Quota{Channel: "email", Period: store.PerDay, Most: 3}
	send := func(key string, quotas ...store.Quota) *store.QuotaError {
		a := Acceptance("app", key, 2)
		a.Quotas = quotas
		return b.take(t, a)[0]
	}
	require.Nil(t, send("k1", day))
	beyond := send("k2", day)
	require.Equal(t, day, beyond.Quota)
	requireUntilEnd(t, store.PerDay, beyond.Wait)

	b.moveUses(t, 24*time.Hour, store.PerDay)
	require.Empty(t, b.used(t, "app"), "yesterday's")
	require.Nil(t, send("k2", minute, day), "a new day")
	b.moveUses(t, time.Minute, store.PerMinute)
	require.Equal(t, day, send("k3", minute, day).Quota, "a new minute of the same day")
	require.Equal(t, 2, b.used(t, "app")["email/day"], "what is refused does not count")
	require.Nil(t, send("k3", minute))
	require.Positive(t, b.used(t, "app")["email/minute"])

	forgotten, err := b.ForgetUses(t.Context(), time.Now().Add(-25*time.Hour))
	require.NoError(t, err)
	require.Zero(t, forgotten)
	b.moveUses(t, 48*time.Hour, store.PerMinute)
	forgotten, err = b.ForgetUses(t.Context(), time.Now().Add(-25*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 1, forgotten)
	require.Equal(t, map[string]int{"email/day": 2}, b.used(t, "app"))
}

func quotaConcurrently(t *testing.T, b bundle) {
	const callers, most = 12, 25
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		taken int
	)
	for c := range callers {
		wg.Go(func() {
			for i := range 5 {
				accepted, err := b.Accept(t.Context(), []store.Acceptance{
					quotaOf("app", fmt.Sprintf("%d-%d", c, i), 1, most), quotaOf("another", fmt.Sprintf("%d-%d", c, i), 1, most),
				})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				taken += len(slices.DeleteFunc(accepted, func(a store.Accepted) bool { return a.Beyond != nil }))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.Equal(t, 2*most, taken)
	require.Equal(t, 2*most, b.count(t, "deliveries"))
}

func quotaRolledBack(t *testing.T, b bundle) {
	stale := quotaOf("app", "k", 1, 1)
	stale.Templates = []store.Template{{Name: "gone", Version: 1}}
	_, err := b.Accept(t.Context(), []store.Acceptance{stale})
	require.ErrorIs(t, err, store.ErrStale)
	require.Nil(t, b.take(t, quotaOf("app", "k", 1, 1))[0])
}

func quotaOfAlerts(t *testing.T, b bundle) {
	post := func(state string, most int) store.Accepted {
		a := alertOf("app", "group", state)
		a.Quotas = []store.Quota{{Period: store.PerDay, Most: most}}
		accepted, err := b.Accept(t.Context(), []store.Acceptance{a})
		require.NoError(t, err)
		return accepted[0]
	}
	require.Nil(t, post("firing", 1).Beyond)
	require.True(t, post("firing", 1).Replayed, "no news uses nothing")
	require.NotNil(t, post("resolved", 1).Beyond)
	told := post("resolved", 2)
	require.Nil(t, told.Beyond)
	require.False(t, told.Replayed)
}

func quotaNone(t *testing.T, b bundle) {
	b.accept(t, Acceptance("app", "k", 1))
	require.Zero(t, b.count(t, "app_use"))
}

// Otherwise the second post, of the other half of a pair, would hear that it was told.
func quotaOfAlertsInBatch(t *testing.T, b bundle) {
	batch := []store.Acceptance{alertOf("app", "group", "firing"), alertOf("app", "group", "firing")}
	for i := range batch {
		batch[i].Quotas = []store.Quota{{Period: store.PerDay, Most: 0}}
	}
	for _, beyond := range b.take(t, batch...) {
		require.NotNil(t, beyond)
	}
}

func quotaWrongClock(t *testing.T, b bundle) {
	send := func(key string, ahead time.Duration) *store.QuotaError {
		a := Acceptance("app", key, 1)
		a.Notification.CreatedAt = store.Now().Add(ahead)
		a.Quotas = []store.Quota{{Channel: "email", Period: store.PerDay, Most: 3}}
		return b.take(t, a)[0]
	}
	for i, ahead := range []time.Duration{0, -72 * time.Hour, 72 * time.Hour} {
		require.Nil(t, send(fmt.Sprint(i), ahead))
	}
	beyond := send("k", 0)
	require.NotNil(t, beyond, "all count together")
	require.NotNil(t, send("l", 72*time.Hour))
}
