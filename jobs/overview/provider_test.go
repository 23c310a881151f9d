package overview_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/overview"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// prober is a sender that can be probed.
type prober struct {
	channels.Sender
	probes *int
	err    error
}

func (p prober) Probe(context.Context) error {
	*p.probes++
	return p.err
}

func TestDetails(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		settings := b.Settings(channels.Resend)
		settings.Registry = channels.NewRegistry(map[string]channels.Provider{"test": {
			Name: "usual", Type: jobstest.TestChannel, Sender: prober{Sender: b.Provider}, OnUncertain: channels.Hold,
			Settings: []channels.Setting{{Key: "host", Value: "example.com"}},
		}}, channels.Provider{Name: "spare", Type: jobstest.TestChannel, Sender: b.Provider, OnUncertain: channels.Resend})
		b.Jobs.Apply(settings)
		_, taken, err := b.Store.TakePlace(t.Context(), "usual", uuid.New(), 2, time.Hour)
		require.NoError(t, err)
		require.True(t, taken)

		all, err := b.Jobs.Overview.Details(t.Context())
		require.NoError(t, err)
		require.Equal(t, []overview.Provider{
			{Name: "spare", Type: "test", Channel: "test", OnUncertain: channels.Resend},
			{
				Name: "usual", Type: "test", Channel: "test", InUse: true, Place: 1, OnUncertain: channels.Hold, Connections: 1, CanProbe: true,
				Settings: []overview.Setting{{Key: "host", Value: "example.com"}},
			},
		}, all)
	})
}

// A probe cannot be used to hammer a vendor: the pause between two holds for all replicas, and
// for each provider. Deliveries do not wait because of one.
func TestProbe(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		probes := 0
		settings := b.Settings(channels.Resend)
		settings.Registry = channels.NewRegistry(
			map[string]channels.Provider{"test": {Name: "usual", Type: jobstest.TestChannel, Sender: prober{b.Provider, &probes, nil}}},
			channels.Provider{Name: "broken", Type: jobstest.TestChannel, Sender: prober{b.Provider, &probes, errors.New("secret inside")}},
			channels.Provider{Name: "mute", Type: jobstest.TestChannel, Sender: b.Provider})
		b.Jobs.Apply(settings)

		probed, err := b.Jobs.Overview.Probe(t.Context(), "usual")
		require.NoError(t, err)
		require.Nil(t, probed.Err)
		_, err = b.Jobs.Overview.Probe(t.Context(), "usual")
		var soon *overview.TooSoonError
		require.ErrorAs(t, err, &soon)
		require.Greater(t, soon.Wait, 10*time.Second)
		require.LessOrEqual(t, soon.Wait, 20*time.Second)
		require.Equal(t, 1, probes)

		probed, err = b.Jobs.Overview.Probe(t.Context(), "broken")
		require.NoError(t, err)
		require.Equal(t, "internal", probed.Err.Code)
		require.NotContains(t, probed.Err.Error(), "secret")
		_, err = b.Jobs.Overview.Probe(t.Context(), "none")
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = b.Jobs.Overview.Probe(t.Context(), "mute")
		var refused *refusal.Error
		require.ErrorAs(t, err, &refused)
		require.Equal(t, refusal.CannotProbe, refused.Code)

		wait, taken, err := b.Store.TakeSlot(t.Context(), "usual", time.Second, 0)
		require.NoError(t, err)
		require.True(t, taken)
		require.Zero(t, wait)
	})
}
