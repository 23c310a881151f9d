package limit

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// recorder is a test that keeps its failure to itself.
type recorder struct {
	testing.TB
	failure string
}

func (r *recorder) Errorf(format string, args ...any) { r.failure += fmt.Sprintf(format, args...) }
func (r *recorder) FailNow()                          { runtime.Goexit() }

type counter struct{ happened chan struct{} }

func (c counter) Wait(ctx context.Context, n int) error {
	for range n {
		select {
		case <-c.happened:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// What never happens fails the test after a minute, and the failure names it.
func TestWaitsEnd(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]func(t testing.TB){
		"a value": func(t testing.TB) { Receive(t, make(chan int), "a value") },
		"callers": func(t testing.TB) {
			var group sync.WaitGroup
			group.Add(1)
			defer group.Done()
			Group(t, &group, "callers")
		},
		"a line": func(t testing.TB) {
			output, input := io.Pipe()
			defer func() { _ = input.Close() }()
			Line(t, output, "a line", func(string) bool { return false })
		},
		"2 arrivals": func(t testing.TB) { Count(t, counter{}, 2, "arrivals") },
	} {
		synctest.Test(t, func(t *testing.T) {
			r, started := &recorder{TB: t}, time.Now()
			done := make(chan struct{})
			go func() {
				defer close(done)
				wait(r)
			}()
			<-done
			require.Contains(t, r.failure, "waited too long for "+name)
			require.Equal(t, Wait, time.Since(started))
		})
	}
}

func TestWaitsReturn(t *testing.T) {
	t.Parallel()
	values := make(chan int, 1)
	values <- 7
	require.Equal(t, 7, Receive(t, values, "a value"))
	close(values)
	require.Zero(t, Receive(t, values, "the end"))
	require.Equal(t, "b 1", Line(t, strings.NewReader("a\nb 1\nb 2\n"), "b", func(line string) bool { return line[0] == 'b' }))
	var group sync.WaitGroup
	group.Go(func() {})
	Group(t, &group, "nothing")
	happened := make(chan struct{}, 2)
	happened <- struct{}{}
	happened <- struct{}{}
	Count(t, counter{happened}, 2, "arrivals")
}

// A program is killed, and a child that keeps its output open does not hold it up.
func TestCommandEnds(t *testing.T) {
	t.Parallel()
	started := time.Now()
	cmd := Command(t, 100*time.Millisecond, "sh", "-c", "sleep 50 & echo started; wait")
	cmd.WaitDelay = 100 * time.Millisecond
	out, err := cmd.Output()
	require.Error(t, err)
	require.Equal(t, "started\n", string(out))
	require.Less(t, time.Since(started), 40*time.Second)
}
