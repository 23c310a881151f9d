package console

import (
	"cmp"
	"slices"
	"time"

	"github.com/labring/sealos-notify/jobs/overview"
	"github.com/labring/sealos-notify/store"
)

const (
	// late is how long a delivery may wait for a worker before somebody should look.
	late = 5 * time.Minute
	// shownGroups bounds the groups of dead deliveries that stand on top.
	shownGroups = 5
)

type overviewData struct {
	Channels []channelTile
	Dead     []store.DeadGroup
	More     int  // further groups
	Unsure   bool // there may be older dead ones, which were not looked at
	Late     []channelTile
	Stopped  []channelTile // not enabled, with deliveries that wait
	Breakers []store.Breaker
	Died     []diedKind // given up lately, the most frequent kind first
}

// diedKind is a kind of deliveries that were given up, by the hour.
type diedKind struct {
	overview.Kind
	Hours hours
}

// channelTile is a channel as the overview shows it.
type channelTile struct {
	overview.Channel
	Waited time.Duration
	Recent overview.ChannelFigures
}

// Late reports whether deliveries wait too long.
func (c channelTile) Late() bool { return c.Waited > late }

// State returns the state that the tile shows: on, off or late.
func (c channelTile) State() string {
	switch {
	case !c.Enabled:
		return "off"
	case c.Late():
		return "late"
	}
	return "on"
}

// Others returns the providers besides the channel's own.
func (c channelTile) Others() []string {
	var names []string
	for _, p := range c.Providers {
		if p != c.Provider {
			names = append(names, p)
		}
	}
	return names
}

// showOverview shows the channels and what needs a person. A user who may not see deliveries
// sees neither.
func showOverview(v *visit) error {
	var d overviewData
	if !v.User.May(roleSend) {
		return v.page(d)
	}
	channels, err := v.console.api.Channels(v.ctx)
	if err != nil {
		return err
	}
	if d.Dead, d.Unsure, err = v.console.api.DeadGroups(v.ctx, ""); err != nil {
		return err
	}
	if len(d.Dead) > shownGroups {
		d.More, d.Dead = len(d.Dead)-shownGroups, d.Dead[:shownGroups]
	}
	recent, err := v.console.api.Recent(v.ctx, "")
	if err != nil {
		return err
	}
	d.Died = diedKinds(recent.Died)
	for _, c := range channels {
		tile := channelTile{Channel: c, Recent: recentOf(recent, c.Name)}
		if c.Oldest != nil {
			tile.Waited = max(0, time.Since(*c.Oldest))
		}
		d.Channels = append(d.Channels, tile)
		d.Breakers = append(d.Breakers, c.Breakers...)
		switch {
		case !c.Enabled && c.Waiting+c.Retrying+c.Scheduled > 0:
			d.Stopped = append(d.Stopped, tile)
		case tile.Late():
			d.Late = append(d.Late, tile)
		}
	}
	return v.page(d)
}

func recentOf(recent overview.Recent, channel string) overview.ChannelFigures {
	for _, c := range recent.Channels {
		if c.Channel == channel {
			return c
		}
	}
	return overview.ChannelFigures{}
}

// shownKinds bounds the kinds of deliveries that were given up lately.
const shownKinds = 10

func diedKinds(died map[overview.Kind][]int) []diedKind {
	kinds := make([]diedKind, 0, len(died))
	for kind, numbers := range died {
		kinds = append(kinds, diedKind{kind, numbers})
	}
	slices.SortFunc(kinds, func(a, b diedKind) int {
		return cmp.Or(b.Hours.Sum()-a.Hours.Sum(), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Code, b.Code))
	})
	return kinds[:min(len(kinds), shownKinds)]
}
