package delivering

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/migrate"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlite"
)

// Places are renewed while they are held. One that another replica has taken is not held any
// more, and freeing it frees nothing.
func TestPlacesAreRenewed(t *testing.T) {
	t.Parallel()
	st, err := sqlite.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "notify.db"), MaxOpenConns: 1, MaxIdleConns: 1})
	require.NoError(t, err)
	t.Cleanup(st.Close)
	require.NoError(t, migrate.SQLite(st.DB()).Up(t.Context()))
	take := func(holder uuid.UUID) (store.Place, bool) {
		place, taken, err := st.TakePlace(t.Context(), "p", holder, 2, time.Hour)
		require.NoError(t, err)
		return place, taken
	}
	expire := func(p *places) {
		_, err := st.RenewPlaces(t.Context(), p.holder, 0)
		require.NoError(t, err)
	}
	p, other := newPlaces(st, zap.NewNop()), uuid.New()
	first, err := placesOf{p, "p"}.Take(t.Context(), 2)
	require.NoError(t, err)
	second, err := placesOf{p, "p"}.Take(t.Context(), 2)
	require.NoError(t, err)
	third, err := placesOf{p, "p"}.Take(t.Context(), 2)
	require.NoError(t, err)
	require.Nil(t, third)

	expire(p)
	p.renew()
	_, taken := take(other)
	require.False(t, taken)
	require.True(t, first.Held() && second.Held())

	expire(p)
	stolen, taken := take(other)
	require.True(t, taken)
	p.renew()
	require.False(t, first.Held())
	require.True(t, second.Held())
	first.Free()
	_, taken = take(uuid.New())
	require.False(t, taken, "it is another's")

	require.NoError(t, st.FreePlaces(t.Context(), other, []store.Place{stolen}))
	p.close()
	second.Free()
	for range 2 {
		_, taken = take(other)
		require.True(t, taken, "a replica that stops frees its places")
	}
}
