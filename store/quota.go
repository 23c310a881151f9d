package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Period is a span of time in which an app's use is counted. Periods begin at full minutes
// and at midnight, in UTC.
type Period string

// Periods.
const (
	PerMinute Period = "minute"
	PerDay    Period = "day"
)

// start returns when the period began that holds the time.
func (p Period) start(t time.Time) time.Time { return t.UTC().Truncate(p.length()) }

func (p Period) length() time.Duration {
	if p == PerDay {
		return 24 * time.Hour
	}
	return time.Minute
}

// Quota is the most that an app may use in a period.
type Quota struct {
	Channel string // of the deliveries that count; empty: notifications count
	Period  Period
	Most    int
}

// used returns how much of the quota an acceptance uses.
func (q Quota) used(a Acceptance) int {
	if q.Channel == "" {
		return 1
	}
	n := 0
	for _, d := range a.Deliveries {
		if d.Channel == q.Channel {
			n++
		}
	}
	return n
}

// Counter names what is counted of an app.
type Counter struct {
	AppID   string
	Channel string
	Period  Period
}

func (q Quota) counter(a Acceptance) Counter {
	return Counter{a.Notification.AppID, q.Channel, q.Period}
}

// Use is what was counted in a period.
type Use struct {
	Counter
	Start time.Time // of the period
	Used  int
}

// end returns when a new period begins.
func (u Use) end() time.Time { return u.Start.Add(u.Period.length()) }

// QuotaError is the error of an acceptance that is beyond a quota of its app. Nothing was
// written.
type QuotaError struct {
	Quota
	Used int
	End  time.Time // of the period
}

// Error implements error.
func (e *QuotaError) Error() string {
	what := "notifications"
	if e.Channel != "" {
		what = "deliveries over " + e.Channel
	}
	return fmt.Sprintf("this app may send %d %s a %s, and has sent %d", e.Most, what, e.Period, e.Used)
}

// UsesOf returns a counter for each quota of the batch, with the start of its period and
// nothing used. They are in an order: transactions that lock the same counters wait for each
// other and cannot deadlock.
func UsesOf(batch []Acceptance) []Use {
	latest := map[Counter]time.Time{}
	for _, a := range batch {
		for _, q := range a.Quotas {
			if start := q.Period.start(a.Notification.CreatedAt); start.After(latest[q.counter(a)]) {
				latest[q.counter(a)] = start
			}
		}
	}
	uses := make([]Use, 0, len(latest))
	for c, start := range latest {
		uses = append(uses, Use{Counter: c, Start: start})
	}
	slices.SortFunc(uses, func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.AppID, b.AppID), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Period, b.Period))
	})
	return uses
}

// Ledger counts what the acceptances of a batch use.
type Ledger map[Counter]Use

// NewLedger returns a ledger of what was used before.
func NewLedger(used []Use) Ledger {
	l := make(Ledger, len(used))
	for _, u := range used {
		l[u.Counter] = u
	}
	return l
}

// Take counts an acceptance. When it is beyond a quota it counts nothing and returns a
// *QuotaError: that of the period that ends last.
func (l Ledger) Take(a Acceptance) *QuotaError {
	var beyond *QuotaError
	for _, q := range a.Quotas {
		u := l[q.counter(a)]
		if u.Used+q.used(a) > q.Most && (beyond == nil || u.end().After(beyond.End)) {
			beyond = &QuotaError{Quota: q, Used: u.Used, End: u.end()}
		}
	}
	if beyond != nil {
		return beyond
	}
	for _, q := range a.Quotas {
		u := l[q.counter(a)]
		u.Used += q.used(a)
		l[q.counter(a)] = u
	}
	return nil
}

// Uses returns the ledger's uses.
func (l Ledger) Uses() []Use { return slices.Collect(maps.Values(l)) }

// CurrentUses returns the uses whose period holds the time.
func CurrentUses(uses []Use, at time.Time) []Use {
	return slices.DeleteFunc(uses, func(u Use) bool { return u.Start.Before(u.Period.start(at)) })
}
