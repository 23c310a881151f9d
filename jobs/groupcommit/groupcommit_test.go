package groupcommit

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/labring/sealos-notify/internal/test/limit"
)

// newTest returns a Committer of ints. Most tests run in a synctest bubble, which fails when
// all goroutines wait for ever.
func newTest(t *testing.T, o Options[int], commit func(ctx context.Context, batch []int) ([]int, error)) *Committer[int, int] {
	t.Helper()
	o.Name, o.Metrics = "test", NewMetrics(nil)
	if o.BatchTime == 0 {
		o.BatchTime, o.ItemTime = time.Minute, time.Minute
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return New(o, func(ctx context.Context, gather func() []int) ([]int, error) { return commit(ctx, gather()) })
}

// Items that wait during a commit form the next batch.
func TestWaitingItemsFormABatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		entered, release := make(chan int), make(chan struct{})
		c := newTest(t, Options[int]{}, func(_ context.Context, batch []int) ([]int, error) {
			entered <- len(batch)
			<-release
			return batch, nil
		})
		call := func(i int) {
			go func() {
				got, err := c.Do(t.Context(), i)
				require.NoError(t, err)
				require.Equal(t, i, got, "each caller gets its own result")
			}()
		}
		call(0)
		require.Equal(t, 1, <-entered, "a single item does not wait")
		for i := range 10 {
			call(i + 1)
		}
		synctest.Wait()
		release <- struct{}{}
		require.Equal(t, 10, <-entered)
		close(release)
		c.Close()
	})
}

// Items that arrive before the commit is ready to write are in its batch.
func TestBatchIsGatheredLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began, ready := make(chan struct{}, 10), make(chan struct{})
		var sizes []int
		c := New(Options[int]{Name: "test", Metrics: NewMetrics(nil), BatchTime: time.Minute, Log: zap.NewNop()},
			func(_ context.Context, gather func() []int) ([]int, error) {
				began <- struct{}{}
				<-ready
				batch := gather()
				sizes = append(sizes, len(batch))
				return batch, nil
			})
		errs := do(t, c, 10, began, ready)
		c.Close()
		require.Equal(t, make([]error, 10), errs)
		require.Equal(t, []int{10}, sizes)
	})
}

// When the commit fails before it is ready, only the first item gets the error.
func TestCommitFailsBeforeTheBatch(t *testing.T) {
	t.Parallel()
	unavailable := errors.New("unavailable")
	c := New(Options[int]{Name: "test", Metrics: NewMetrics(nil), BatchTime: time.Minute, Log: zap.NewNop()},
		func(context.Context, func() []int) ([]int, error) { return nil, unavailable })
	defer c.Close()
	_, err := c.Do(limit.Context(t), 1)
	require.ErrorIs(t, err, unavailable)
}

// do calls Do for 0 to n-1 and returns the errors. The first item is a batch alone, and the
// others are one batch.
func do(t *testing.T, c *Committer[int, int], n int, began <-chan struct{}, gate chan struct{}) []error {
	t.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = c.Do(t.Context(), i) })
		if i == 0 {
			<-began // the others wait together
		}
	}
	synctest.Wait()
	close(gate)
	wg.Wait()
	return errs
}

// gated returns a commit that sends to began and then waits until gate is closed.
func gated(began chan<- struct{}, gate <-chan struct{}, commit func(ctx context.Context, batch []int) ([]int, error)) func(context.Context, []int) ([]int, error) {
	return func(ctx context.Context, batch []int) ([]int, error) {
		select {
		case began <- struct{}{}:
		default:
		}
		<-gate
		return commit(ctx, batch)
	}
}

// An item whose commit fails, never ends, or panics fails alone.
func TestBadItemFailsAlone(t *testing.T) {
	t.Parallel()
	const bad = 5
	poison := errors.New("poison")
	for name, c := range map[string]struct {
		commit func(ctx context.Context) error
		want   func(t *testing.T, err error, logs *observer.ObservedLogs)
	}{
		"poison": {
			func(context.Context) error { return poison },
			func(t *testing.T, err error, _ *observer.ObservedLogs) { require.ErrorIs(t, err, poison) },
		},
		"slow": {
			func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			func(t *testing.T, err error, _ *observer.ObservedLogs) {
				require.ErrorIs(t, err, context.DeadlineExceeded)
			},
		},
		"panic": {
			func(context.Context) error { panic("canary-secret") },
			func(t *testing.T, err error, logs *observer.ObservedLogs) {
				require.ErrorContains(t, err, "panicked")
				require.NotContains(t, err.Error(), "canary")
				require.Equal(t, 2, logs.Len(), "once in the batch and once alone")
				for _, entry := range logs.All() {
					require.Contains(t, entry.ContextMap()["stack"], "TestBadItemFailsAlone")
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				core, logs := observer.New(zapcore.ErrorLevel)
				began, gate := make(chan struct{}, 1), make(chan struct{})
				committer := newTest(t, Options[int]{BatchTime: time.Second, ItemTime: 2 * time.Second, Log: zap.New(core)},
					gated(began, gate, func(ctx context.Context, batch []int) ([]int, error) {
						for _, i := range batch {
							if i == bad {
								if err := c.commit(ctx); err != nil {
									return nil, err
								}
							}
						}
						return batch, nil
					}))
				started := time.Now()
				for i, err := range do(t, committer, 10, began, gate) {
					if i == bad {
						c.want(t, err, logs)
						continue
					}
					require.NoError(t, err, "item %d", i)
				}
				require.LessOrEqual(t, time.Since(started), 3*time.Second, "the time of a batch and of one item")
				committer.Close()
			})
		})
	}
}

// When a batch ends by timeout, its items get their own time before they fail.
func TestItemHasItsOwnTimeAfterTheBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newTest(t, Options[int]{BatchTime: time.Second, ItemTime: time.Minute}, func(ctx context.Context, batch []int) ([]int, error) {
			select {
			case <-time.After(10 * time.Second):
				return batch, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
		_, err := c.Do(t.Context(), 1)
		require.NoError(t, err)
		c.Close()
	})
}

// Items of a failed batch are not tried again when their callers have left.
func TestCallersThatLeftAreSkipped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var commits [][]int
		var mu sync.Mutex
		c := newTest(t, Options[int]{BatchTime: 5 * time.Second, ItemTime: 5 * time.Second}, func(ctx context.Context, batch []int) ([]int, error) {
			mu.Lock()
			commits = append(commits, batch)
			mu.Unlock()
			<-ctx.Done()
			return nil, ctx.Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Do(ctx, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		c.Close()
		require.Equal(t, [][]int{{1}}, commits)
	})
}

func TestWeight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began, gate := make(chan struct{}, 10), make(chan struct{})
		var sizes []int
		c := newTest(t, Options[int]{Weight: func(w int) int { return w }}, func(_ context.Context, batch []int) ([]int, error) {
			if batch[0] >= aloneWeight {
				return batch, nil
			}
			began <- struct{}{}
			<-gate
			sizes = append(sizes, len(batch))
			return batch, nil
		})
		const light = maxWeight / 100
		var wg sync.WaitGroup
		for i := range 151 {
			wg.Go(func() { _, _ = c.Do(t.Context(), light) })
			if i == 0 {
				<-began
			}
		}
		synctest.Wait()
		_, err := c.Do(t.Context(), aloneWeight)
		require.NoError(t, err, "a heavy item does not wait for a batch")
		close(gate)
		wg.Wait()
		c.Close()
		require.Equal(t, []int{1, 100, 50}, sizes)
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	c := newTest(t, Options[int]{}, func(_ context.Context, batch []int) ([]int, error) { return batch, nil })
	c.Close()
	_, err := c.Do(limit.Context(t), 1)
	require.ErrorIs(t, err, ErrClosed)
}

// The span of a batch and the spans of the requests in it are linked.
func TestTraceOfABatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		spans := tracetest.NewSpanRecorder()
		tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test")
		entered, release := make(chan struct{}), make(chan struct{})
		c := newTest(t, Options[int]{}, func(_ context.Context, batch []int) ([]int, error) {
			entered <- struct{}{}
			<-release
			return batch, nil
		})
		var wg sync.WaitGroup
		var waiting []trace.Span
		call := func(i int) {
			ctx, span := tracer.Start(t.Context(), "waiting")
			waiting = append(waiting, span)
			wg.Go(func() {
				defer span.End()
				_, err := c.Do(ctx, i)
				require.NoError(t, err)
			})
		}
		call(0)
		<-entered
		call(1)
		synctest.Wait()
		call(2)
		synctest.Wait()
		release <- struct{}{}
		<-entered
		close(release)
		wg.Wait()
		c.Close()

		named := map[string][]sdktrace.ReadOnlySpan{}
		for _, s := range spans.Ended() {
			named[s.Name()] = append(named[s.Name()], s)
		}
		require.Len(t, named["batch test"], 2)
		batch := named["batch test"][1]
		require.Equal(t, waiting[1].SpanContext().SpanID(), batch.Parent().SpanID())
		require.Len(t, batch.Links(), 1)
		require.Equal(t, waiting[2].SpanContext(), batch.Links()[0].SpanContext)
		for _, s := range named["waiting"] {
			if s.SpanContext().SpanID() == waiting[2].SpanContext().SpanID() {
				require.Len(t, s.Links(), 1)
				require.Equal(t, batch.SpanContext(), s.Links()[0].SpanContext)
			}
		}
	})
}
