package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var countCases = map[string]func(*testing.T, bundle){
	"Counts/each event once":            countEvents,
	"Counts/many recorders":             countConcurrently,
	"Counts/batches in opposite orders": countOppositeBatches,
	"Counts/closed orphans":             countClosed,
	"Counts/deleted when old":           deleteCounts,
	"Counts/no tests":                   countNoTests,
	"Counts/of apps":                    countByApp,
	"Counts/of a template":              countByTemplate,
}

// counts returns the counts of the app since the given time, summed over the hours: a test may
// run into the next one.
func (b bundle) counts(t *testing.T, app string, since time.Time) []store.Count {
	t.Helper()
	counts, err := b.HourlyCounts(t.Context(), app, "", since.UTC().Truncate(time.Hour))
	require.NoError(t, err)
	sums := map[store.Count]int{}
	for _, c := range counts {
		amount := c.Amount
		c.Hour, c.Amount = time.Time{}, 0
		sums[c] += amount
	}
	summed := make([]store.Count, 0, len(sums))
	for c, amount := range sums {
		c.Amount = amount
		summed = append(summed, c)
	}
	return summed
}

// An accepted delivery, each of its attempts and its end are counted, and what is fenced or
// repeated is not.
func countEvents(t *testing.T, b bundle) {
	a := Acceptance("mine", "k", 3)
	b.accept(t, a, Acceptance("theirs", "k", 2))
	_, err := b.Accept(t.Context(), []store.Acceptance{Acceptance("mine", "k", 3)})
	require.NoError(t, err, "a replay is not counted")
	first, second, third := b.delivery(t, a.Deliveries[0].ID), b.delivery(t, a.Deliveries[1].ID), b.delivery(t, a.Deliveries[2].ID)

	retried := outcome(first, 1, store.DeliveryFailed)
	quick, slow := outcome(first, 2, store.DeliverySuccess), outcome(second, 1, store.DeliverySuccess)
	quick.Took, slow.Took = 10*time.Millisecond, 2*time.Hour
	dead := outcome(third, 1, store.DeliveryDead)
	dead.Attempt.Provider, dead.CountAs = "smtp-2", "other"
	b.record(t.Context(), t, retried)
	b.record(t.Context(), t, quick, slow, dead)
	b.record(t.Context(), t, quick, slow, dead) // their replies were lost
	b.record(t.Context(), t, outcome(first, 1, store.DeliveryFailed))

	count := func(counted store.Counted, provider, code string, took, amount int) store.Count {
		return store.Count{Channel: "email", Provider: provider, Counted: counted, Code: code, Took: took, Amount: amount}
	}
	since := a.Notification.CreatedAt
	require.ElementsMatch(t, []store.Count{
		count(store.CountedAccepted, "", "", 0, 3),
		count(store.CountedDead, "smtp-2", "other", 0, 1),
		count(store.CountedFailed, "smtp", "timeout", 0, 1),
		count(store.CountedSuccess, "smtp", "", 0, 1),
		count(store.CountedSuccess, "smtp", "", len(store.TookBounds), 1),
	}, b.counts(t, "mine", since))
	require.Equal(t, []store.Count{count(store.CountedAccepted, "", "", 0, 2)}, b.counts(t, "theirs", since))
	require.Contains(t, b.counts(t, "", since), count(store.CountedAccepted, "", "", 0, 5))
	require.Empty(t, b.counts(t, "", store.Now().Add(2*time.Hour)))
}

// Recorders that add to the same rows lose nothing.
func countConcurrently(t *testing.T, b bundle) {
	const workers, each = 8, 20
	since := store.Now()
	concurrently(t, workers, func(i int) {
		for j := range each {
			a := Acceptance("app", fmt.Sprintf("%d-%d", i, j), 2)
			if _, err := b.Accept(t.Context(), []store.Acceptance{a}); err != nil {
				t.Error(err)
				return
			}
			batch := []store.Outcome{
				outcome(b.delivery(t, a.Deliveries[0].ID), 1, store.DeliverySuccess), outcome(b.delivery(t, a.Deliveries[1].ID), 1, store.DeliveryDead),
			}
			if _, err := b.Record(t.Context(), batch); err != nil {
				t.Error(err)
			}
		}
	})
	sums := map[store.Counted]int{}
	for _, c := range b.counts(t, "", since) {
		sums[c.Counted] += c.Amount
	}
	require.Equal(t, map[store.Counted]int{
		store.CountedAccepted: 2 * workers * each, store.CountedSuccess: workers * each, store.CountedDead: workers * each,
	}, sums)
}

// Batches that hold the same kinds in another order do not lock each other out.
func countOppositeBatches(t *testing.T, b bundle) {
	since := store.Now()
	const rounds, kinds = 10, 20
	concurrently(t, 4, func(i int) {
		for j := range rounds {
			a := Acceptance("app", fmt.Sprintf("%d-%d", i, j), kinds)
			if _, err := b.Accept(t.Context(), []store.Acceptance{a}); err != nil {
				t.Error(err)
				return
			}
			batch := make([]store.Outcome, kinds)
			for k, d := range a.Deliveries {
				batch[k] = outcome(b.delivery(t, d.ID), 1, store.DeliveryDead)
				batch[k].Attempt.Code = fmt.Sprintf("code_%d", k)
			}
			if i%2 == 0 {
				slices.Reverse(batch)
			}
			if _, err := b.Record(t.Context(), batch); err != nil {
				t.Error(err)
			}
		}
	})
	for _, c := range b.counts(t, "", since) {
		if c.Counted == store.CountedDead {
			require.Equal(t, 4*rounds, c.Amount, c.Code)
		}
	}
}

// A delivery that dies without an attempt is counted, one that is cancelled is not.
func countClosed(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 2)
	closing := store.Closing{DeliveryID: deliveries[0].ID, JobID: deliveries[0].JobID, Status: store.DeliveryDead, Code: "job_deleted", At: store.Now()}
	cancelled := store.Closing{DeliveryID: deliveries[1].ID, JobID: deliveries[1].JobID, Status: store.DeliveryCancelled, Code: "job_cancelled", At: store.Now()}
	for range 2 {
		_, err := b.CloseOrphans(t.Context(), []store.Closing{closing, cancelled})
		require.NoError(t, err)
	}
	require.ElementsMatch(t, []store.Count{
		{Channel: "email", Counted: store.CountedAccepted, Amount: 2},
		{Channel: "email", Provider: "smtp", Counted: store.CountedDead, Code: "job_deleted", Amount: 1},
	}, b.counts(t, "", n.CreatedAt))
}

func deleteCounts(t *testing.T, b bundle) {
	old := Acceptance("app", "old", 1)
	old.Notification.CreatedAt = store.Now().AddDate(0, 0, -2)
	b.accept(t, old, Acceptance("app", "young", 1))
	deleted, err := b.DeleteCounts(t.Context(), store.Now().AddDate(0, 0, -1))
	require.NoError(t, err)
	require.Equal(t, 1, deleted)
	left, err := b.HourlyCounts(t.Context(), "", "", time.Unix(0, 0))
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.WithinDuration(t, time.Now(), left[0].Hour, time.Hour+time.Minute)
}

func countNoTests(t *testing.T, b bundle) {
	a := Acceptance("app", "k", 1)
	a.Notification.Test, a.Deliveries[0].Test = true, true
	b.accept(t, a)
	b.record(t.Context(), t, outcome(b.delivery(t, a.Deliveries[0].ID), 1, store.DeliverySuccess))
	require.Empty(t, b.counts(t, "", a.Notification.CreatedAt))
}

// The counts of one template are read alone.
func countByTemplate(t *testing.T, b bundle) {
	one, other := Acceptance("app", "k", 2), Acceptance("app", "other", 1)
	other.Deliveries[0].TemplateName = "other"
	b.accept(t, one, other)
	b.record(t.Context(), t, outcome(b.delivery(t, other.Deliveries[0].ID), 1, store.DeliveryDead))
	amounts := map[store.Counted]int{}
	counts, err := b.HourlyCounts(t.Context(), "", "other", store.Now().Add(-2*time.Hour).Truncate(time.Hour))
	require.NoError(t, err)
	for _, c := range counts {
		amounts[c.Counted] += c.Amount
	}
	require.Equal(t, map[store.Counted]int{store.CountedAccepted: 1, store.CountedDead: 1}, amounts)
}

// Each acceptance and each outcome changes the sum of its app.
func countByApp(t *testing.T, b bundle) {
	since := store.Now().Truncate(time.Hour).Add(-time.Hour)
	requireSums := func(want map[string]int) {
		t.Helper()
		sums, err := b.CountsOfApps(t.Context(), since)
		require.NoError(t, err)
		require.Equal(t, want, sums)
	}
	requireSums(map[string]int{})
	old := Acceptance("mine", "old", 1)
	old.Notification.CreatedAt = since.Add(-time.Second)
	a := Acceptance("mine", "k", 3)
	b.accept(t, old, a, Acceptance("theirs", "k", 2))
	requireSums(map[string]int{"mine": 3, "theirs": 2})
	b.record(t.Context(), t, outcome(b.delivery(t, a.Deliveries[0].ID), 1, store.DeliveryFailed))
	requireSums(map[string]int{"mine": 4, "theirs": 2})
}
