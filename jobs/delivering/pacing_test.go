package delivering

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Jobs that find no slot within the horizon sleep until about their turn.
func TestPaceLinesUp(t *testing.T) {
	t.Parallel()
	var p pacing
	for i := range 5 {
		require.InDelta(t, (time.Hour + time.Duration(i)*time.Minute).Seconds(),
			p.sleep(line{"p", 2}, time.Hour, time.Minute).Seconds(), 10)
	}
	for _, other := range []line{{"q", 2}, {"p", 1}} {
		require.InDelta(t, time.Hour.Seconds(), p.sleep(other, time.Hour, time.Minute).Seconds(), 10)
	}
}
