package channels

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

// grace is how long after its time a call may return by itself. What it returns then,
// such as an answer that just came, is better than nothing.
const grace = 2 * time.Second

// ErrAbandoned is the Cause of the error of a call that did not end in its time.
var ErrAbandoned = errors.New("the call goes on in the background")

// Panic is the Cause of the error of a call that panicked. It does not hold the value,
// which may hold an address.
type Panic struct {
	Type  string // of the value
	Stack []byte
}

// Error implements error. It holds the type alone.
func (p *Panic) Error() string { return "panic of type " + p.Type }

// Probe probes a provider as Call calls it. Its error is like Send's.
func Probe(ctx context.Context, p Prober) error {
	_, err := Call(ctx, func() (Receipt, error) { return Receipt{}, p.Probe(ctx) })
	return err
}

// Call makes a call of a Sender or a Prober and returns when the call does, or soon
// after ctx ends: a vendor's SDK may ignore ctx, and its goroutine is then left behind.
// A panic in the call's own goroutine becomes an uncertain error with a *Panic.
func Call(ctx context.Context, do func() (Receipt, error)) (Receipt, error) {
	type result struct {
		receipt Receipt
		err     error
	}
	done := make(chan result, 1)
	go func() {
		GrowStack()
		broken := &Error{Class: Uncertain, Code: "panic", Message: "the provider failed in an unexpected way"}
		r := result{err: broken}
		defer func() {
			if p := recover(); p != nil {
				broken.Cause = &Panic{Type: fmt.Sprintf("%T", p), Stack: debug.Stack()}
			}
			done <- r // also when an SDK ends its goroutine
		}()
		r.receipt, r.err = do()
	}()
	select {
	case r := <-done:
		return r.receipt, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-done:
		return r.receipt, r.err
	case <-time.After(grace):
		return Receipt{}, &Error{
			Class: Uncertain, Code: "timeout", Message: "the provider did not answer within the time allowed", Cause: ErrAbandoned,
		}
	}
}

// GrowStack makes room on the stack of a new goroutine while there is little on it. Otherwise it grows
// some four times in the middle of a call and is copied each time, which was a tenth of the
// processor time of delivering.
//
//go:noinline
func GrowStack() {
	var room [12 << 10]byte
	runtime.KeepAlive(&room)
}
