package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var breakerCases = map[string]func(*testing.T, bundle){
	"Breakers/by itself":         breakerByItself,
	"Breakers/by hand":           breakerByHand,
	"Breakers/one probe is due":  breakerProbes,
	"Breakers/one replica opens": breakerOpensOnce,
}

var breakerOpens, breakerCloses = actor.Did(store.AuditBreakerOpen, "p"), actor.Did(store.AuditBreakerClose, "p")

// entriesOf returns how many entries there are of an action.
func entriesOf(t *testing.T, s bundle, action store.AuditAction) int {
	t.Helper()
	entries, err := s.ListAudit(t.Context(), store.AuditFilter{Action: action}, [16]byte{}, 100)
	require.NoError(t, err)
	return len(entries)
}

func breakerByItself(t *testing.T, s bundle) {
	now := store.Now()
	open, err := s.OpenBreakers(t.Context())
	require.NoError(t, err)
	require.Empty(t, open)

	b := store.Breaker{Provider: "p", Code: "http_503", OpenedAt: now, ProbeAt: now.Add(time.Minute)}
	opened, err := s.OpenBreaker(t.Context(), b, breakerOpens)
	require.NoError(t, err)
	require.True(t, opened)
	again := b
	again.Code, again.OpenedAt = "timeout", now.Add(time.Second)
	opened, err = s.OpenBreaker(t.Context(), again, breakerOpens)
	require.NoError(t, err)
	require.False(t, opened, "it was open")
	open, err = s.OpenBreakers(t.Context())
	require.NoError(t, err)
	require.Equal(t, []store.Breaker{b}, open)

	closed, err := s.CloseBreaker(t.Context(), "p", false, breakerCloses)
	require.NoError(t, err)
	require.True(t, closed)
	closed, err = s.CloseBreaker(t.Context(), "p", false, breakerCloses)
	require.NoError(t, err)
	require.False(t, closed, "it was closed")
	open, err = s.OpenBreakers(t.Context())
	require.NoError(t, err)
	require.Empty(t, open)
	require.Equal(t, 1, entriesOf(t, s, store.AuditBreakerOpen))
	require.Equal(t, 1, entriesOf(t, s, store.AuditBreakerClose))
}

func breakerByHand(t *testing.T, s bundle) {
	now := store.Now()
	byItself := store.Breaker{Provider: "p", Code: "http_503", OpenedAt: now, ProbeAt: now}
	byHand := store.Breaker{Provider: "p", ByHand: true, OpenedAt: now.Add(time.Second), ProbeAt: now}
	for _, b := range []store.Breaker{byItself, byHand} {
		opened, err := s.OpenBreaker(t.Context(), b, breakerOpens)
		require.NoError(t, err)
		require.True(t, opened)
	}
	opened, err := s.OpenBreaker(t.Context(), byHand, breakerOpens)
	require.NoError(t, err)
	require.False(t, opened)
	open, err := s.OpenBreakers(t.Context())
	require.NoError(t, err)
	byItself.ByHand = true
	require.Equal(t, []store.Breaker{byItself}, open, "it keeps why and since when")

	taken, err := s.TakeProbe(t.Context(), "p", now, now.Add(time.Minute))
	require.NoError(t, err)
	require.False(t, taken, "nothing is let through")
	closed, err := s.CloseBreaker(t.Context(), "p", false, breakerCloses)
	require.NoError(t, err)
	require.False(t, closed)
	closed, err = s.CloseBreaker(t.Context(), "p", true, breakerCloses)
	require.NoError(t, err)
	require.True(t, closed)
}

func breakerProbes(t *testing.T, s bundle) {
	now := store.Now()
	_, err := s.OpenBreaker(t.Context(), store.Breaker{Provider: "p", OpenedAt: now, ProbeAt: now.Add(time.Second)}, breakerOpens)
	require.NoError(t, err)
	taken, err := s.TakeProbe(t.Context(), "p", now, now.Add(time.Minute))
	require.NoError(t, err)
	require.False(t, taken, "it is not due")
	const callers = 10
	won, errs := make([]bool, callers), make([]error, callers)
	concurrently(t, callers, func(i int) {
		won[i], errs[i] = s.TakeProbe(t.Context(), "p", now.Add(time.Second), now.Add(time.Minute))
	})
	probes := 0
	for i := range callers {
		require.NoError(t, errs[i])
		if won[i] {
			probes++
		}
	}
	require.Equal(t, 1, probes)
	taken, err = s.TakeProbe(t.Context(), "other", now.Add(time.Hour), now.Add(2*time.Hour))
	require.NoError(t, err)
	require.False(t, taken, "it is closed")
}

func breakerOpensOnce(t *testing.T, s bundle) {
	now := store.Now()
	const callers = 10
	won, errs := make([]bool, callers), make([]error, callers)
	concurrently(t, callers, func(i int) {
		won[i], errs[i] = s.OpenBreaker(t.Context(), store.Breaker{Provider: "p", OpenedAt: now, ProbeAt: now}, breakerOpens)
	})
	for i := range callers {
		require.NoError(t, errs[i])
	}
	require.Equal(t, 1, entriesOf(t, s, store.AuditBreakerOpen))
}
