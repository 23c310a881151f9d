package store

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// CodeCapped is the code of a delivery whose recipient has had as many as its kind's cap allows.
const CodeCapped = "capped"

// Withheld is why deliveries of an acceptance were written as cancelled.
type Withheld struct{ Channel, Code string }

// Known is what the transaction of a batch has read of the recipients of its acceptances.
type Known struct {
	Uses       []RecipientUse // of CappedOf
	Off        []Preference   // of OptionalOf
	Suppressed []Suppression  // of SuppressibleOf, those in force
}

// Withhold makes the deliveries that must not be sent cancelled ones without a job, and returns the
// acceptances as they are to be written, in their order, and the counters that have changed. It
// changes nothing of the given acceptances, which may be tried again.
func Withhold(news []Acceptance, known Known) (written []Acceptance, used []RecipientUse) {
	if len(known.Uses)+len(known.Off)+len(known.Suppressed) == 0 {
		return news, nil
	}
	uses := make(map[RecipientCounter]int, len(known.Uses))
	for _, u := range known.Uses {
		uses[u.RecipientCounter] = u.Used
	}
	off, suppressed := known.off(), known.suppressed()
	written = make([]Acceptance, len(news))
	for i, a := range news {
		reasons := map[int]reason{} // by position
		for j, d := range a.Deliveries {
			if why := a.optedOut(d, off); why != (reason{}) {
				reasons[j] = why
				continue
			}
			if why := a.suppressed(d, suppressed); why != (reason{}) {
				reasons[j] = why
				continue
			}
			counter, limit := a.counterOf(j)
			switch {
			case limit == 0:
			case uses[counter] >= limit:
				reasons[j] = reason{CodeCapped, fmt.Sprintf("kind %s allows a recipient %d a day over %s", a.Kind.Name, limit, d.Channel)}
			default:
				uses[counter]++
			}
		}
		written[i] = a.without(reasons)
	}
	for _, u := range known.Uses {
		if now := uses[u.RecipientCounter]; now > u.Used {
			used = append(used, RecipientUse{u.RecipientCounter, now})
		}
	}
	return written, used
}

// reason is why a delivery is withheld: its code, and its text, which has no address.
type reason struct{ code, text string }

// without returns the acceptance with deliveries withheld: the reasons are by position.
func (a Acceptance) without(reasons map[int]reason) Acceptance {
	if len(reasons) == 0 {
		return a
	}
	jobs := a.Jobs
	a.Deliveries, a.Jobs, a.Notification.Withheld = slices.Clone(a.Deliveries), nil, Amounts{}
	for i := range a.Deliveries {
		why, withheld := reasons[i]
		if !withheld {
			a.Jobs = append(a.Jobs, jobs[i])
			continue
		}
		d := &a.Deliveries[i]
		d.Status, d.JobID, d.LastCode, d.LastError = DeliveryCancelled, NoJob, why.code, why.text
		a.Notification.Withheld[why.code]++
	}
	return a
}

// Withheld counts the deliveries that were withheld; nil when there are none.
func (a Acceptance) Withheld() map[Withheld]int {
	if len(a.Notification.Withheld) == 0 {
		return nil
	}
	withheld := map[Withheld]int{}
	for _, d := range a.Deliveries {
		if d.Status == DeliveryCancelled {
			withheld[Withheld{d.Channel, d.LastCode}]++
		}
	}
	return withheld
}

// RecipientCounter names what is counted of a recipient: the deliveries of a kind over a channel on
// a day, in the kind's zone.
type RecipientCounter struct {
	Value, Type, Kind, Channel, Day string
}

// RecipientUse is how many deliveries were counted.
type RecipientUse struct {
	RecipientCounter
	Used int
}

// IsCapped reports whether deliveries of the acceptance are counted for their recipients.
func (a Acceptance) IsCapped() bool {
	return a.Kind != nil && len(a.Kind.Caps) > 0 && !a.Passes
}

// counterOf returns the counter of a delivery and its limit; 0 when it is not counted. Of the items
// of a digest it is the digest that counts. The day is that on which the delivery is due.
func (a Acceptance) counterOf(i int) (RecipientCounter, int) {
	if !a.IsCapped() {
		return RecipientCounter{}, 0
	}
	d := a.Deliveries[i]
	limited, is := a.Kind.Caps[d.Channel]
	if _, gathered := a.Digests[d.ID]; !is || gathered {
		return RecipientCounter{}, 0
	}
	day := d.Due().In(a.Kind.Zone()).Format(time.DateOnly)
	return RecipientCounter{d.Recipient.Value, d.Recipient.Type, a.Kind.Name, d.Channel, day}, limited.Limit
}

// CappedOf returns the counters of acceptances, each once, in the order of the table's key:
// transactions that lock the same counters wait for each other and cannot deadlock.
func CappedOf(news []Acceptance) []RecipientCounter {
	var counters []RecipientCounter
	for _, a := range news {
		if !a.IsCapped() {
			continue
		}
		for i := range a.Deliveries {
			if counter, limit := a.counterOf(i); limit > 0 {
				counters = append(counters, counter)
			}
		}
	}
	slices.SortFunc(counters, func(a, b RecipientCounter) int {
		return cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Day, b.Day))
	})
	return slices.Compact(counters)
}
