package jobs

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"
)

// A line gets no more workers than it leaves free, and a free one is given to a line that has none.
func TestRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(20, time.Minute)
		next := int64(0)
		take := func(line string) (n int) {
			for {
				most := r.of(line, 5)
				if most == 0 {
					return n
				}
				require.LessOrEqual(t, most, 5)
				taken := make([]*rivertype.JobRow, most)
				for i := range taken {
					next++
					taken[i] = &rivertype.JobRow{ID: next, Queue: line}
				}
				r.enter(taken)
				n += most
			}
		}
		require.Equal(t, 10, take("a"))
		require.Equal(t, 5, take("b"))
		require.Equal(t, 2, take("c"))
		require.Equal(t, 1, take("d"))
		r.leave(1)
		r.leave(2)
		require.Zero(t, take("a"), "it has 8, and 4 are free")
		require.Equal(t, 2, take("e"))
		time.Sleep(2 * time.Minute)
		require.Equal(t, 10, take("a"), "those that were lost do not count")
		require.Equal(t, 7, (*room)(nil).of("a", 7))
		r.leave(next)
		require.Empty(t, r.again, "nothing was lacking")
		r.lack()
		r.leave(next - 1)
		r.leave(next - 2)
		require.Len(t, r.again, 1)
	})
}
