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
	f := newFlusher(time.Minute, func(int) int { return 1 }, func(_ context.Context, batch []int) ([]int, error) {
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
	gate := make(chan struct{})
	f := newFlusher(time.Minute, func(int) int { return 1 }, func(_ context.Context, batch []int) ([]int, error) {
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
	gate := make(chan struct{})
	var mu sync.Mutex
	var sizes []int
	f := newFlusher(time.Minute, func(w int) int { return w }, func(_ context.Context, batch []int) ([]int, error) {
		<-gate
		mu.Lock()
		defer mu.Unlock()
		sizes = append(sizes, len(batch))
		return batch, nil
	})
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() { _, _ = f.do(t.Context(), flushMaxWeight/2) })
	}
	require.Eventually(t, func() bool { return len(f.queue) == 4 }, 10*time.Second, time.Millisecond)
	close(gate)
	wg.Wait()
	f.close()
	require.Equal(t, []int{1, 2, 2}, sizes)
}

func TestFlusherClose(t *testing.T) {
	t.Parallel()
	f := newFlusher(time.Minute, func(int) int { return 1 }, func(_ context.Context, batch []int) ([]int, error) { return batch, nil })
	f.close()
	_, err := f.do(t.Context(), 1)
	require.ErrorIs(t, err, errClosed)
}

func TestFlusherTimeout(t *testing.T) {
	t.Parallel()
	f := newFlusher(time.Millisecond, func(int) int { return 1 }, func(ctx context.Context, _ []int) ([]int, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	defer f.close()
	_, err := f.do(t.Context(), 1)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
