package delivering

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/labring/sealos-notify/jobs/turns"
	"github.com/labring/sealos-notify/store"
)

// room lets those that want one of a provider's few connections ask for it one by one, by the
// turns of their apps. Without it workers that wait for the same app's crowd would be served
// first, or with luck.
type room struct {
	mu      sync.Mutex
	turns   turns.Turns
	asking  bool // one of them
	waiting []waiter
}

type waiter struct {
	job  store.BusyLine // as a line of one job
	next chan struct{}  // closed when it may ask
}

// enter waits until the job may ask. Call leave when it has asked, with whether it was served.
func (r *room) enter(ctx context.Context, job Job) (leave func(served bool), err error) {
	w := waiter{store.BusyLine{Queue: job.Line, Priority: job.Priority, Due: time.Now()}, make(chan struct{})}
	r.mu.Lock()
	r.waiting = append(r.waiting, w)
	r.admit()
	r.mu.Unlock()
	leave = func(served bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if served {
			r.turns.Charge(job.Line, turns.Cost(job.Priority, job.Weight))
		}
		r.asking = false
		r.admit()
	}
	select {
	case <-w.next:
		return leave, nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	i := slices.IndexFunc(r.waiting, func(other waiter) bool { return other.next == w.next })
	if i >= 0 {
		r.waiting = slices.Delete(r.waiting, i, i+1)
	}
	r.mu.Unlock()
	if i < 0 { // it was admitted at the last moment
		leave(false)
	}
	return nil, ctx.Err()
}

// admit lets the next one ask when none does.
func (r *room) admit() {
	if r.asking || len(r.waiting) == 0 {
		return
	}
	jobs := make([]store.BusyLine, len(r.waiting))
	for i, w := range r.waiting {
		jobs[i] = w.job
	}
	r.turns.Forget(jobs)
	next := r.turns.Next(jobs)
	close(r.waiting[next].next)
	r.waiting = slices.Delete(r.waiting, next, next+1)
	r.asking = true
}
