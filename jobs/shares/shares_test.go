package shares

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestTake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(3, 2)
		first, err := p.Take(t.Context(), "crowd", 100)
		require.NoError(t, err, "at most a share")
		_, err = p.Take(t.Context(), "crowd", 1)
		require.ErrorIs(t, err, ErrBusy, "the app has its share")
		other, err := p.Take(t.Context(), "other", 1)
		require.NoError(t, err, "the crowd of one app is not another's")
		_, err = p.Take(t.Context(), "third", 1)
		require.ErrorIs(t, err, ErrBusy, "all of it is used")
		first()
		again, err := p.Take(t.Context(), "third", 2)
		require.NoError(t, err)
		again()
		other()
		whole, err := p.Take(t.Context(), "crowd", 2)
		require.NoError(t, err, "who was refused has left nothing behind")
		whole()

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = p.Take(ctx, "crowd", 3)
		require.ErrorIs(t, err, context.Canceled)
	})
}

// A waiting crowd of one app does not stand in the line of the others.
func TestWaitersOfOneAppDoNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(2, 1)
		giveBack, err := p.Take(t.Context(), "crowd", 1)
		require.NoError(t, err)
		for range 100 {
			go func() {
				if giveBack, err := p.Take(t.Context(), "crowd", 1); err == nil {
					giveBack()
				}
			}()
		}
		synctest.Wait()
		other, err := p.Take(t.Context(), "other", 1)
		require.NoError(t, err)
		other()
		giveBack()
	})
}
