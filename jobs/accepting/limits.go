package accepting

import (
	"maps"
	"slices"

	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// Limits are the most that an app may send. The zero value is no limit.
type Limits struct {
	Requests  int            // notifications a minute; 0: no limit
	PerMinute map[string]int // deliveries by channel; 0: none
	PerDay    map[string]int
}

// Quotas returns all limits.
func (l Limits) Quotas() []store.Quota {
	var quotas []store.Quota
	if l.Requests > 0 {
		quotas = append(quotas, store.Quota{Period: store.PerMinute, Most: l.Requests})
	}
	for _, of := range []struct {
		period store.Period
		most   map[string]int
	}{{store.PerMinute, l.PerMinute}, {store.PerDay, l.PerDay}} {
		for _, channel := range slices.Sorted(maps.Keys(of.most)) {
			quotas = append(quotas, store.Quota{Channel: channel, Period: of.period, Most: of.most[channel]})
		}
	}
	return quotas
}

// addQuotas adds the limits that the notification uses. It returns a *refusal.Error for a
// notification that is larger than a limit: there will never be room for it.
func (p *preparation) addQuotas(l Limits) error {
	byChannel := map[string]int{"": 1}
	for _, d := range p.Deliveries {
		byChannel[d.Channel]++
	}
	for _, q := range l.Quotas() {
		n := byChannel[q.Channel]
		if n > q.Most {
			return refusal.New(refusal.LargerThanLimit, "channels."+q.Channel,
				"these are %d deliveries; this app may send %d a %s over this channel", n, q.Most, q.Period)
		}
		if n > 0 {
			p.Quotas = append(p.Quotas, q)
		}
	}
	return nil
}
