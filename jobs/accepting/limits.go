package accepting

import (
	"maps"
	"slices"

	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// Limits are the most that an app may send. The zero value is no limit.
type Limits struct {
	Requests  *int           // notifications a minute; nil: no limit
	PerMinute map[string]int // deliveries by channel
	PerDay    map[string]int
	NoHigh    bool // not with PriorityHigh
}

// Quotas returns all limits.
func (l Limits) Quotas() []store.Quota {
	var quotas []store.Quota
	if l.Requests != nil {
		quotas = append(quotas, store.Quota{Period: store.PerMinute, Most: *l.Requests})
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
	for _, q := range l.Quotas() {
		n, field := q.Used(p.Acceptance), ""
		if q.Channel != "" {
			field = "channels." + q.Channel
		}
		if n > q.Most {
			return refusal.New(refusal.LargerThanLimit, field, "this request is larger than a limit of this app: %s is %d, and this is %d", q, q.Most, n)
		}
		if n > 0 {
			p.Quotas = append(p.Quotas, q)
		}
	}
	return nil
}
