package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var alertCases = map[string]func(*testing.T, bundle){
	"Accept/the state of a group decides, not its history": alertStates,
	"Accept/alerts of one group in one batch":              alertsInBatch,
	"Accept/alerts that are told again":                    alertsAgain,
	"Accept/the same alerts concurrently":                  alertsConcurrently,
	"Accept/alerts of the same groups in opposite batches": alertsOppositeBatches,
	"Accept/alerts that were not written were not told":    alertsRolledBack,
	"Accept/alerts whose notification was deleted":         alertsDeleted,
	"Accept/an alert whose key is taken tells nothing":     alertsKeyTaken,
	"ForgetAlertGroups":                                    forgetAlertGroups,
	"LastTold":                                             lastTold,
}

// alertOf returns an acceptance of the state of a group.
func alertOf(app, group, state string) store.Acceptance {
	a := Acceptance(app, uuid.NewString(), 1)
	a.Telling = &store.Telling{Group: group, State: state}
	return a
}

// tell accepts a batch and returns the indices of the acceptances that were told: their
// own, or that of the one that told the same.
func (b bundle) tell(t *testing.T, batch ...store.Acceptance) []int {
	t.Helper()
	accepted, err := b.Accept(t.Context(), batch)
	require.NoError(t, err)
	told := make([]int, len(batch))
	for i, a := range accepted {
		told[i] = slices.IndexFunc(batch, func(of store.Acceptance) bool { return of.Notification.ID == a.Notification.ID })
		require.Equal(t, told[i] != i, a.Replayed)
	}
	return told
}

func alertStates(t *testing.T, b bundle) {
	var told []uuid.UUID
	post := func(app, group, state string) bool {
		a := alertOf(app, group, state)
		accepted, err := b.Accept(t.Context(), []store.Acceptance{a})
		require.NoError(t, err)
		if accepted[0].Replayed {
			require.Equal(t, told[len(told)-1], accepted[0].Notification.ID)
			require.Equal(t, b.notification(t, told[len(told)-1]), accepted[0].Notification)
			return false
		}
		require.Equal(t, a.Notification.ID, accepted[0].Notification.ID)
		told = append(told, a.Notification.ID)
		return true
	}
	for i, c := range []struct {
		state string
		news  bool
	}{
		{"x", true}, {"x", false}, {"resolved", true}, {"resolved", false}, {"x", true}, {"x", false},
		{"xy", true}, {"x", true}, {"xy", true}, {"xy", false},
	} {
		require.Equal(t, c.news, post("app", "group", c.state), i)
	}
	require.True(t, post("app", "another group", "xy"))
	require.True(t, post("another app", "group", "xy"))
	requireRows(t, b, 8, 8)
}

func alertsInBatch(t *testing.T, b bundle) {
	batch := []store.Acceptance{
		alertOf("app", "g", "x"), Acceptance("app", "key", 1), alertOf("app", "g", "x"), alertOf("app", "h", "x"),
		alertOf("app", "g", "y"), alertOf("app", "g", "x"), alertOf("app", "g", "x"), alertOf("app", "h", "x"),
	}
	require.Equal(t, []int{0, 1, 0, 3, 4, 5, 5, 3}, b.tell(t, batch...))
	requireRows(t, b, 5, 5)

	accepted, err := b.Accept(t.Context(), []store.Acceptance{alertOf("app", "g", "x"), alertOf("app", "h", "x")})
	require.NoError(t, err)
	require.Equal(t, []store.Accepted{
		{Notification: b.notification(t, batch[5].Notification.ID), Replayed: true},
		{Notification: b.notification(t, batch[3].Notification.ID), Replayed: true},
	}, accepted)
}

func alertsAgain(t *testing.T, b bundle) {
	start := store.Now().Add(-24 * time.Hour)
	at := func(after, again time.Duration) store.Acceptance {
		a := alertOf("app", "g", "x")
		a.Notification.CreatedAt, a.Telling.Again = start.Add(after), again
		return a
	}
	require.Equal(t, []int{0, 0, 2, 2, 2, 5}, b.tell(t,
		at(0, time.Hour), at(time.Hour-time.Microsecond, time.Hour), at(time.Hour, time.Hour),
		at(90*time.Minute, time.Hour), // the second half of a pair
		at(10*time.Hour, 0), at(11*time.Hour, time.Hour)))
}

func alertsConcurrently(t *testing.T, b bundle) {
	const callers, rounds = 20, 5
	for round := range rounds {
		replayed, errs := make([]bool, callers), make([]error, callers)
		concurrently(t, callers, func(i int) {
			accepted, err := b.Accept(t.Context(), []store.Acceptance{alertOf("app", "g", fmt.Sprint(round%2))})
			if errs[i] = err; err == nil {
				replayed[i] = accepted[0].Replayed
			}
		})
		for _, err := range errs {
			require.NoError(t, err)
		}
		require.Len(t, slices.DeleteFunc(replayed, func(r bool) bool { return r }), 1)
	}
	requireRows(t, b, rounds, rounds)
}

// Replicas that accept the same groups and keys in opposite orders do not deadlock, nor do
// they with the retention.
func alertsOppositeBatches(t *testing.T, b bundle) {
	const rounds, callers, groups = 5, 4, 100
	for round := range rounds {
		errs := make([]error, callers+1)
		concurrently(t, callers+1, func(i int) {
			if i == callers {
				_, errs[i] = b.ForgetAlertGroups(t.Context(), time.Now().Add(time.Hour))
				return
			}
			var batch []store.Acceptance
			for k := range groups {
				batch = append(batch, alertOf("app", fmt.Sprint(k), fmt.Sprint(round)), Acceptance("app", fmt.Sprint(round, k), 1))
			}
			if i%2 == 1 {
				slices.Reverse(batch)
			}
			_, errs[i] = b.Accept(t.Context(), batch)
		})
		for _, err := range errs {
			require.NoError(t, err)
		}
	}
}

func alertsRolledBack(t *testing.T, b bundle) {
	bad := alertOf("app", "g", "x")
	bad.Deliveries, bad.Jobs = nil, nil
	_, err := b.Accept(t.Context(), []store.Acceptance{alertOf("app", "h", "x"), bad})
	require.Error(t, err)
	require.Zero(t, b.count(t, "alert_groups"))
	b.accept(t, alertOf("app", "g", "x"), alertOf("app", "h", "x"))
}

func alertsDeleted(t *testing.T, b bundle) {
	a := alertOf("app", "g", "x")
	b.accept(t, a)
	b.close(t, a)
	deleted, _, err := b.DeleteClosed(t.Context(), time.Now().Add(time.Hour), 10)
	require.NoError(t, err)
	require.Equal(t, 1, deleted)

	accepted, err := b.Accept(t.Context(), []store.Acceptance{alertOf("app", "g", "x")})
	require.NoError(t, err)
	require.Equal(t, []store.Accepted{{Notification: store.Notification{ID: a.Notification.ID}, Replayed: true}}, accepted)
	require.Zero(t, b.count(t, "notifications"))
}

func forgetAlertGroups(t *testing.T, b bundle) {
	now := store.Now()
	old, repeated := alertOf("app", "old", "x"), alertOf("app", "repeated", "x")
	old.Notification.CreatedAt, repeated.Notification.CreatedAt = now.AddDate(0, 0, -9), now.AddDate(0, 0, -9)
	b.accept(t, old, repeated)
	_, err := b.Accept(t.Context(), []store.Acceptance{alertOf("app", "repeated", "x")})
	require.NoError(t, err)

	for _, want := range []int{1, 0} {
		n, err := b.ForgetAlertGroups(t.Context(), now.AddDate(0, 0, -8))
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	require.Equal(t, 1, b.count(t, "alert_groups"))
	b.accept(t, alertOf("app", "old", "x"))
}

// What a receiver was told last comes first. A group counts once, and not at all before it was
// told.
func lastTold(t *testing.T, b bundle) {
	start := store.Now().Add(-time.Hour)
	tell := func(app, receiver, group, state string, minute int) store.Told {
		a := alertOf(app, group, state)
		a.Telling.Receiver, a.Notification.CreatedAt = receiver, start.Add(time.Duration(minute)*time.Minute)
		b.accept(t, a)
		return store.Told{
			AlertGroup: store.AlertGroup{AppID: app, Group: group}, Receiver: receiver, State: state,
			At: a.Notification.CreatedAt, NotificationID: a.Notification.ID,
		}
	}
	tell("app", "team", "g", "x", 0)
	h := tell("app", "team", "h", "x", 1)
	of := tell("another app", "team", "g", "x", 2)
	g := tell("app", "team", "g", "resolved", 3)
	tell("app", "another team", "i", "x", 4)

	for _, c := range []struct {
		app   string
		limit int
		want  []store.Told
	}{
		{"", 10, []store.Told{g, of, h}}, {"app", 10, []store.Told{g, h}}, {"app", 1, []store.Told{g}}, {"nobody", 10, nil},
	} {
		told, err := b.LastTold(t.Context(), "team", c.app, c.limit)
		require.NoError(t, err)
		require.Equal(t, c.want, told, c)
	}
	told, err := b.LastTold(t.Context(), "nobody", "", 10)
	require.NoError(t, err)
	require.Empty(t, told)
}

func alertsKeyTaken(t *testing.T, b bundle) {
	taken, alert := Acceptance("app", "key", 1), alertOf("app", "group", "x")
	alert.Notification.IdempotencyKey = "key"
	b.accept(t, taken)
	accepted, err := b.Accept(t.Context(), []store.Acceptance{alert})
	require.NoError(t, err)
	require.True(t, accepted[0].Replayed)
	require.Equal(t, taken.Notification.ID, accepted[0].Notification.ID)
	require.Equal(t, []int{0}, b.tell(t, alertOf("app", "group", "x")), "nothing was told before")
}
