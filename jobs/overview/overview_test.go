package overview_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/overview"
)

// Channels counts what has not ended, by what it waits for. A channel that is off is there, too.
func TestChannels(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		settings := b.Settings(channels.Resend)
		settings.Registry = channels.NewRegistry(
			map[string]channels.Provider{"test": {Name: "usual", Type: jobstest.TestChannel, Sender: b.Provider}},
			channels.Provider{Name: "spare", Type: jobstest.TestChannel, Sender: b.Provider})
		b.Jobs.Apply(settings)
		b.Accept("now")
		b.AcceptWith("later", func(r *accepting.Request) { r.SendAt = jobstest.FromNow(time.Hour) })

		all, err := b.Jobs.Overview.Channels(t.Context())
		require.NoError(t, err)
		require.Len(t, all, 2)
		require.NotNil(t, all[0].Oldest)
		require.WithinDuration(t, time.Now(), *all[0].Oldest, time.Minute)
		all[0].Oldest = nil
		require.Equal(t, overview.Channel{
			Name: "test", Enabled: true, Provider: "usual", Order: []overview.Share{{Provider: "usual"}}, Providers: []string{"spare", "usual"},
			Waiting: 1, Scheduled: 1,
		}, all[0])
		require.Equal(t, overview.Channel{Name: "other"}, all[1])
		require.Equal(t, []string{"test", "other"}, b.Jobs.Overview.Names())
		require.Equal(t, []string{"spare", "usual"}, b.Jobs.Overview.Providers("test"))
	})
}
