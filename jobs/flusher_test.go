package jobs

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What waits while a commit is under way is committed together.
func TestFlusherBatchesWhatWaits(t *testing.T) {
	t.Parallel()
	entered, release := make(chan int), make(chan struct{})
	f := newFlusher(newMetrics(nil).batch("test"), time.Minute, func(int) int { return 1 }, func(_ context.Context, batch []int) ([]int, error) {
		entered <- len(batch)
		<-release
		return batch, nil
	})
	var wg sync.WaitGroup
	call := func(i int) {
		wg.Go(func() {
			got, err := f.do(t.Context(), i)
			require.NoError(t, err)
			require.Equal(t, i, got, "each caller gets its own answer")
		})
	}
	call(0)
	require.Equal(t, 1, <-entered, "a lone item does not wait")
	for i := range 10 {
		call(i + 1)
	}
	require.Eventually(t, func() bool { return len(f.queue) == 10 }, 10*time.Second, time.Millisecond)
	release <- struct{}{}
	require.Equal(t, 10, <-entered)
	close(release)
	wg.Wait()
	f.close()
}

func TestFlusherPoisonousItem(t *testing.T) {
	t.Parallel()
	poison := errors.New("poison")
	began, gate := make(chan struct{}, 20), make(chan struct{})
	f := newFlusher(newMetrics(nil).batch("test"), time.Minute, func(int) int { return 1 }, func(_ context.Context, batch []int) ([]int, error) {
		began <- struct{}{}
		<-gate
		for _, i := range batch {
			if i == 5 {
				return nil, poison
			}
		}
		return batch, nil
	})
	var wg sync.WaitGroup
	errs := make([]error, 10)
	for i := range errs {
		wg.Go(func() { _, errs[i] = f.do(t.Context(), i) })
		if i == 0 {
			<-began // the others wait together
		}
	}
	require.Eventually(t, func() bool { return len(f.queue) == 9 }, 10*time.Second, time.Millisecond)
	close(gate)
	wg.Wait()
	for i, err := range errs {
		if i == 5 {
			require.ErrorIs(t, err, poison)
			continue
		}
		require.NoError(t, err)
	}
	f.close()
}

func TestFlusherWeight(t *testing.T) {
	t.Parallel()
	began, gate := make(chan struct{}, 10), make(chan struct{})
	var sizes []int
	f := newFlusher(newMetrics(nil).batch("test"), time.Minute, func(w int) int { return w }, func(_ context.Context, batch []int) ([]int, error) {
		if batch[0] >= flushAlone {
			return batch, nil
		}
		began <- struct{}{}
		<-gate
		sizes = append(sizes, len(batch))
		return batch, nil
	})
	const light = flushMaxWeight / 100
	var wg sync.WaitGroup
	for i := range 151 {
		wg.Go(func() { _, _ = f.do(t.Context(), light) })
		if i == 0 {
			<-began
		}
	}
	require.Eventually(t, func() bool { return len(f.queue) == 150 }, 10*time.Second, time.Millisecond)
	_, err := f.do(t.Context(), flushAlone)
	require.NoError(t, err, "a heavy item does not wait for the batches")
	close(gate)
	wg.Wait()
	f.close()
	require.Equal(t, []int{1, 100, 50}, sizes)
}

func TestFlusherClose(t *testing.T) {
	t.Parallel()
	f := newFlusher(newMetrics(nil).batch("test"), time.Minute, func(int) int { return 1 }, func(_ context.Context, batch []int) ([]int, error) { return batch, nil })
	f.close()
	_, err := f.do(t.Context(), 1)
	require.ErrorIs(t, err, errClosed)
}

func TestFlusherTimeout(t *testing.T) {
	t.Parallel()
	f := newFlusher(newMetrics(nil).batch("test"), time.Millisecond, func(int) int { return 1 }, func(ctx context.Context, _ []int) ([]int, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	defer f.close()
	_, err := f.do(t.Context(), 1)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
