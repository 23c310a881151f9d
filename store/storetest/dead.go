package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var deadCases = map[string]func(*testing.T, bundle){
	"DeadGroups/by what stopped them": deadGroups,
	"DeadGroups/without erased ones":  deadGroupsErased,
}

func deadGroups(t *testing.T, s bundle) {
	ctx := t.Context()
	groups, more, err := s.DeadGroups(ctx, "", 10)
	require.NoError(t, err)
	require.Empty(t, groups)
	require.False(t, more)

	mine, theirs := Acceptance("mine", "k", 4), Acceptance("theirs", "k", 2)
	s.accept(t, mine, theirs)
	deliveries := append(mine.Deliveries, theirs.Deliveries...)
	last := map[string]time.Time{}
	for i, code := range []string{"a", "a", "b", "", "a", "b"} { // "": it arrived
		stored := s.delivery(t, deliveries[i].ID)
		o := outcome(stored, 1, store.DeliveryDead)
		if code == "" {
			o = outcome(stored, 1, store.DeliverySuccess)
		} else {
			o.Attempt.Code = code
		}
		o.Attempt.FinishedAt = o.Attempt.FinishedAt.Add(time.Duration(i) * time.Second)
		last[code] = o.Attempt.FinishedAt
		require.Equal(t, []bool{true}, s.record(ctx, t, o))
	}
	group := func(code string, count int) store.DeadGroup {
		return store.DeadGroup{Channel: "email", Provider: "smtp", Code: code, Count: count, Last: last[code]}
	}
	groups, more, err = s.DeadGroups(ctx, "", 10)
	require.NoError(t, err)
	require.Equal(t, []store.DeadGroup{group("a", 3), group("b", 2)}, groups, "the largest first")
	require.False(t, more)

	groups, _, err = s.DeadGroups(ctx, "theirs", 10)
	require.NoError(t, err)
	require.Equal(t, []store.DeadGroup{group("a", 1), group("b", 1)}, groups)

	groups, more, err = s.DeadGroups(ctx, "", 2)
	require.NoError(t, err)
	require.Equal(t, []store.DeadGroup{group("a", 1), group("b", 1)}, groups, "the newest deliveries only")
	require.True(t, more)
	groups, more, err = s.DeadGroups(ctx, "mine", 2)
	require.NoError(t, err)
	require.Empty(t, groups, "among the newest are none of the app")
	require.True(t, more)
}

// What was erased can never be sent again: it is neither counted nor looked at, and a list of
// what can be sent again does not have it.
func deadGroupsErased(t *testing.T, s bundle) {
	kept, erased := Acceptance("app", "1", 1), Acceptance("app", "2", 2)
	s.accept(t, kept, erased)
	for _, d := range append(kept.Deliveries, erased.Deliveries...) {
		s.record(t.Context(), t, outcome(s.delivery(t, d.ID), 1, store.DeliveryDead))
	}
	s.erase(t, erasure(store.Recipient{}, erased.Notification.ID))
	groups, more, err := s.DeadGroups(t.Context(), "", 2)
	require.NoError(t, err)
	require.Len(t, groups, 1)
	require.Equal(t, 1, groups[0].Count)
	require.False(t, more)

	f := store.DeliveryFilter{Status: store.DeliveryDead}
	for _, f.NotErased = range []bool{false, true} {
		found, err := s.ListDeliveries(t.Context(), f, uuid.Nil, 10)
		require.NoError(t, err)
		require.Len(t, found, map[bool]int{false: 3, true: 1}[f.NotErased])
	}
}
