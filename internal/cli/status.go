package cli

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/labring/sealos-notify/client"
)

type statusCommand struct {
	Remote
	App selector `placeholder:"APP-ID" help:"Deliveries of this app; administrators only. The queues are those of all apps."`
}

// Run shows how the channels stand, what happened lately, and what is dead.
func (c statusCommand) Run(ctx context.Context, s *session) error {
	o, err := s.api.Overview(ctx, string(c.App))
	if err != nil {
		return err
	}
	return s.print(o, func(w io.Writer) {
		row(w, "CHANNEL", "PROVIDER", "WAITING", "OLDEST", "SENDING", "RETRYING", "SCHEDULED")
		for _, one := range o.Channels {
			row(w, one.Name, order(one), one.Waiting, waited(one), one.Running, one.Retrying, one.Scheduled)
		}
		showBreakers(w, o.Channels)
		printRecent(w, o.Recent)
		printEndpoints(w, o.Endpoints)
		if len(o.Dead) == 0 {
			fmt.Fprintln(w, "\nNothing is dead.")
			return
		}
		fmt.Fprintln(w)
		row(w, "DEAD", "IN A DAY", "CHANNEL", "PROVIDER", "CODE", "LAST")
		for _, g := range o.Dead {
			day := 0
			for _, n := range g.Hours {
				day += n
			}
			row(w, g.Count, day, g.Channel, g.Provider, g.Code, g.Last)
		}
		if o.DeadMore {
			fmt.Fprintln(w, "Only the newest dead deliveries were counted.")
		}
	})
}

// printRecent shows the last hour and day of the channels that something happened to.
func printRecent(w io.Writer, recent []client.Recent) {
	shown := false
	for _, c := range recent {
		for _, one := range []struct {
			name string
			client.Figures
		}{{"hour", c.Hour}, {"day", c.Day}} {
			if c.Day.Accepted+c.Day.Arrived+c.Day.Retried+c.Day.Dead == 0 {
				continue
			}
			if !shown {
				fmt.Fprintln(w)
				row(w, "CHANNEL", "LAST", "IN/MIN", "OUT/MIN", "ARRIVED", "RETRIED", "DEAD", "SUCCESS", "P50", "P99")
				shown = true
			}
			row(w, c.Channel, one.name, fmt.Sprintf("%.1f", one.AcceptedPerMinute), fmt.Sprintf("%.1f", one.ArrivedPerMinute),
				one.Arrived, one.Retried, one.Dead, percent(one.Success), seconds(one.P50), seconds(one.P99))
		}
	}
}

// printEndpoints shows the endpoints that fail.
func printEndpoints(w io.Writer, endpoints []client.Endpoint) {
	if len(endpoints) == 0 {
		return
	}
	fmt.Fprintln(w)
	row(w, "ENDPOINT", "OWNER", "STATE", "FAILING SINCE", "CODE")
	for _, e := range endpoints {
		row(w, e.ID, e.Owner, endpointState(e), e.FailingSince, e.LastCode)
	}
}

// percent returns a share as people read it. Only all is 100 %.
func percent(share *float64) string {
	if share == nil {
		return ""
	}
	return fmt.Sprintf("%.2f%%", math.Floor(*share*10_000)/100)
}

// seconds returns a time as people read it.
func seconds(s *float64) string {
	if s == nil {
		return ""
	}
	took := time.Duration(*s * float64(time.Second))
	if took < time.Second {
		return took.Round(time.Millisecond).String()
	}
	return took.Round(100 * time.Millisecond).String()
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

// order returns the providers of a channel as they are tried: each with its share, where there are
// weights, and what its breaker does.
func order(c client.Channel) string {
	if !c.Enabled {
		return "off"
	}
	total := 0
	for _, s := range c.Order {
		total += s.Weight
	}
	names := make([]string, len(c.Order))
	for i, s := range c.Order {
		names[i] = s.Provider
		if s.Weight > 0 {
			names[i] += fmt.Sprintf(" %d%%", (100*s.Weight+total/2)/total)
		}
		if slices.ContainsFunc(c.Breakers, func(b client.Breaker) bool { return b.Provider == s.Provider }) {
			names[i] += " (open)"
		}
	}
	return strings.Join(names, ", ")
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
