// Package turns decides which app is next.
package turns

import (
	"cmp"
	"math"
	"slices"

	"github.com/labring/sealos-notify/store"
)

// Turns hands out what one provider can take among lines, by start-time fair queueing. Each line
// has a virtual time, which every job of it moves on by its cost, and the line that is furthest
// behind is next. The zero value is ready for use. It is not safe for concurrent use.
type Turns struct {
	now  float64            // the virtual time of the line that was next last
	line map[string]float64 // by queue; those that are not there are at now
}

// Next returns the position of the line that is next among those that are busy. Of lines that
// are level, it is one that was idle, then the one with the more urgent job, then the one that
// has waited longer.
func (t *Turns) Next(busy []store.BusyLine) int {
	next := 0
	for i := 1; i < len(busy); i++ {
		if t.compare(busy[i], busy[next]) < 0 {
			next = i
		}
	}
	t.now = t.at(busy[next].Queue)
	return next
}

func (t *Turns) compare(a, b store.BusyLine) int {
	return cmp.Or(cmp.Compare(t.at(a.Queue), t.at(b.Queue)), cmp.Compare(t.busy(a.Queue), t.busy(b.Queue)),
		cmp.Compare(a.Priority, b.Priority), a.Due.Compare(b.Due))
}

// busy returns 0 for a line that was idle when others had their turns, otherwise 1.
func (t *Turns) busy(queue string) int {
	if t.line[queue] < t.now {
		return 0
	}
	return 1
}

// at returns the virtual time of a line. An app that was idle begins at the present one: it has
// saved nothing up.
func (t *Turns) at(queue string) float64 { return max(t.line[queue], t.now) }

// Charge moves a line on by the cost of a job that it was given.
func (t *Turns) Charge(queue string, cost float64) {
	if t.line == nil {
		t.line = map[string]float64{}
	}
	t.line[queue] = t.at(queue) + cost
}

// Forget drops the lines that are not busy and would begin at the present time anyway.
func (t *Turns) Forget(busy []store.BusyLine) {
	if len(t.line) <= 2*len(busy) {
		return
	}
	for queue, at := range t.line {
		if at <= t.now && !slices.ContainsFunc(busy, func(l store.BusyLine) bool { return l.Queue == queue }) {
			delete(t.line, queue)
		}
	}
}

// Cost returns what a job costs its line, from the priority of the job and the weight of its
// app. Within a line the most urgent jobs go first, always. Between lines each step of priority
// makes a job four times cheaper: a crowd of urgent jobs gets most of a provider and does not
// stop the others.
func Cost(priority, weight int) float64 {
	return math.Pow(4, float64(priority-store.PriorityNormal.InQueue())) / float64(max(weight, 1))
}
