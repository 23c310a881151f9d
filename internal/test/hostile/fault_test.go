package hostile

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/world"
)

// Every channel has every named fault. Its first message meets it, with the class that its
// name promises, and the next one arrives.
func TestEveryChannelHasEveryNamedFault(t *testing.T) {
	t.Parallel()
	classes := map[string]channels.Class{
		vendors.Throttle: channels.Throttled, vendors.Down: channels.Transient, vendors.Refuse: channels.Permanent,
		vendors.Misconfigured: channels.Misconfigured, vendors.Lost: channels.Uncertain,
	}
	require.Len(t, classes, len(vendors.Names()))
	for _, typ := range builtin.Types() {
		for _, name := range vendors.Names() {
			t.Run(typ.Channel+"="+name, func(t *testing.T) {
				t.Parallel()
				w, err := world.Start(t.Context(), "id", "secret")
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, w.Close()) })
				_, err = w.Fail(typ.Channel + "=" + name)
				require.NoError(t, err)
				to := open(t, w, typ, w.Addresses, plain)
				err = call(t, to, patience)
				require.Error(t, err)
				require.Equal(t, classes[name], channels.AsError(err).Class, "%v", err)
				require.NoError(t, call(t, to, patience))
			})
		}
	}
}

func TestUnknownFaultIsRefusedWithTheNames(t *testing.T) {
	t.Parallel()
	var served []string
	for _, typ := range builtin.Types() {
		served = append(served, typ.Channel)
	}
	slices.Sort(served)
	allChannels := strings.Join(served, ", ")
	const allFaults = "down, lost, misconfigured, refuse, throttle"
	for fault, want := range map[string]string{
		"": allChannels, "feishu": allChannels, "feishu=down": allChannels, "=down": allChannels,
		"sms": allFaults, "sms=": allFaults, "sms=Down": allFaults, "sms=down=twice": allFaults,
	} {
		require.ErrorContains(t, world.CheckFault(fault), want, fault)
	}
}
