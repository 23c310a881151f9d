package jobs

import (
	"context"
	"errors"
	"runtime"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// A flush takes at most this many items and this much weight (deliveries), so
// that one transaction stays short.
const (
	flushMaxItems  = 512
	flushMaxWeight = 20_000
	// An item of this weight gains nothing by company, and would keep it waiting. It
	// is committed by itself, beside the batches; so many of them at a time.
	flushAlone    = 250
	flushAloneMax = 2
)

// errClosed answers calls made after close.
var errClosed = errors.New("shutting down")

// flusher is group commit: it takes whatever is waiting, commits it as one
// transaction, and answers every waiter. Batches form from load alone; an idle
// flusher commits a lone item at once. A batch that fails is committed again one
// by one, so that one poisonous item cannot hurt its neighbours.
type flusher[In, Out any] struct {
	name    string
	commit  func(ctx context.Context, batch []In) ([]Out, error)
	weigh   func(In) int
	timeout time.Duration // bounds one flush, with its fall-back
	queue   chan *flushCall[In, Out]
	alone   chan struct{} // holds a token for each heavy item that is being committed
	closing chan struct{}
	stopped chan struct{}
}

type flushCall[In, Out any] struct {
	in    In
	span  trace.Span           // of who waits
	reply chan flushReply[Out] // buffered: the flusher never waits for a waiter that left
}

type flushReply[Out any] struct {
	out Out
	err error
}

func newFlusher[In, Out any](
	watch batchMetrics, timeout time.Duration, weigh func(In) int, commit func(context.Context, []In) ([]Out, error),
) *flusher[In, Out] {
	f := &flusher[In, Out]{
		name: watch.name, commit: measured(watch, commit), weigh: weigh, timeout: timeout,
		queue: make(chan *flushCall[In, Out], flushMaxItems), alone: make(chan struct{}, flushAloneMax),
		closing: make(chan struct{}), stopped: make(chan struct{}),
	}
	go f.run()
	return f
}

// do returns after in was committed. When ctx ends first, in may still be
// committed later.
func (f *flusher[In, Out]) do(ctx context.Context, in In) (Out, error) {
	var none Out
	if f.weigh(in) >= flushAlone {
		return f.commitAlone(ctx, in)
	}
	c := &flushCall[In, Out]{in: in, span: trace.SpanFromContext(ctx), reply: make(chan flushReply[Out], 1)}
	select {
	case f.queue <- c:
	case <-f.closing:
		return none, errClosed
	case <-ctx.Done():
		return none, ctx.Err()
	}
	select {
	case r := <-c.reply:
		return r.out, r.err
	case <-f.stopped:
		// The flusher may have answered just before it stopped.
		select {
		case r := <-c.reply:
			return r.out, r.err
		default:
			return none, errClosed
		}
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// commitAlone commits a heavy item.
func (f *flusher[In, Out]) commitAlone(ctx context.Context, in In) (Out, error) {
	var none Out
	select {
	case f.alone <- struct{}{}:
		defer func() { <-f.alone }()
	case <-ctx.Done():
		return none, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.timeout)
	defer cancel()
	ctx, span := startSpan(ctx, "batch "+f.name, trace.SpanKindInternal)
	defer span.End()
	outs, err := f.commit(ctx, []In{in})
	if err != nil {
		return none, err
	}
	return outs[0], nil
}

// close commits what is queued and stops. Call it when nobody calls do any more.
func (f *flusher[In, Out]) close() {
	close(f.closing)
	<-f.stopped
}

func (f *flusher[In, Out]) run() {
	defer close(f.stopped)
	for {
		select {
		case first := <-f.queue:
			f.flush(f.gather(first))
		case <-f.closing:
			for {
				select {
				case first := <-f.queue:
					f.flush(f.gather(first))
				default:
					return
				}
			}
		}
	}
}

// gather adds to first what is waiting already.
func (f *flusher[In, Out]) gather(first *flushCall[In, Out]) []*flushCall[In, Out] {
	// Whoever was woken together with the first comes to the queue now, too.
	runtime.Gosched()
	batch := []*flushCall[In, Out]{first}
	weight := f.weigh(first.in)
	for len(batch) < flushMaxItems && weight < flushMaxWeight {
		select {
		case c := <-f.queue:
			batch = append(batch, c)
			weight += f.weigh(c.in)
		default:
			return batch
		}
	}
	return batch
}

func (f *flusher[In, Out]) flush(batch []*flushCall[In, Out]) {
	ctx, cancel := context.WithTimeout(context.Background(), f.timeout)
	defer cancel()
	ctx, span := traceBatch(ctx, f.name, batch)
	defer span.End()

	ins := make([]In, len(batch))
	for i, c := range batch {
		ins[i] = c.in
	}
	outs, err := f.commit(ctx, ins)
	if err == nil {
		for i, c := range batch {
			c.reply <- flushReply[Out]{out: outs[i]}
		}
		return
	}
	if len(batch) == 1 {
		batch[0].reply <- flushReply[Out]{err: err}
		return
	}
	for i, c := range batch {
		outs, err := f.commit(ctx, ins[i:i+1])
		if err != nil {
			c.reply <- flushReply[Out]{err: err}
			continue
		}
		c.reply <- flushReply[Out]{out: outs[0]}
	}
}
