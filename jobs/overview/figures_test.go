package overview

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

// Of the hours that are looked at, the present one and the one before are the last hour. Percentiles lie within the bucket
// that holds them.
func TestRecent(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 10, 30, 0, 0, time.UTC)
	at := func(hoursAgo int) time.Time { return now.Truncate(time.Hour).Add(-time.Duration(hoursAgo) * time.Hour) }
	second, minute := 6, 11 // buckets that end with .5 → 1 s, and 30 → 60 s
	counts := []store.Count{
		{Hour: at(24), Channel: "email", Counted: store.CountedAccepted, Amount: 100},
		{Hour: at(1), Channel: "email", Counted: store.CountedAccepted, Amount: 90},
		{Hour: at(1), Channel: "email", Counted: store.CountedWithheld, Code: "capped", Amount: 3},
		{Hour: at(1), Channel: "email", Provider: "smtp", Counted: store.CountedSuccess, Took: second, Amount: 98},
		{Hour: at(0), Channel: "email", Provider: "smtp", Counted: store.CountedSuccess, Took: minute, Amount: 2},
		{Hour: at(0), Channel: "email", Provider: "smtp", Counted: store.CountedFailed, Code: "timeout", Amount: 7},
		{Hour: at(24), Channel: "email", Provider: "smtp", Counted: store.CountedDead, Code: "timeout", Amount: 4},
		{Hour: at(0), Channel: "email", Provider: "smtp", Counted: store.CountedDead, Code: "timeout", Amount: 1},
		{Hour: at(0), Channel: "gone", Provider: "x", Counted: store.CountedDead, Code: "timeout", Amount: 1},
		{Hour: at(-1), Channel: "email", Provider: "x", Counted: store.CountedDead, Code: "timeout", Amount: 1}, // a clock that is ahead
	}
	recent := recentOf([]string{"email", "sms"}, counts, now)
	require.Len(t, recent.Channels, 2)
	email, sms := recent.Channels[0], recent.Channels[1]

	require.Equal(t, at(1), email.Hour.Since)
	require.Equal(t, []int{90, 100, 7, 1}, []int{email.Hour.Accepted, email.Hour.Arrived, email.Hour.Retried, email.Hour.Dead})
	require.InDelta(t, 1., email.Hour.AcceptedPerMinute, 1e-9, "90 in 90 minutes")
	require.InDelta(t, 100./101, *email.Hour.Success, 1e-9)
	require.InDelta(t, .5+.5*50/98, *email.Hour.P50, 1e-9)
	require.InDelta(t, 30+30*.5, *email.Hour.P99, 1e-9)

	require.Equal(t, at(24), email.Day.Since)
	require.Equal(t, []int{190, 100, 7, 5}, []int{email.Day.Accepted, email.Day.Arrived, email.Day.Retried, email.Day.Dead})
	require.Equal(t, 3, email.Day.Withheld)
	require.Len(t, email.Hours, Hours)
	require.Equal(t, Hour{Start: at(24), Accepted: 100, Dead: 4}, email.Hours[0])
	require.Equal(t, Hour{Start: at(0), Arrived: 2, Retried: 7, Dead: 1}, email.Hours[Hours-1])

	require.Nil(t, sms.Day.Success)
	require.Nil(t, sms.Day.P99)
	died := recent.Died[Kind{"email", "smtp", "timeout"}]
	require.Equal(t, []int{4, 1}, []int{died[0], died[Hours-1]})
	require.Len(t, recent.Died, 1)
}

// What took longer than the last bound is at least as long as that.
func TestPercentileBeyondTheLastBound(t *testing.T) {
	t.Parallel()
	took := make([]int, len(store.TookBounds)+1)
	took[len(took)-1] = 10
	require.InDelta(t, store.TookBounds[len(store.TookBounds)-1], percentile(took, .5), 0)
}
