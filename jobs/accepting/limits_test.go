package accepting_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// A repetition is refused by no limit that came later, and counts nothing.
func TestLimitsRefuseNoRepetition(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		high := func(key string, recipients int, limits accepting.Limits) (accepting.Accepted, error) {
			r := jobstest.Request(key, recipients)
			r.Priority, r.Limits = store.PriorityHigh, limits
			return b.Jobs.Accepter.Accept(t.Context(), r)
		}
		for key, recipients := range map[string]int{"few": 2, "many": 150} {
			first, err := high(key, recipients, accepting.Limits{PerDay: map[string]int{"test": 1000}})
			require.NoError(t, err)
			for _, limits := range []accepting.Limits{
				{NoHigh: true}, {Requests: new(0)}, {PerMinute: map[string]int{"test": 0}}, {PerDay: map[string]int{"test": recipients}},
			} {
				again, err := high(key, recipients, limits)
				require.NoError(t, err)
				require.True(t, again.Replayed)
				require.Equal(t, first.NotificationID, again.NotificationID)
			}
		}
		uses, err := b.Store.Uses(t.Context(), "app")
		require.NoError(t, err)
		require.Len(t, uses, 1, "%v", uses)
		require.Equal(t, 152, uses[0].Used)

		_, err = high("new", 1, accepting.Limits{NoHigh: true})
		jobstest.RequireRefusal(t, err, refusal.PriorityForbidden, "priority")
		_, err = high("new", 1, accepting.Limits{Requests: new(0)})
		jobstest.RequireRefusal(t, err, refusal.LargerThanLimit, "")
		_, err = high("new", 3, accepting.Limits{PerMinute: map[string]int{"test": 2, "other": 0}})
		jobstest.RequireRefusal(t, err, refusal.LargerThanLimit, "channels.test")
		require.ErrorContains(t, err, "deliveriesPerMinute is 2, and this is 3")
		var beyond *store.QuotaError
		_, err = high("new", 3, accepting.Limits{PerDay: map[string]int{"test": 154}})
		require.ErrorAs(t, err, &beyond)
		_, err = high("new", 2, accepting.Limits{PerDay: map[string]int{"test": 154}})
		require.NoError(t, err, "what is refused does not count")
		require.NoError(t, testutil.GatherAndCompare(b.Metrics, strings.NewReader(`
# HELP sealos_notify_notifications_limited_total Requests refused because their app had spent a limit, by its name and channel. An empty channel is that of all notifications.
# TYPE sealos_notify_notifications_limited_total counter
sealos_notify_notifications_limited_total{app="app",channel="test",limit="deliveriesPerDay"} 1
`), "sealos_notify_notifications_limited_total"))
	})
}
