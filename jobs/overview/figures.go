package overview

import (
	"context"
	"time"

	"github.com/labring/sealos-notify/store"
)

// Hours is how many hours by the clock are looked at. The last one is the present one, so all of
// them are a day and a part of an hour.
const Hours = 25

// Figures are what happened within a time.
type Figures struct {
	Since    time.Time
	Accepted int // deliveries
	Withheld int // of them, those that were cancelled at once
	Arrived  int
	Retried  int // attempts after which another one was scheduled
	Dead     int // deliveries that were given up
	// Success is the share of those that arrived among those that ended; nil when none ended.
	Success *float64
	// P50 and P99 are the seconds from when a delivery was due until it arrived, by the buckets
	// of store.TookBounds; nil when none arrived.
	P50, P99 *float64
	// AcceptedPerMinute and ArrivedPerMinute are means since Since.
	AcceptedPerMinute, ArrivedPerMinute float64

	took []int // by bucket
}

// Any reports whether anything happened.
func (f Figures) Any() bool { return f.Accepted+f.Arrived+f.Retried+f.Dead > 0 }

// Hour is what happened to a channel's deliveries in an hour by the clock.
type Hour struct {
	Start                            time.Time
	Accepted, Arrived, Retried, Dead int
}

// ChannelFigures are the figures of one channel.
type ChannelFigures struct {
	Channel string
	// Hour begins with the hour by the clock before the present one, so it is one to two hours;
	// Day begins 24 hours before the present one.
	Hour, Day Figures
	Hours     []Hour // oldest first, Hours of them
}

// Kind is what a dead delivery has in common with others.
type Kind struct{ Channel, Provider, Code string }

// Recent is what happened lately.
type Recent struct {
	Channels []ChannelFigures // in the order of the types
	// Died are the deliveries of each kind that were given up in each of the Hours. Those that
	// went again meanwhile are among them.
	Died map[Kind][]int
}

// Recent returns what happened lately to the deliveries of an app, of all apps when it is empty.
func (o *Overview) Recent(ctx context.Context, app string) (Recent, error) {
	now := store.Now()
	counts, err := o.store.HourlyCounts(ctx, app, "", firstHour(now))
	if err != nil {
		return Recent{}, err
	}
	return recentOf(o.channels, counts, now), nil
}

// OfTemplate returns what happened lately to the deliveries that were made from a template, to
// those of an app unless it is empty. The figures name no channel.
func (o *Overview) OfTemplate(ctx context.Context, app, template string) (ChannelFigures, error) {
	now := store.Now()
	figures := newFigures("", firstHour(now))
	counts, err := o.store.HourlyCounts(ctx, app, template, firstHour(now))
	for _, count := range counts {
		figures.add(count)
	}
	figures.conclude(now)
	return figures, err
}

// firstHour returns the begin of the first of the Hours.
func firstHour(now time.Time) time.Time {
	return now.UTC().Truncate(time.Hour).Add(-(Hours - 1) * time.Hour)
}

func recentOf(channels []string, counts []store.Count, now time.Time) Recent {
	first := firstHour(now)
	recent := Recent{Channels: make([]ChannelFigures, len(channels)), Died: map[Kind][]int{}}
	byName := map[string]*ChannelFigures{}
	for i, name := range channels {
		recent.Channels[i] = newFigures(name, first)
		byName[name] = &recent.Channels[i]
	}
	for _, count := range counts {
		c := byName[count.Channel]
		if c == nil { // a channel of another version
			continue
		}
		hour, counted := c.add(count)
		if counted && count.Counted == store.CountedDead {
			kind := Kind{count.Channel, count.Provider, count.Code}
			if recent.Died[kind] == nil {
				recent.Died[kind] = make([]int, Hours)
			}
			recent.Died[kind][hour] += count.Amount
		}
	}
	for i := range recent.Channels {
		recent.Channels[i].conclude(now)
	}
	return recent
}

// newFigures returns figures of nothing yet.
func newFigures(channel string, first time.Time) ChannelFigures {
	c := ChannelFigures{Channel: channel, Hours: make([]Hour, Hours)}
	c.Day.Since, c.Hour.Since = first, first.Add((Hours-2)*time.Hour)
	for h := range c.Hours {
		c.Hours[h].Start = first.Add(time.Duration(h) * time.Hour)
	}
	return c
}

// add adds a count to its hour; false when it is of none, by another clock.
func (c *ChannelFigures) add(count store.Count) (hour int, counted bool) {
	hour = int(count.Hour.Sub(c.Day.Since) / time.Hour)
	if hour < 0 || hour >= Hours {
		return 0, false
	}
	c.Day.add(count)
	if !count.Hour.Before(c.Hour.Since) {
		c.Hour.add(count)
	}
	h := &c.Hours[hour]
	switch count.Counted {
	case store.CountedAccepted:
		h.Accepted += count.Amount
	case store.CountedSuccess:
		h.Arrived += count.Amount
	case store.CountedFailed:
		h.Retried += count.Amount
	case store.CountedDead:
		h.Dead += count.Amount
	}
	return hour, true
}

func (c *ChannelFigures) conclude(now time.Time) {
	c.Hour.conclude(now)
	c.Day.conclude(now)
}

func (f *Figures) add(count store.Count) {
	switch count.Counted {
	case store.CountedAccepted:
		f.Accepted += count.Amount
	case store.CountedWithheld:
		f.Withheld += count.Amount
	case store.CountedSuccess:
		f.Arrived += count.Amount
		if f.took == nil {
			f.took = make([]int, len(store.TookBounds)+1)
		}
		f.took[min(count.Took, len(store.TookBounds))] += count.Amount
	case store.CountedFailed:
		f.Retried += count.Amount
	case store.CountedDead:
		f.Dead += count.Amount
	}
}

// conclude derives shares, means and percentiles.
func (f *Figures) conclude(now time.Time) {
	if ended := f.Arrived + f.Dead; ended > 0 {
		share := float64(f.Arrived) / float64(ended)
		f.Success = &share
	}
	if f.Arrived > 0 {
		p50, p99 := percentile(f.took, .5), percentile(f.took, .99)
		f.P50, f.P99 = &p50, &p99
	}
	minutes := now.Sub(f.Since).Minutes()
	f.AcceptedPerMinute, f.ArrivedPerMinute = float64(f.Accepted)/minutes, float64(f.Arrived)/minutes
}

// percentile returns the time within which the share arrived, in seconds. Within a bucket it takes
// the times as evenly spread; of the last one, which has no end, it returns the begin.
func percentile(took []int, share float64) float64 {
	total := 0
	for _, n := range took {
		total += n
	}
	rank, begin := share*float64(total), 0.
	for bucket, n := range took {
		if bucket == len(store.TookBounds) {
			break
		}
		end := store.TookBounds[bucket]
		if float64(n) >= rank && n > 0 {
			return begin + (end-begin)*rank/float64(n)
		}
		rank -= float64(n)
		begin = end
	}
	return begin
}
