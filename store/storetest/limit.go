package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
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

	"places are bounded over all holders": func(t *testing.T, b bundle) {
		a, other := uuid.New(), uuid.New()
		var taken []store.Place
		for i := range 3 {
			p, ok, err := b.TakePlace(t.Context(), "p", []uuid.UUID{a, other}[i%2], 3, time.Hour)
			require.NoError(t, err)
			require.True(t, ok)
			taken = append(taken, p)
		}
		require.Equal(t, []store.Place{{Provider: "p", Number: 1}, {Provider: "p", Number: 2}, {Provider: "p", Number: 3}}, taken)
		_, ok, err := b.TakePlace(t.Context(), "p", a, 3, time.Hour)
		require.NoError(t, err)
		require.False(t, ok)
		p, ok, err := b.TakePlace(t.Context(), "p", a, 4, time.Hour)
		require.NoError(t, err)
		require.True(t, ok, "the bound was raised")
		require.Equal(t, 4, p.Number)
		_, ok, err = b.TakePlace(t.Context(), "q", a, 1, time.Hour)
		require.NoError(t, err)
		require.True(t, ok, "providers do not share places")

		require.NoError(t, b.FreePlaces(t.Context(), a, taken[1:2]), "it is another's")
		_, ok, err = b.TakePlace(t.Context(), "p", a, 3, time.Hour)
		require.NoError(t, err)
		require.False(t, ok)
		require.NoError(t, b.FreePlaces(t.Context(), a, []store.Place{taken[2], p}))
		p, ok, err = b.TakePlace(t.Context(), "p", other, 3, time.Hour)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, taken[2], p)
		require.NoError(t, b.FreePlaces(t.Context(), a, nil))
	},

	"places that are taken are counted": func(t *testing.T, b bundle) {
		a := uuid.New()
		taken, err := b.PlacesTaken(t.Context())
		require.NoError(t, err)
		require.Empty(t, taken)
		first, _, err := b.TakePlace(t.Context(), "p", a, 5, time.Hour)
		require.NoError(t, err)
		for _, provider := range []string{"p", "p", "q"} {
			_, _, err := b.TakePlace(t.Context(), provider, uuid.New(), 5, time.Hour)
			require.NoError(t, err)
		}
		_, _, err = b.TakePlace(t.Context(), "p", uuid.New(), 5, -time.Minute) // has expired
		require.NoError(t, err)
		require.NoError(t, b.FreePlaces(t.Context(), a, []store.Place{first}))
		taken, err = b.PlacesTaken(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[string]int{"p": 2, "q": 1}, taken)
	},

	"places that are not renewed expire": func(t *testing.T, b bundle) {
		a, other := uuid.New(), uuid.New()
		first, _, err := b.TakePlace(t.Context(), "p", a, 2, time.Hour)
		require.NoError(t, err)
		second, _, err := b.TakePlace(t.Context(), "p", a, 2, time.Hour)
		require.NoError(t, err)
		renewed, err := b.RenewPlaces(t.Context(), a, 0) // both expire
		require.NoError(t, err)
		require.ElementsMatch(t, []store.Place{first, second}, renewed)

		p, ok, err := b.TakePlace(t.Context(), "p", other, 2, time.Hour)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, first, p)
		renewed, err = b.RenewPlaces(t.Context(), a, time.Hour)
		require.NoError(t, err)
		require.Equal(t, []store.Place{second}, renewed, "nobody took it meanwhile")
		_, ok, err = b.TakePlace(t.Context(), "p", other, 2, time.Hour)
		require.NoError(t, err)
		require.False(t, ok)
		renewed, err = b.RenewPlaces(t.Context(), uuid.New(), time.Hour)
		require.NoError(t, err)
		require.Empty(t, renewed)
	},

	"no place is taken twice": func(t *testing.T, b bundle) {
		const most, callers = 20, 50
		places, taken, errs := make([]store.Place, callers), make([]bool, callers), make([]error, callers)
		concurrently(t, callers, func(i int) {
			places[i], taken[i], errs[i] = b.TakePlace(t.Context(), "p", uuid.New(), most, time.Hour)
		})
		numbers := map[int]int{}
		for i := range callers {
			require.NoError(t, errs[i])
			if taken[i] {
				numbers[places[i].Number]++
			}
		}
		require.LessOrEqual(t, len(numbers), most)
		require.NotEmpty(t, numbers)
		for number, holders := range numbers {
			require.Equal(t, 1, holders, "place %d", number)
		}
	},
}
