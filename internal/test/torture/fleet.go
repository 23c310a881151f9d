package torture

import (
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/labring/sealos-notify/internal/test/harness"
)

// fleet is the replicas that callers may reach.
type fleet struct {
	mu   sync.Mutex
	live []*harness.Replica
}

func (f *fleet) add(r *harness.Replica) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live = append(f.live, r)
}

// any returns one of them.
func (f *fleet) any() *harness.Replica {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.live[rand.IntN(len(f.live))]
}

// take takes one out of the fleet.
func (f *fleet) take() *harness.Replica {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := rand.IntN(len(f.live))
	r := f.live[i]
	f.live = slices.Delete(f.live, i, i+1)
	return r
}

// remove takes that one out of the fleet.
func (f *fleet) remove(r *harness.Replica) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live = slices.DeleteFunc(f.live, func(other *harness.Replica) bool { return other == r })
}

// leave takes all out of the fleet.
func (f *fleet) leave() []*harness.Replica {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.live
	f.live = nil
	return all
}
