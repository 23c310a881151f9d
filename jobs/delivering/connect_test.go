package delivering_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

var dispatcher = jobs.Dispatcher{Enabled: true, Interval: 100 * time.Millisecond, BatchSize: 20, LeaseTimeout: 30 * time.Second}

// line is a provider with one connection, which the test opens and closes.
type line struct {
	*jobstest.Provider
	places  chan struct{} // has a value for each free place
	waiting chan struct{} // a value for each reservation that begins
	connect func(context.Context) error

	mu       sync.Mutex
	released int
	closed   bool
}

// useLine makes the test's provider a line.
func useLine(b *jobstest.Bundle, onUncertain channels.OnUncertain) *line {
	l := &line{Provider: b.Provider, places: make(chan struct{}, 1), waiting: make(chan struct{}, 100)}
	l.connect = func(context.Context) error { return nil }
	s := b.Settings(onUncertain)
	s.Registry = channels.NewRegistry(map[string]channels.Provider{
		"test": {Name: "test-provider", Type: jobstest.TestChannel, OnUncertain: onUncertain, Sender: l},
	})
	b.Jobs.Apply(s)
	return l
}

// Reserve implements channels.Connector.
func (l *line) Reserve(ctx context.Context, places channels.Places) (channels.Connection, error) {
	l.waiting <- struct{}{}
	select {
	case <-l.places:
	case <-ctx.Done():
		return nil, channels.ErrBusy
	}
	place, err := places.Take(ctx, 1)
	if err != nil || place == nil {
		return nil, errors.Join(err, channels.ErrBusy)
	}
	return &lineConnection{line: l, place: place}, nil
}

// Close implements io.Closer.
func (l *line) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return nil
}

func (l *line) state() (released int, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.released, l.closed
}

type lineConnection struct {
	*line
	place channels.Place
}

func (c *lineConnection) Connect(ctx context.Context, _ channels.Message) error {
	return c.connect(ctx)
}

func (c *lineConnection) Release() {
	c.place.Free()
	c.mu.Lock()
	c.released++
	c.mu.Unlock()
	c.places <- struct{}{}
}

// A worker that waits for a connection spends no attempt, and its call has all of its time.
func TestWaitForAConnectionSpendsNothing(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		l := useLine(b, channels.Hold)
		left := make(chan time.Duration, 1)
		l.AnswerContext(func(ctx context.Context, _ channels.Message) (channels.Receipt, error) {
			deadline, _ := ctx.Deadline()
			left <- time.Until(deadline)
			return channels.Receipt{}, nil
		})
		client := b.Open(dispatcher)
		require.NoError(t, client.Start(t.Context()))
		d := b.Accept("k")
		limit.Receive(t, l.waiting, "a reservation")
		stopped := time.Now()
		require.NoError(t, client.Stop())
		require.Less(t, time.Since(stopped), 4*time.Second, "the wait is cut")
		d, err := b.Store.Delivery(t.Context(), d.ID)
		require.NoError(t, err)
		require.Equal(t, store.DeliveryPending, d.Status, "nothing was tried, so nothing is uncertain")
		require.Zero(t, d.Attempts)

		b.Rebuild(b.Store) // the process starts again
		l = useLine(b, channels.Hold)
		b.Start()
		limit.Receive(t, l.waiting, "a second reservation")
		time.Sleep(500 * time.Millisecond) // part of the wait, not of the call
		l.places <- struct{}{}
		require.Greater(t, limit.Receive(t, left, "the call"), 4800*time.Millisecond)
		d = b.WaitFor(d.ID, store.DeliverySuccess)
		require.Equal(t, 1, d.Attempts)
		require.Eventually(t, func() bool { released, _ := l.state(); return released == 1 }, limit.Wait, time.Millisecond)
	})
}

// A connection that cannot be opened is a failed attempt, and gives its place back.
func TestConnectionThatCannotBeOpened(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		l := useLine(b, channels.Hold)
		l.places <- struct{}{}
		l.connect = func(context.Context) error {
			return &channels.Error{Class: channels.Transient, Code: "connect_failed", Message: "no"}
		}
		b.Start()
		d := b.WaitFor(b.Accept("k").ID, store.DeliveryDead)
		require.Equal(t, 4, d.Attempts)
		require.Equal(t, "connect_failed", d.LastCode)
		released, _ := l.state()
		require.Equal(t, 4, released)
		require.Empty(t, b.Provider.Calls)
	})
}

// Opening a connection ends after timeoutSeconds, and when the process stops. Then nothing
// was sent.
func TestConnectIsCut(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		l := useLine(b, channels.Hold)
		l.places <- struct{}{}
		connecting := make(chan time.Duration, 1)
		l.connect = func(ctx context.Context) error {
			deadline, _ := ctx.Deadline()
			connecting <- time.Until(deadline)
			<-ctx.Done()
			return ctx.Err()
		}
		client := b.Open(dispatcher)
		require.NoError(t, client.Start(t.Context()))
		d := b.Accept("k")
		require.InDelta(t, 5, limit.Receive(t, connecting, "the connection").Seconds(), 1)
		require.NoError(t, client.Stop())
		d, err := b.Store.Delivery(t.Context(), d.ID)
		require.NoError(t, err)
		require.Equal(t, store.DeliveryPending, d.Status)
		require.Zero(t, d.Attempts)
	})
}

// Replicas share the places. Those of one that died are free when they expire, those of one
// that stopped at once; a reload closes the connections of the old providers.
func TestPlacesOfAllReplicas(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		other := uuid.New()
		place, taken, err := b.Store.TakePlace(t.Context(), "test-provider", other, 1, time.Hour)
		require.NoError(t, err)
		require.True(t, taken)
		l := useLine(b, channels.Resend)
		l.places <- struct{}{}
		b.Start()
		d := b.Accept("k")
		limit.Receive(t, l.waiting, "a reservation")
		l.places <- struct{}{} // after the first one was used
		require.Empty(t, b.Provider.Calls)
		require.NoError(t, b.Store.FreePlaces(t.Context(), other, []store.Place{place}))
		b.WaitFor(d.ID, store.DeliverySuccess)

		_, closed := l.state()
		require.False(t, closed)
		b.Jobs.Apply(settings.Settings{Registry: channels.NewRegistry(nil), Defaults: b.Settings(channels.Resend).Defaults})
		_, closed = l.state()
		require.True(t, closed)
	})
}
