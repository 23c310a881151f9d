package rendering

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TakeTurns takes all turns of heavy work until giveBack is called.
func TakeTurns(t *testing.T, r *Renderer) (giveBack func()) {
	t.Helper()
	var all []func()
	for i := range turns() {
		giveBack, err := r.turns.Take(t.Context(), string(rune('a'+i)), 1)
		require.NoError(t, err)
		all = append(all, giveBack)
	}
	return func() {
		for _, giveBack := range all {
			giveBack()
		}
	}
}
