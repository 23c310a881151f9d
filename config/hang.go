package config

import (
	"errors"
	"sync"
	"time"
)

// patience is how long one reading of the configuration waits for files that do not
// answer, all together.
var patience = 5 * time.Second // tests have less

// leastPatience is what each further file gets when others have used up the patience.
const leastPatience = 250 * time.Millisecond

var errNoAnswer = errors.New("cannot be read: no answer; does its file system hang?")

// hanging has the calls that did not return in time: what was called → a channel that
// is closed when it returns. A call into a file system that hangs (NFS) cannot be
// ended.
var hanging sync.Map

// within returns what f returns, or errNoAnswer when that takes longer than the time.
// While an earlier f for the same thing hangs, it waits for that one first, so that
// many tries hold one goroutine.
func within[T any](wait time.Duration, what string, f func() (T, error)) (result T, err error) {
	timeout := time.After(wait)
	if earlier, hangs := hanging.Load(what); hangs {
		select {
		case <-earlier.(chan struct{}):
			hanging.Delete(what)
		case <-timeout:
			return result, errNoAnswer
		}
	}
	type returned struct {
		result T
		err    error
	}
	answer, done := make(chan returned, 1), make(chan struct{})
	go func() {
		defer close(done)
		result, err := f()
		answer <- returned{result, err}
	}()
	select {
	case r := <-answer:
		return r.result, r.err
	case <-timeout:
		hanging.Store(what, done)
		return result, errNoAnswer
	}
}
