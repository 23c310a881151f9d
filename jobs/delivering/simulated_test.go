package delivering_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

// strict is a provider that refuses some messages before any call, and whose connections may
// not be used.
type strict struct{ *jobstest.Provider }

func (strict) Check(m channels.Message) error {
	if m.Body == "Hello nobody" {
		return channels.PermanentError("too_long", "too long")
	}
	return nil
}

func (s strict) Reserve(context.Context, channels.Places) (channels.Connection, error) {
	s.Calls <- channels.Message{}
	return nil, errors.New("a test takes no connection")
}

// A test is worked as any delivery, but the provider's calls, connections and slots are not
// used: not for whatever retry, nor after a reload.
func TestATestUsesNothingOfItsProvider(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		settings := b.Settings(channels.Hold)
		provider := channels.Provider{Name: "first", Type: jobstest.TestChannel, Interval: time.Hour, OnUncertain: channels.Hold, Sender: strict{b.Provider}}
		spare := provider
		spare.Name = "spare"
		settings.Registry = channels.NewRegistry(map[string]channels.Provider{"test": provider}, spare)
		b.Jobs.Apply(settings)
		b.Start()
		test := func(key, name string) store.Delivery {
			return b.AcceptWith(key, func(r *accepting.Request) {
				r.AppID, r.Simulated = "app"+accepting.TestSuffix, true
				r.Channels["test"] = accepting.ChannelRequest{Template: "hello", Params: map[string]any{"name": name}}
			})
		}
		for _, key := range []string{"k1", "k2", "k3"} {
			d := b.WaitFor(test(key, "world").ID, store.DeliverySuccess)
			require.True(t, d.Test)
			require.Equal(t, channels.SimulatedProvider, d.Provider)
			require.JSONEq(t, `{"simulated":true}`, string(d.Details))
		}
		refused := test("k4", "nobody")
		attempts := func(n int) {
			t.Helper()
			require.Eventually(t, func() bool {
				all, err := b.Store.Attempts(limit.Context(t), refused.ID)
				return err == nil && len(all) == n
			}, limit.Wait, 5*time.Millisecond)
			d := b.WaitFor(refused.ID, store.DeliveryDead)
			require.Equal(t, "too_long", d.LastCode)
			require.Equal(t, channels.SimulatedProvider, d.Provider)
			refused = d
		}
		attempts(1)
		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), refused, "spare", store.Actor{}))
		attempts(2)
		done, err := b.Jobs.Control.RequeueMatching(t.Context(), steering.RequeueRequest{
			Filter: store.DeliveryFilter{Channel: "test"}, Provider: "spare", Limit: 10,
		})
		require.NoError(t, err)
		require.Equal(t, 1, done.Requeued)
		attempts(3)
		// As an operator does in River UI, and by hand in the table.
		b.Exec("UPDATE deliveries SET next_provider = 'spare'")
		settings.Registry = channels.NewRegistry(map[string]channels.Provider{"test": spare})
		b.Jobs.Apply(settings)
		require.Eventually(t, func() bool { return b.JobState(refused.JobID) == "cancelled" }, limit.Wait, 5*time.Millisecond)
		b.Exec("UPDATE river_job SET state = 'available', finalized_at = NULL, max_attempts = max_attempts + 1 WHERE id = $1", refused.JobID)
		attempts(4)

		require.Empty(t, b.Provider.Calls)
		require.Equal(t, "0", b.QueryText("SELECT CAST(count(*) AS text) FROM provider_slots"))
	})
}
