package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Period is a span of time in which an app's use is counted. Periods begin at full minutes
// and at midnight, in UTC, by the database's clock. So everybody can tell when one ends, and
// one counter is enough. The price is that around the end of a period twice as much may be
// sent in a short time.
type Period string

// Periods. PostgreSQL's date_trunc takes them.
const (
	PerMinute Period = "minute"
	PerDay    Period = "day"
)

// Start returns when the period began that holds the time.
func (p Period) Start(t time.Time) time.Time { return t.UTC().Truncate(p.length()) }

// End returns when the period ends that holds the time.
func (p Period) End(t time.Time) time.Time { return p.Start(t).Add(p.length()) }

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

// String names the quota as the configuration does.
func (q Quota) String() string {
	switch {
	case q.Channel == "":
		return "requestsPerMinute"
	case q.Period == PerDay:
		return "deliveriesPerDay"
	}
	return "deliveriesPerMinute"
}

// Used returns how much of the quota an acceptance uses.
func (q Quota) Used(a Acceptance) int {
	if q.Channel == "" {
		return 1
	}
	n := 0
	for _, d := range a.Deliveries {
		if d.Channel == q.Channel {
			n++
		}
	}
	for _, step := range a.Steps {
		n += q.Used(step)
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
	Used int
	Left time.Duration // until the period ends; 0 when it is over
}

// Quotas reads what apps have used of their quotas. Accept counts it.
type Quotas interface {
	// Uses returns what the app has used in the present periods; of all apps when appID is
	// empty.
	Uses(ctx context.Context, appID string) ([]Use, error)
	// ForgetUses deletes the counters of periods that began before the given time, and
	// returns how many there were.
	ForgetUses(ctx context.Context, before time.Time) (int, error)
}

// QuotaError is the error of an acceptance that is beyond a quota of its app. Nothing was
// written.
type QuotaError struct {
	Quota
	Used int
	Wait time.Duration // until the period ends
}

// Error implements error.
func (e *QuotaError) Error() string {
	what := "notifications"
	if e.Channel != "" {
		what = "deliveries over " + e.Channel
	}
	return fmt.Sprintf("this app may send %d %s a %s, and has sent %d", e.Most, what, e.Period, e.Used)
}

// CountersOf returns the counters of the batch's quotas, each once, in an order: transactions
// that lock the same counters wait for each other and cannot deadlock.
func CountersOf(batch []Acceptance) []Counter {
	var counters []Counter
	for _, a := range batch {
		for _, q := range a.Quotas {
			counters = append(counters, q.counter(a))
		}
	}
	slices.SortFunc(counters, func(a, b Counter) int {
		return cmp.Or(cmp.Compare(a.AppID, b.AppID), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Period, b.Period))
	})
	return slices.Compact(counters)
}

// TakeQuotas counts an acceptance in what was used of its quotas, and returns the counters as they are
// then. When it is beyond one it returns a *QuotaError as Accept does.
func TakeQuotas(a Acceptance, used []Use) ([]Use, *QuotaError) {
	uses := make(ledger, len(used))
	for _, u := range used {
		uses[u.Counter] = u
	}
	if beyond := uses.take(a); beyond != nil {
		return nil, beyond
	}
	counted := make([]Use, len(used))
	for i, u := range used {
		counted[i] = uses[u.Counter]
	}
	return counted, nil
}

// ledger counts what acceptances use.
type ledger map[Counter]Use

// take counts an acceptance. When it is beyond a quota it counts nothing and returns a
// *QuotaError: that of the period that ends last.
func (l ledger) take(a Acceptance) *QuotaError {
	var beyond *QuotaError
	for _, q := range a.Quotas {
		u := l[q.counter(a)]
		if u.Used+q.Used(a) > q.Most && (beyond == nil || u.Left > beyond.Wait) {
			beyond = &QuotaError{Quota: q, Used: u.Used, Wait: u.Left}
		}
	}
	if beyond != nil {
		return beyond
	}
	for _, q := range a.Quotas {
		u := l[q.counter(a)]
		u.Used += q.Used(a)
		l[q.counter(a)] = u
	}
	return nil
}
