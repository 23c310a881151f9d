package config

import (
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// SetPatience sets how long one reading waits for files that do not answer. No other test may
// run meanwhile.
func SetPatience(d time.Duration) (restore func()) {
	before := patience
	patience = d
	return func() { patience = before }
}

// LookEvery sets how often the files are read without an event.
func (w *Watcher) LookEvery(d time.Duration) { w.looking = d }

// Deafen takes the kernel's watch away for good: there are only the slow looks.
func (w *Watcher) Deafen() {
	_ = w.kernel.Close()
	w.kernel = nil
	w.open = func() (*fsnotify.Watcher, error) { return nil, syscall.EMFILE }
}

// Hanging returns how many calls into file systems have not returned.
func Hanging() (n int) {
	hanging.Range(func(_, value any) bool {
		select {
		case <-value.(hang).returned:
		default:
			n++
		}
		return true
	})
	return n
}
