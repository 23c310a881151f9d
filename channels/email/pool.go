package email

import (
	"slices"
	"sync"
	"time"
)

// idleTime is how long a connection is kept for the next mail. Servers close idle
// connections after minutes.
const idleTime = 30 * time.Second

// pool keeps the idle connections. It needs no Close when its provider is replaced:
// each connection is closed after idleTime.
type pool struct {
	mu   sync.Mutex
	idle []*connection // the most recently used is the last
}

// take returns an idle connection, or nil.
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
		c.quit() // the context has closed it
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

// remove removes a connection. It returns false when the connection is in use.
func (p *pool) remove(c *connection) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := len(p.idle)
	p.idle = slices.DeleteFunc(p.idle, func(other *connection) bool { return other == c })
	return len(p.idle) < before
}
