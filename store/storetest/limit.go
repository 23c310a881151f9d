package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var limitCases = map[string]func(*testing.T, bundle){
	"slots are an interval apart": func(t *testing.T, b bundle) {
		const interval = time.Hour
		wait, taken, err := b.TakeSlot(t.Context(), "p", interval, 10*interval)
		require.NoError(t, err)
		require.True(t, taken)
		require.Zero(t, wait, "the first slot is now")
		for i := range 5 {
			wait, taken, err = b.TakeSlot(t.Context(), "p", interval, 10*interval)
			require.NoError(t, err)
			require.True(t, taken)
			require.InDelta(t, (time.Duration(i+1) * interval).Seconds(), wait.Seconds(), 60)
		}
		// Providers do not share slots.
		wait, taken, err = b.TakeSlot(t.Context(), "q", interval, 0)
		require.NoError(t, err)
		require.True(t, taken)
		require.Zero(t, wait)
	},

	"no slot beyond the horizon is taken": func(t *testing.T, b bundle) {
		const interval = time.Hour
		_, _, err := b.TakeSlot(t.Context(), "p", interval, time.Minute)
		require.NoError(t, err)
		for range 2 {
			wait, taken, err := b.TakeSlot(t.Context(), "p", interval, time.Minute)
			require.NoError(t, err)
			require.False(t, taken)
			require.InDelta(t, interval.Seconds(), wait.Seconds(), 60)
		}
	},

	"no slot is taken twice": func(t *testing.T, b bundle) {
		const interval, callers = time.Minute, 50
		waits, errs := make([]time.Duration, callers), make([]error, callers)
		concurrently(t, callers, func(i int) {
			waits[i], _, errs[i] = b.TakeSlot(t.Context(), "p", interval, 1000*interval)
		})
		for _, err := range errs {
			require.NoError(t, err)
		}
		slices.Sort(waits)
		for i, wait := range waits {
			require.InDelta(t, (time.Duration(i) * interval).Seconds(), wait.Seconds(), 30)
		}
	},
}
