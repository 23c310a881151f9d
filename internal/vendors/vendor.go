package vendors

import "sync"

// Vendor is what every simulated vendor has: an inbox, faults, and a count of its
// requests. It is safe for concurrent use.
type Vendor struct {
	inbox  *Inbox
	faults Faults

	mu       sync.Mutex
	requests map[string]int // by operation
}

// NewVendor returns a vendor without faults that delivers to the inbox.
func NewVendor(inbox *Inbox) *Vendor {
	return &Vendor{inbox: inbox, requests: map[string]int{}}
}

// Inbox returns the inbox that the vendor delivers to.
func (v *Vendor) Inbox() *Inbox { return v.inbox }

// Fail makes the vendor have the fault.
func (v *Vendor) Fail(f Fault) *Injection { return v.faults.Inject(f) }

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
