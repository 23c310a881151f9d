// Package shares hands out what a process has little of, so that no app gets all of it.
package shares

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// patience bounds how long Take waits. It leaves a request time for its work.
const patience = 5 * time.Second

// ErrBusy means that others have had all of it for as long as Take waits.
var ErrBusy = errors.New("others use all of it")

// Pool is an amount that is handed out, in the order of arrival. An app that has its share already
// does not hold up the others: it waits beside their line.
type Pool struct {
	all   *semaphore.Weighted
	share int64

	mu   sync.Mutex
	apps map[string]*semaphore.Weighted // only apps with credentials, so they are few
}

// New returns a Pool of an amount, of which one app gets at most a share at a time.
func New(amount, share int64) *Pool {
	return &Pool{all: semaphore.NewWeighted(amount), share: share, apps: map[string]*semaphore.Weighted{}}
}

// Take waits until n are free, at most a share, and takes them for the app until giveBack is
// called. The error is ErrBusy, or that of ctx.
func (p *Pool) Take(ctx context.Context, app string, n int64) (giveBack func(), err error) {
	n = min(n, p.share)
	own := p.of(app)
	giveBack = func() {
		p.all.Release(n)
		own.Release(n)
	}
	if ctx.Err() == nil && own.TryAcquire(n) { // most need not wait, and a timer costs more than all else here
		if p.all.TryAcquire(n) {
			return giveBack, nil
		}
		own.Release(n)
	}
	waiting, cancel := context.WithTimeoutCause(ctx, patience, ErrBusy)
	defer cancel()
	if own.Acquire(waiting, n) != nil {
		return nil, context.Cause(waiting)
	}
	if p.all.Acquire(waiting, n) != nil {
		own.Release(n)
		return nil, context.Cause(waiting)
	}
	return giveBack, nil
}

// of returns the app's share.
func (p *Pool) of(app string) *semaphore.Weighted {
	p.mu.Lock()
	defer p.mu.Unlock()
	own, known := p.apps[app]
	if !known {
		own = semaphore.NewWeighted(p.share)
		p.apps[app] = own
	}
	return own
}
