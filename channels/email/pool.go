package email

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/labring/sealos-notify/channels"
)

const (
	// idleTime is how long a connection is kept for the next mail. Its place may be what
	// another replica waits for.
	idleTime = 5 * time.Second
	// maxAge is when a connection is closed though there are more mails, so that its place
	// can go to another replica. Each one has up to half of it more, so that those that
	// were opened together are not closed together.
	maxAge = 20 * time.Second
	// pollTime is how often a place is asked for while other replicas hold all.
	pollTime = 500 * time.Millisecond
	// refusedRest is the pause after the server refused the only connection.
	refusedRest = 5 * time.Second
	// growTime is how long it takes until one more connection is tried, after the server
	// has refused one.
	growTime = time.Minute
)

// pool bounds the connections to the server, keeps the idle ones, and has the line of those
// that wait for one. The bound is most, or fewer once the server has refused some.
type pool struct {
	most int

	mu      sync.Mutex
	bound   int       // connections that the server bears, as far as is known
	learned time.Time // when the bound last changed
	open    int       // with those that are being opened and closed
	rest    time.Time // no connection is opened before
	idle    []*connection
	waiting []chan struct{} // each is woken once
	closed  bool
}

func newPool(most int) *pool { return &pool{most: most, bound: most, learned: time.Now()} }

// reserve returns an idle connection, or a new one that is not open yet. It waits for one
// until ctx ends. The error is channels.ErrBusy, or that of places.
func (p *pool) reserve(ctx context.Context, places channels.Places) (*connection, error) {
	for {
		c, mayOpen, woken := p.try()
		if mayOpen {
			place, err := places.Take(ctx, p.most)
			if place != nil {
				return &connection{place: place, until: time.Now().Add(maxAge + rand.N(maxAge/2))}, nil //nolint:gosec // not a secret
			}
			p.giveUp()
			if err != nil {
				return nil, err
			}
		}
		if c != nil {
			if c.place.Held() {
				return c, nil
			}
			go p.end(c)
			continue
		}
		select {
		case <-woken:
		case <-time.After(pollTime):
		case <-ctx.Done():
			p.leave(woken, true)
			return nil, channels.ErrBusy
		}
		p.leave(woken, false)
	}
}

// try returns an idle connection, or whether one may be opened, which is counted then.
// Otherwise it returns what is closed when it is worth another try.
func (p *pool) try() (c *connection, mayOpen bool, woken chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grow()
	if last := len(p.idle) - 1; last >= 0 {
		c = p.idle[last] // the most recently used
		p.idle = p.idle[:last]
		c.expiry.Stop()
		return c, false, nil
	}
	if p.open < p.bound && !time.Now().Before(p.rest) {
		p.open++
		return nil, true, nil
	}
	woken = make(chan struct{})
	p.waiting = append(p.waiting, woken)
	return nil, false, woken
}

// leave takes one out of the line. With forGood, and when it was woken, it wakes the next one
// instead.
func (p *pool) leave(woken chan struct{}, forGood bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if forGood && closed(woken) {
		p.wake()
	}
	p.waiting = slices.DeleteFunc(p.waiting, func(other chan struct{}) bool { return other == woken })
}

// wake wakes the one that has waited longest. p.mu is held.
func (p *pool) wake() {
	if len(p.waiting) > 0 {
		close(p.waiting[0])
		p.waiting = p.waiting[1:]
	}
}

// giveUp takes back the count of a connection for which there is no place.
func (p *pool) giveUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	p.rest = time.Now().Add(pollTime)
}

// grow raises the bound by one for each growTime without a refusal. p.mu is held.
func (p *pool) grow() {
	if steps := int(time.Since(p.learned) / growTime); steps > 0 {
		p.bound = min(p.most, p.bound+steps)
		p.learned = time.Now()
	}
}

// shrink lowers the bound below the open connections, because the server has refused one of
// them. That one is still counted.
func (p *pool) shrink() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open <= 1 {
		p.rest = time.Now().Add(refusedRest)
	}
	p.bound = max(1, min(p.bound, p.open)-1)
	p.learned = time.Now()
}

// put keeps a connection for the next mail, or closes it.
func (p *pool) put(c *connection) {
	if !p.keep(c) {
		go p.end(c)
	}
}

func (p *pool) keep(c *connection) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.open > p.bound || !c.place.Held() || time.Now().After(c.until) {
		return false
	}
	p.idle = append(p.idle, c)
	c.expiry = time.AfterFunc(idleTime, func() {
		if p.remove(c) {
			p.end(c)
		}
	})
	p.wake()
	return true
}

// remove removes an idle connection. It returns false when the connection is in use.
func (p *pool) remove(c *connection) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := len(p.idle)
	p.idle = slices.DeleteFunc(p.idle, func(other *connection) bool { return other == c })
	return len(p.idle) < before
}

// end closes a connection and frees its place.
func (p *pool) end(c *connection) {
	c.quit()
	p.mu.Lock()
	if now := time.Now(); now.After(c.until) {
		p.rest = now.Add(2 * pollTime) // other replicas come first
	}
	p.mu.Unlock()
	c.place.Free()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	p.wake()
}

// close closes the idle connections, and those in use after their mail.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.idle {
		c.expiry.Stop()
		go p.end(c)
	}
	p.idle = nil
}

// unshared are the places of a process that shares its connections with no other.
type unshared struct{}

// Take implements channels.Places.
func (unshared) Take(context.Context, int) (channels.Place, error) { return unshared{}, nil }

// Held implements channels.Place.
func (unshared) Held() bool { return true }

// Free implements channels.Place.
func (unshared) Free() {}
