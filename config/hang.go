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

// hang is a call that did not return in time. A call into a file system that hangs (NFS)
// cannot be ended.
type hang struct {
	returned <-chan struct{}
	again    time.Time     // when the same is tried again, because it may lead elsewhere by then
	pause    time.Duration // from one try to the next
}

// hanging has the hang of each thing that was called, if any.
var hanging sync.Map

// A thing that hangs is tried again after twice the time each time, because each try may
// hold a thread for ever.
const (
	firstPause = 2 // times the patience
	mostPause  = 10 * time.Minute
)

// within returns what f returns, or errNoAnswer when that takes longer than the time. While
// an earlier f for the same thing hangs, it is errNoAnswer soon.
func within[T any](wait time.Duration, what string, f func() (T, error)) (result T, err error) {
	pause := firstPause * patience
	if value, hangs := hanging.Load(what); hangs {
		earlier := value.(hang)
		select {
		case <-earlier.returned:
			hanging.Delete(what)
		case <-time.After(min(wait, leastPatience)):
			if time.Now().Before(earlier.again) {
				return result, errNoAnswer
			}
			pause = min(2*earlier.pause, mostPause)
		}
	}
	returned := make(chan struct{})
	type answer struct {
		result T
		err    error
	}
	answers := make(chan answer, 1)
	go func() {
		defer close(returned)
		result, err := f()
		answers <- answer{result, err}
	}()
	select {
	case a := <-answers:
		hanging.Delete(what)
		return a.result, a.err
	case <-time.After(wait):
		hanging.Store(what, hang{returned, time.Now().Add(pause), pause})
		return result, errNoAnswer
	}
}
