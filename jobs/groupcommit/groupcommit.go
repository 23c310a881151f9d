// Package groupcommit commits what many callers wait for in one transaction.
package groupcommit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/labring/sealos-notify/jobs/tracing"
)

const (
	// maxItems and maxWeight bound a batch, so that its transaction stays short.
	maxItems  = 512
	maxWeight = 20_000
	// aloneWeight is from where on an item is committed alone: it gains nothing from a
	// batch, and the batch would wait for it.
	aloneWeight = 250
	// maxAlone bounds the items that are committed alone at the same time.
	maxAlone = 2
	// retryWorkers bounds the items of a failed batch that are tried at the same time, so
	// that a slow one does not hold up the others.
	retryWorkers = 4
)

// ErrClosed is the error of calls after Close.
var ErrClosed = errors.New("shutting down")

// Options configure a Committer.
type Options[In any] struct {
	Name string // in metrics, traces and logs
	// BatchTime bounds the commit of a batch. ItemTime bounds the commit of one item
	// that is committed alone.
	BatchTime, ItemTime time.Duration
	// Weight returns an item's weight, in deliveries; nil: every item weighs 1.
	Weight  func(In) int
	Metrics *Metrics
	Log     *zap.Logger
}

// Commit commits a batch. It calls gather once for the batch, when it is ready to write:
// items that arrive while it waits for the database go into the same batch. It returns one
// result for each item, or an error when nothing was committed.
type Commit[In, Out any] func(ctx context.Context, gather func() []In) ([]Out, error)

// Committer takes the items that are waiting, commits them as one batch and answers every
// caller. Batches form from load alone: an idle Committer commits a single item at once.
// When a batch fails, each of its items is committed alone with its own time, so that one
// bad or slow item cannot fail the others.
type Committer[In, Out any] struct {
	Options[In]
	commit  Commit[In, Out]
	queue   chan *call[In, Out]
	alone   chan struct{} // holds a token for each item that is committed alone
	closing chan struct{}
	stopped chan struct{}
}

type call[In, Out any] struct {
	ctx   context.Context
	in    In
	reply chan reply[Out] // buffered: the Committer never waits for a caller that left
}

type reply[Out any] struct {
	out Out
	err error
}

// New starts a Committer.
func New[In, Out any](o Options[In], commit Commit[In, Out]) *Committer[In, Out] {
	if o.Weight == nil {
		o.Weight = func(In) int { return 1 }
	}
	c := &Committer[In, Out]{
		Options: o, commit: commit,
		queue: make(chan *call[In, Out], maxItems), alone: make(chan struct{}, maxAlone),
		closing: make(chan struct{}), stopped: make(chan struct{}),
	}
	o.Metrics.expect(o.Name)
	go c.run()
	return c
}

// Do returns after in was committed. When ctx ends first, in may still be committed later.
func (c *Committer[In, Out]) Do(ctx context.Context, in In) (Out, error) {
	var none Out
	if c.Weight(in) >= aloneWeight {
		return c.doAlone(ctx, in)
	}
	waiting := &call[In, Out]{ctx: ctx, in: in, reply: make(chan reply[Out], 1)}
	select {
	case c.queue <- waiting:
	case <-c.closing:
		return none, ErrClosed
	case <-ctx.Done():
		return none, ctx.Err()
	}
	select {
	case r := <-waiting.reply:
		return r.out, r.err
	case <-c.stopped:
		select {
		case r := <-waiting.reply: // the last answer before it stopped
			return r.out, r.err
		default:
			return none, ErrClosed
		}
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// doAlone commits a heavy item.
func (c *Committer[In, Out]) doAlone(ctx context.Context, in In) (Out, error) {
	select {
	case c.alone <- struct{}{}:
		defer func() { <-c.alone }()
	case <-ctx.Done():
		var none Out
		return none, ctx.Err()
	}
	ctx, span := tracing.Start(context.WithoutCancel(ctx), "batch "+c.Name, trace.SpanKindInternal)
	defer span.End()
	return c.commitOne(ctx, in)
}

// Close commits what is queued and stops. It must be called after the last Do.
func (c *Committer[In, Out]) Close() {
	close(c.closing)
	<-c.stopped
}

func (c *Committer[In, Out]) run() {
	defer close(c.stopped)
	for {
		select {
		case first := <-c.queue:
			c.flush(first)
		case <-c.closing:
			for {
				select {
				case first := <-c.queue:
					c.flush(first)
				default:
					return
				}
			}
		}
	}
}

// gather returns first and all that wait.
func (c *Committer[In, Out]) gather(first *call[In, Out]) []*call[In, Out] {
	batch := []*call[In, Out]{first}
	weight := c.Weight(first.in)
	for len(batch) < maxItems && weight < maxWeight {
		select {
		case next := <-c.queue:
			batch = append(batch, next)
			weight += c.Weight(next.in)
		default:
			return batch
		}
	}
	return batch
}

// flush commits a batch that begins with first, and answers its callers.
func (c *Committer[In, Out]) flush(first *call[In, Out]) {
	batch, ctx, span := []*call[In, Out]{first}, context.Background(), trace.SpanFromContext(context.Background())
	defer func() { span.End() }()
	outs, err := c.commitBatch(ctx, c.BatchTime, func() []In {
		batch = c.gather(first)
		ctx, span = tracing.StartBatch(ctx, c.Name, spansOf(batch))
		ins := make([]In, len(batch))
		for i, waiting := range batch {
			ins[i] = waiting.in
		}
		return ins
	})
	switch {
	case err == nil:
		for i, waiting := range batch {
			waiting.reply <- reply[Out]{out: outs[i]}
		}
	case len(batch) == 1 && !errors.Is(err, context.DeadlineExceeded):
		batch[0].reply <- reply[Out]{err: err}
	default:
		c.flushAlone(ctx, batch)
	}
}

// flushAlone commits each item of a failed batch alone. It skips those whose caller left.
func (c *Committer[In, Out]) flushAlone(ctx context.Context, batch []*call[In, Out]) {
	var workers errgroup.Group
	workers.SetLimit(retryWorkers)
	for _, waiting := range batch {
		workers.Go(func() error {
			if err := waiting.ctx.Err(); err != nil {
				waiting.reply <- reply[Out]{err: err}
				return nil
			}
			out, err := c.commitOne(ctx, waiting.in)
			waiting.reply <- reply[Out]{out: out, err: err}
			return nil
		})
	}
	_ = workers.Wait() // they return no errors
}

// commitOne commits one item alone.
func (c *Committer[In, Out]) commitOne(ctx context.Context, in In) (Out, error) {
	outs, err := c.commitBatch(ctx, c.ItemTime, func() []In { return []In{in} })
	if err != nil {
		var none Out
		return none, err
	}
	return outs[0], nil
}

// commitBatch calls commit, bounded and measured. A panic in it is the batch's error.
func (c *Committer[In, Out]) commitBatch(ctx context.Context, limit time.Duration, gather func() []In) (outs []Out, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	started, items := time.Now(), 1
	defer func() {
		if r := recover(); r != nil {
			// The value may hold an address, so only its type and the stack are logged.
			c.Log.Error("commit panicked", zap.String("batch", c.Name), zap.Int("items", items),
				zap.String("panicType", fmt.Sprintf("%T", r)), zap.Stack("stack"))
			err = fmt.Errorf("the commit of %d items panicked", items)
		}
		c.Metrics.observe(c.Name, items, time.Since(started), err)
	}()
	return c.commit(ctx, func() []In {
		ins := gather()
		items = len(ins)
		return ins
	})
}

func spansOf[In, Out any](batch []*call[In, Out]) []trace.Span {
	spans := make([]trace.Span, len(batch))
	for i, waiting := range batch {
		spans[i] = trace.SpanFromContext(waiting.ctx)
	}
	return spans
}
