package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/labring/sealos-notify/client"
)

type statusCommand struct {
	Remote
	App selector `placeholder:"APP-ID" help:"Dead deliveries of this app; administrators only."`
}

// Run shows how the channels stand, and what is dead.
func (c statusCommand) Run(ctx context.Context, s *session) error {
	o, err := s.api.Overview(ctx, string(c.App))
	if err != nil {
		return err
	}
	return s.print(o, func(w io.Writer) {
		row(w, "CHANNEL", "PROVIDER", "WAITING", "OLDEST", "SENDING", "RETRYING", "SCHEDULED")
		for _, one := range o.Channels {
			provider := one.Provider
			if !one.Enabled {
				provider = "off"
			}
			row(w, one.Name, provider, one.Waiting, waited(one), one.Running, one.Retrying, one.Scheduled)
		}
		showBreakers(w, o.Channels)
		if len(o.Dead) == 0 {
			fmt.Fprintln(w, "\nNothing is dead.")
			return
		}
		fmt.Fprintln(w)
		row(w, "DEAD", "CHANNEL", "PROVIDER", "CODE", "LAST")
		for _, g := range o.Dead {
			row(w, g.Count, g.Channel, g.Provider, g.Code, g.Last)
		}
		if o.DeadMore {
			fmt.Fprintln(w, "Only the newest dead deliveries were counted.")
		}
	})
}

// waited returns how long the first delivery of a channel has waited.
func waited(c client.Channel) string {
	if c.Oldest == nil {
		return ""
	}
	since := time.Since(*c.Oldest).Round(time.Second)
	if since <= 0 {
		return "under 1s"
	}
	return since.String()
}

// showBreakers shows the providers that take no deliveries.
func showBreakers(w io.Writer, channels []client.Channel) {
	for i, b := range openBreakers(channels) {
		if i == 0 {
			fmt.Fprintln(w)
			row(w, "BREAKER OPEN", "SINCE", "WHY", "NEXT TRY")
		}
		why := b.Code
		if b.ByHand {
			why = "by hand"
		}
		row(w, b.Provider, b.OpenedAt, why, b.ProbeAt)
	}
}

func openBreakers(channels []client.Channel) []client.Breaker {
	var open []client.Breaker
	for _, c := range channels {
		open = append(open, c.Breakers...)
	}
	return open
}
