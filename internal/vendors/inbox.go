// Package vendors is shared by the simulated vendors. It has the inbox where their
// messages arrive and the faults that can be injected into them.
package vendors

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// maxArrivals bounds the arrivals that an inbox keeps. It keeps all marks.
const maxArrivals = 10_000

// Arrival is one message that reached its recipient.
type Arrival struct {
	ID       string    `json:"id"` // the vendor's
	At       time.Time `json:"at"`
	Channel  string    `json:"channel"`
	ToType   string    `json:"toType,omitempty"` // for example "open_id"
	To       string    `json:"to"`
	Group    string    `json:"group,omitempty"`    // of a bot that posts into one
	Mentions []string  `json:"mentions,omitempty"` // ids of users
	Kind     string    `json:"kind,omitempty"`     // for example "text" or "html"
	Subject  string    `json:"subject,omitempty"`
	Text     string    `json:"text"`
	HTML     string    `json:"html,omitempty"`     // of a mail
	Mark     string    `json:"mark,omitempty"`     // the sender's id of the message
	Requests int       `json:"requests,omitempty"` // number of requests with the mark
	Notes    []string  `json:"notes,omitempty"`    // what happened to it later
	Was      []string  `json:"was,omitempty"`      // its texts before it was edited, oldest first
}

// Mark counts what came with one mark. Two arrivals mean that the recipient got the
// message twice.
type Mark struct {
	Requests int `json:"requests"`
	Arrivals int `json:"arrivals"`
}

// Inbox holds what has arrived at one or more vendors. It is safe for concurrent use.
type Inbox struct {
	mu       sync.Mutex
	arrivals []*Arrival // the last ones, oldest first
	byID     map[string]*Arrival
	marks    map[string]Mark
	total    int
	edits    int
	changed  chan struct{} // closed at the next arrival; nil while no Wait runs
}

// NewInbox returns an empty inbox.
func NewInbox() *Inbox {
	return &Inbox{byID: map[string]*Arrival{}, marks: map[string]Mark{}}
}

// Request counts a request that carries the mark.
func (i *Inbox) Request(mark string) {
	if mark == "" {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	m := i.marks[mark]
	m.Requests++
	i.marks[mark] = m
}

// Add adds a message that has just arrived. Its ID must be unique.
func (i *Inbox) Add(a Arrival) {
	i.mu.Lock()
	defer i.mu.Unlock()
	a.At = time.Now()
	if a.Mark != "" {
		m := i.marks[a.Mark]
		m.Arrivals++
		i.marks[a.Mark] = m
	}
	if len(i.arrivals) == maxArrivals {
		delete(i.byID, i.arrivals[0].ID)
		i.arrivals = i.arrivals[1:]
	}
	i.arrivals = append(i.arrivals, &a)
	i.byID[a.ID] = &a
	i.total++
	if i.changed != nil {
		close(i.changed)
		i.changed = nil
	}
}

// Get returns the arrival with the ID; false when it is unknown or no longer kept.
func (i *Inbox) Get(id string) (Arrival, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	a, ok := i.byID[id]
	if !ok {
		return Arrival{}, false
	}
	return i.view(a), true
}

// Note adds a note to an arrival.
func (i *Inbox) Note(id, note string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if a, ok := i.byID[id]; ok {
		a.Notes = append(a.Notes, note)
	}
}

// Edit gives an arrival another subject and text.
func (i *Inbox) Edit(id, subject, text string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if a, ok := i.byID[id]; ok {
		a.Was = append(a.Was, a.Text)
		a.Subject, a.Text = subject, text
		i.edits++
	}
}

// Changes returns how many messages have arrived and were edited in all.
func (i *Inbox) Changes() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.total + i.edits
}

// Arrivals returns the last 10,000 arrivals, oldest first.
func (i *Inbox) Arrivals() []Arrival {
	i.mu.Lock()
	defer i.mu.Unlock()
	list := make([]Arrival, len(i.arrivals))
	for n, a := range i.arrivals {
		list[n] = i.view(a)
	}
	return list
}

// view returns a copy with the number of the mark's requests.
func (i *Inbox) view(a *Arrival) Arrival {
	v := *a
	v.Notes, v.Mentions, v.Was = slices.Clone(a.Notes), slices.Clone(a.Mentions), slices.Clone(a.Was)
	v.Requests = i.marks[a.Mark].Requests
	return v
}

// Total returns how many messages have arrived in all.
func (i *Inbox) Total() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.total
}

// Mark returns the counts of the mark.
func (i *Inbox) Mark(mark string) Mark {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.marks[mark]
}

// Marks returns the counts of all marks.
func (i *Inbox) Marks() map[string]Mark {
	i.mu.Lock()
	defer i.mu.Unlock()
	return maps.Clone(i.marks)
}

// Wait returns when n messages have arrived in all, or ctx's error.
func (i *Inbox) Wait(ctx context.Context, n int) error {
	for {
		i.mu.Lock()
		if i.total >= n {
			i.mu.Unlock()
			return nil
		}
		if i.changed == nil {
			i.changed = make(chan struct{})
		}
		changed := i.changed
		i.mu.Unlock()

		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
