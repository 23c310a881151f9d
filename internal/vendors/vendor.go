package vendors

import (
	"slices"
	"sync"
)

// Vendor is what every simulated vendor has: an inbox, faults, and a count of its
// requests. It is safe for concurrent use.
type Vendor struct {
	inbox  *Inbox
	faults Faults
	codes  []string // that a fault may have; any when empty

	mu       sync.Mutex
	requests map[string]int // by operation
}

// NewVendor returns a vendor without faults that delivers to the inbox.
func NewVendor(inbox *Inbox) *Vendor {
	return &Vendor{inbox: inbox, requests: map[string]int{}}
}

// Inbox returns the inbox that the vendor delivers to.
func (v *Vendor) Inbox() *Inbox { return v.inbox }

// Know sets the codes of the vendor's own table. Call it before Fail.
func (v *Vendor) Know(codes []string) { v.codes = codes }

// Fail makes the vendor have the fault. It panics when the vendor's table lacks the
// fault's code, unless the fault is raw: a test would rest on an answer that never comes.
func (v *Vendor) Fail(f Fault) *Injection {
	if len(v.codes) > 0 && f.Code != "" && !f.Raw && !slices.Contains(v.codes, f.Code) {
		panic("the vendor has no code " + f.Code)
	}
	return v.faults.Inject(f)
}

// Requests returns the number of requests for the operation.
func (v *Vendor) Requests(operation string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.requests[operation]
}

// Meet counts a request for the operation and returns the fault that it meets, or
// nil.
func (v *Vendor) Meet(operation string) *Injection {
	v.mu.Lock()
	v.requests[operation]++
	v.mu.Unlock()
	return v.faults.Meet(operation)
}
