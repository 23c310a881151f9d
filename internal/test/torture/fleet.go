package torture

import (
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/labring/sealos-notify/internal/test/harness"
)

// fleet holds the replicas that callers may use.
type fleet struct {
	mu   sync.Mutex
	live []*harness.Replica
}

func (f *fleet) add(r *harness.Replica) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live = append(f.live, r)
}

// any returns a random replica.
func (f *fleet) any() *harness.Replica {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.live[rand.IntN(len(f.live))]
}

// take removes a random replica from the fleet and returns it.
func (f *fleet) take() *harness.Replica {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := rand.IntN(len(f.live))
	r := f.live[i]
	f.live = slices.Delete(f.live, i, i+1)
	return r
}

// remove removes the replica from the fleet.
func (f *fleet) remove(r *harness.Replica) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live = slices.DeleteFunc(f.live, func(other *harness.Replica) bool { return other == r })
}

// takeAll removes all replicas from the fleet and returns them.
func (f *fleet) takeAll() []*harness.Replica {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.live
	f.live = nil
	return all
}
