package storetest

import (
	"slices"
	"sync"
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
		// Another provider has slots of its own.
		wait, taken, err = b.TakeSlot(t.Context(), "q", interval, 0)
		require.NoError(t, err)
		require.True(t, taken)
		require.Zero(t, wait)
	},

	"nothing is taken beyond the horizon": func(t *testing.T, b bundle) {
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
		const interval, takers = time.Minute, 50
		waits := make([]time.Duration, takers)
		var wg sync.WaitGroup
		for i := range takers {
			wg.Go(func() {
				var err error
				waits[i], _, err = b.TakeSlot(t.Context(), "p", interval, 1000*interval)
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		slices.Sort(waits)
		for i, wait := range waits {
			require.InDelta(t, (time.Duration(i) * interval).Seconds(), wait.Seconds(), 30)
		}
	},
}
