// Package limit gives every wait of a test an end, so that no test hangs. A wait
// that reaches its end fails the test and names what it waited for.
package limit

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// Wait bounds one wait. It is long, because machines are busy. Only a test that
	// fails waits that long.
	Wait = time.Minute
	// Run bounds a program that is built, or that serves while a test uses it.
	Run = 10 * time.Minute
)

// Client is the HTTP client of tests. It has room for many callers.
var Client = &http.Client{Timeout: Wait, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// Context returns a context that ends after Wait. A cleanup may use it too: the
// end of the test does not end it.
func Context(t testing.TB) context.Context {
	t.Helper()
	return contextOf(t, Wait)
}

func contextOf(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), d)
	t.Cleanup(cancel)
	return ctx
}

// Receive returns the next value of the channel, or the zero value when the channel
// is closed. Call it from the test's goroutine.
func Receive[T any](t testing.TB, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(Wait):
		require.FailNow(t, "waited too long for "+what)
		panic("unreachable")
	}
}

// Group waits for the goroutines of the group. Call it from the test's goroutine.
func Group(t testing.TB, group *sync.WaitGroup, what string) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		group.Wait()
	}()
	Receive(t, done, what)
}

// Counter counts events: the messages of an inbox, the requests that met a fault.
type Counter interface {
	// Wait returns when n events have happened in all, or with the context's error.
	Wait(ctx context.Context, n int) error
}

// Count waits until n events have happened in all.
func Count(t testing.TB, events Counter, n int, what string) {
	t.Helper()
	require.NoError(t, events.Wait(Context(t), n), "waited too long for %d %s", n, what)
}

// Line reads the output of a program and returns the first line that matches. It
// fails the test when the output ends before. The rest of the output is read and
// dropped, so that the program does not block.
func Line(t testing.TB, output io.Reader, what string, match func(line string) bool) string {
	t.Helper()
	found, ended := make(chan string, 1), make(chan string, 1)
	go func() {
		var lines []string
		for scanner := bufio.NewScanner(output); scanner.Scan(); {
			lines = append(lines, scanner.Text())
			if match(scanner.Text()) {
				found <- scanner.Text()
				_, _ = io.Copy(io.Discard, output)
				return
			}
		}
		ended <- strings.Join(lines, "\n")
	}()
	select {
	case line := <-found:
		return line
	case all := <-ended:
		require.FailNow(t, "the output has no "+what, "%s", all)
	case <-time.After(Wait):
		require.FailNow(t, "waited too long for "+what)
	}
	panic("unreachable")
}

// Command returns a command that is killed when it has run for d.
func Command(t testing.TB, d time.Duration, program string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(contextOf(t, d), program, args...)
	// What it started may outlive it and keep its output open.
	cmd.WaitDelay = 10 * time.Second
	return cmd
}
