package store

import (
	"cmp"
	"slices"
	"time"
)

// Counted says what a Count counts.
type Counted string

// What is counted: deliveries that were accepted, those of them that were withheld, and outcomes by
// the status that they gave the delivery. A failed one is tried again.
const (
	CountedAccepted Counted = "accepted"
	CountedWithheld Counted = "withheld"
	CountedSuccess          = Counted(DeliverySuccess)
	CountedFailed           = Counted(DeliveryFailed)
	CountedDead             = Counted(DeliveryDead)
)

// Count is how often something happened within an hour. Deliveries of tests are not counted. Time
// moves on and events are only added, so a delivery that died and then arrived is in both counts.
type Count struct {
	Hour     time.Time // its begin, in UTC
	AppID    string    // empty when it is read over apps
	Channel  string
	Template string // empty when it is read
	Provider string // of the attempt; empty for accepted ones
	Counted  Counted
	Code     string // empty for accepted ones and successes
	Took     int    // the bucket of TookBounds, of successes
	Amount   int
}

// TookBounds are the upper bounds, in seconds, of the buckets of the time from when a delivery was
// accepted, or was to be sent, until it arrived. One more bucket holds what took longer.
var TookBounds = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600}

// tookBucket returns the bucket of a time.
func tookBucket(took time.Duration) int {
	bucket, _ := slices.BinarySearch(TookBounds, took.Seconds())
	return bucket
}

// CountedCode returns the code under which the outcome is counted.
func (o Outcome) CountedCode() string { return cmp.Or(o.CountAs, o.Attempt.Code) }

// TookBucket returns the bucket of TookBounds under which the outcome is counted.
func (o Outcome) TookBucket() int {
	if o.Status != DeliverySuccess {
		return 0
	}
	return tookBucket(o.Took)
}

// Tally sums counts. The Amount of a key is 0.
type Tally map[Count]int

// Add counts one more. It sets the hour from any time in it.
func (t Tally) Add(at time.Time, c Count) {
	c.Hour, c.Amount = at.UTC().Truncate(time.Hour), 0
	t[c]++
}

// Counts returns the sums, in an order that all writers have in common: those that wait for each
// other's rows cannot deadlock.
func (t Tally) Counts() []Count {
	counts := make([]Count, 0, len(t))
	for c, amount := range t {
		c.Amount = amount
		counts = append(counts, c)
	}
	slices.SortFunc(counts, func(a, b Count) int {
		return cmp.Or(a.Hour.Compare(b.Hour), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.AppID, b.AppID),
			cmp.Compare(a.Template, b.Template), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Counted, b.Counted),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Took, b.Took))
	})
	return counts
}

// CountAccepted counts the deliveries of acceptances that are written.
func CountAccepted(news []Acceptance) []Count {
	t := Tally{}
	for _, a := range news {
		if a.Notification.Test {
			continue
		}
		for _, d := range a.Deliveries {
			c := Count{AppID: a.Notification.AppID, Channel: d.Channel, Template: d.TemplateName, Counted: CountedAccepted}
			t.Add(a.Notification.CreatedAt, c)
			if d.Status == DeliveryCancelled {
				c.Counted, c.Code = CountedWithheld, d.LastCode
				t.Add(a.Notification.CreatedAt, c)
			}
		}
	}
	return t.Counts()
}
