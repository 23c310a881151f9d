package vendors

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Fault is a misbehaviour of a vendor. After a fault that only delays or hangs comes
// the true answer.
type Fault struct {
	Where string // operation that meets it, as the vendor names it; any when empty
	Times int    // number of requests that meet it; 0 for all until it is lifted
	After bool   // the request takes effect, and only its answer is replaced

	Delay time.Duration // before the answer
	Hang  bool          // no answer until the fault is lifted or the client is gone
	Reset bool          // the connection is cut instead of an answer

	HTTPStatus int         // 200 when 0
	Header     http.Header // of the answer
	Code       string      // the vendor's error code, answered in its own envelope
	Message    string      // goes with Code
	Raw        bool        // Code may be one that the vendor does not have
	Body       string      // a whole body, not in the vendor's envelope
}

// Answers reports whether the fault replaces the true answer.
func (f Fault) Answers() bool {
	return f.HTTPStatus != 0 || f.Code != "" || f.Body != ""
}

// Faults are the active faults of a vendor. The zero value has none.
type Faults struct {
	mu     sync.Mutex
	active []*Injection
}

// Injection is an active fault.
type Injection struct {
	Fault
	faults *Faults
	lifted chan struct{}
	met    int
	change chan struct{} // closed and replaced at each request that meets the fault
}

// Inject activates the fault. The oldest fault that fits is met first.
func (f *Faults) Inject(fault Fault) *Injection {
	i := &Injection{Fault: fault, faults: f, lifted: make(chan struct{}), change: make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.active = append(f.active, i)
	return i
}

// Meet returns the fault that a request for the operation meets, or nil.
func (f *Faults) Meet(where string) *Injection {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n, i := range f.active {
		if i.Where != "" && i.Where != where {
			continue
		}
		i.met++
		close(i.change)
		i.change = make(chan struct{})
		if i.met == i.Times {
			f.active = slices.Delete(f.active, n, n+1)
		}
		return i
	}
	return nil
}

// Lift ends the fault: hanging requests continue, and later ones do not meet it.
// Further calls do nothing.
func (i *Injection) Lift() {
	i.faults.mu.Lock()
	defer i.faults.mu.Unlock()
	select {
	case <-i.lifted:
		return
	default:
	}
	close(i.lifted)
	i.faults.active = slices.DeleteFunc(i.faults.active, func(other *Injection) bool { return other == i })
}

// Wait returns when n requests have met the fault, or ctx's error.
func (i *Injection) Wait(ctx context.Context, n int) error {
	for {
		i.faults.mu.Lock()
		met, change := i.met, i.change
		i.faults.mu.Unlock()
		if met >= n {
			return nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Hold delays and hangs a request. It returns false when the client has gone.
func (i *Injection) Hold(ctx context.Context) bool {
	if i.Delay > 0 {
		select {
		case <-time.After(i.Delay):
		case <-ctx.Done():
		}
	}
	if i.Hang {
		select {
		case <-i.lifted:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

// Names of the faults that every vendor has for `dev --fault`. Its first message meets one.
const (
	Throttle      = "throttle"      // asks to wait
	Down          = "down"          // is not available
	Refuse        = "refuse"        // never takes the message
	Misconfigured = "misconfigured" // does not know us
	Lost          = "lost"          // takes the message, and the answer is lost
)

// Names returns the names of the faults.
func Names() []string { return []string{Throttle, Down, Refuse, Misconfigured, Lost} }

// Named returns a vendor's faults by name. Those with the vendor's own codes differ from
// vendor to vendor; the operation takes the message.
func Named(operation string, throttle, refuse, misconfigured Fault) map[string]Fault {
	named := map[string]Fault{
		Throttle: throttle, Refuse: refuse, Misconfigured: misconfigured,
		Down: {HTTPStatus: http.StatusServiceUnavailable, Body: "<html>503 Service Temporarily Unavailable</html>"},
		Lost: {After: true, Reset: true},
	}
	for name, f := range named {
		f.Where, f.Times = operation, 1
		named[name] = f
	}
	return named
}
