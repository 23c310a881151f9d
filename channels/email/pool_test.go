package email

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/wneessen/go-mail/smtp"

	"github.com/labring/sealos-notify/channels"
)

// newConnection opens a connection that the pool has reserved. The channel is closed when
// the server's end of it is.
func newConnection(t *testing.T, p *pool, places channels.Places) (*connection, chan struct{}) {
	t.Helper()
	c, err := p.reserve(t.Context(), places)
	require.NoError(t, err)
	require.Nil(t, c.client, "it is an idle one")
	near, far := net.Pipe()
	ended := make(chan struct{})
	go func() {
		_, _ = io.WriteString(far, "220 hi\r\n")
		_, _ = io.Copy(io.Discard, far)
		close(ended)
	}()
	c.raw = &boundedConn{Conn: near, left: maxReplies}
	c.client, err = smtp.NewClient(c.raw, "mail.example.com")
	require.NoError(t, err)
	return c, ended
}

// busy requires that no connection becomes free within the time.
func busy(t *testing.T, p *pool, places channels.Places, within time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	_, err := p.reserve(ctx, places)
	require.ErrorIs(t, err, channels.ErrBusy)
}

func TestIdleConnectionsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(2)
		first, firstEnd := newConnection(t, p, unshared{})
		second, secondEnd := newConnection(t, p, unshared{})
		p.put(first)
		p.put(second)
		reserved, err := p.reserve(t.Context(), unshared{})
		require.NoError(t, err)
		require.Same(t, second, reserved, "the last one used")

		time.Sleep(idleTime) // of the bubble's clock
		<-firstEnd
		p.put(second)
		time.Sleep(idleTime)
		<-secondEnd
		synctest.Wait()
		require.Zero(t, p.open)
	})
}

// The one who has waited longest gets the next free connection, and a connection that is
// being closed counts until it is.
func TestConnectionsAreWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(1)
		first, _ := newConnection(t, p, unshared{})
		busy(t, p, unshared{}, time.Second)
		got := make(chan *connection)
		go func() {
			c, _ := p.reserve(t.Context(), unshared{})
			got <- c
		}()
		synctest.Wait()
		started := time.Now()
		p.put(first)
		require.Same(t, first, <-got)
		require.Zero(t, time.Since(started))

		go func() {
			c, _ := p.reserve(t.Context(), unshared{})
			got <- c
		}()
		synctest.Wait()
		go p.end(first) // the server does not answer QUIT
		c := <-got
		require.Equal(t, quitTime, time.Since(started))
		require.Nil(t, c.client, "a new one")
		p.end(c)
	})
}

// A connection that is used all the time is closed now and then. Its place is free for
// another replica before this one asks again.
func TestPlacesGoRound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := make(replicas, 1)
		here, there := newPool(1), newPool(1)
		c, ended := newConnection(t, here, shared)
		got := make(chan *connection)
		go func() {
			c, _ := there.reserve(t.Context(), shared)
			got <- c
		}()
		for time.Now().Before(c.until) {
			busy(t, here, shared, time.Second)
		}
		here.put(c)
		<-ended
		busy(t, here, shared, 2*pollTime)
		there.end(<-got)
		c, err := here.reserve(t.Context(), shared)
		require.NoError(t, err)
		here.end(c)
	})
}

// replicas is what all replicas may open together: a value for each place that is taken.
type replicas chan struct{}

func (r replicas) Take(context.Context, int) (channels.Place, error) {
	select {
	case r <- struct{}{}:
		return r, nil
	default:
		return nil, nil
	}
}

func (replicas) Held() bool { return true }

func (r replicas) Free() { <-r }

// The pool finds by itself how many connections the server bears.
func TestBoundIsFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const bears = 3
		p := newPool(10)
		var open []*connection
		for range p.most {
			c, _ := newConnection(t, p, unshared{})
			open = append(open, c)
		}
		for _, refused := range open[bears:] {
			p.shrink()
			p.end(refused)
		}
		open = open[:bears]
		busy(t, p, unshared{}, growTime-5*time.Second)

		time.Sleep(growTime)
		for range 3 { // one more is tried, again and again
			c, err := p.reserve(t.Context(), unshared{})
			require.NoError(t, err)
			busy(t, p, unshared{}, time.Second)
			p.shrink()
			p.end(c)
			busy(t, p, unshared{}, growTime-5*time.Second)
			time.Sleep(growTime)
		}
		for _, c := range open {
			p.end(c)
		}
		time.Sleep(time.Duration(p.most) * growTime)
		for range p.most {
			c, err := p.reserve(t.Context(), unshared{})
			require.NoError(t, err)
			defer p.end(c)
		}
	})
}

// A server that refuses the only connection is left alone for a moment.
func TestRefusedAltogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(10)
		c, _ := newConnection(t, p, unshared{})
		p.shrink()
		p.end(c)
		busy(t, p, unshared{}, refusedRest-pollTime-quitTime)
		c, err := p.reserve(t.Context(), unshared{})
		require.NoError(t, err)
		p.end(c)
	})
}

func TestClosedPool(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(2)
		idle, idleEnd := newConnection(t, p, unshared{})
		used, usedEnd := newConnection(t, p, unshared{})
		p.put(idle)
		p.close()
		<-idleEnd
		p.put(used)
		<-usedEnd
		late, lateEnd := newConnection(t, p, unshared{})
		p.put(late)
		<-lateEnd
		synctest.Wait()
		require.Zero(t, p.open)
	})
}
