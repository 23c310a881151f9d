package email

import (
	"slices"
	"sync"
	"time"
)

// idleTime is how long a connection waits for its next mail. It is shorter than
// the servers' patience, which is minutes.
const idleTime = 30 * time.Second

// pool keeps the connections that are not in use. There is nothing to close when
// its provider is replaced: what it holds ends by itself.
type pool struct {
	mu   sync.Mutex
	idle []*connection // the last one used is the last
}

// take returns a connection, or nil.
func (p *pool) take() *connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	c := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	c.expiry.Stop()
	return c
}

// put keeps a connection for idleTime.
func (p *pool) put(c *connection) {
	if !c.unbind() {
		c.quit() // its context has closed it
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, c)
	c.expiry = time.AfterFunc(idleTime, func() {
		if p.remove(c) {
			c.quit()
		}
	})
}

// remove returns false when somebody has taken the connection.
func (p *pool) remove(c *connection) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := len(p.idle)
	p.idle = slices.DeleteFunc(p.idle, func(other *connection) bool { return other == c })
	return len(p.idle) < before
}
