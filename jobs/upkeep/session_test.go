package upkeep_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/store"
)

// Sessions that are over are deleted, also when everything else is kept for ever.
func TestExpiredSessionsAreDeleted(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		now := store.Now()
		for digest, expires := range map[string]time.Time{"over": now, "open": now.Add(time.Hour)} {
			require.NoError(t, b.Store.CreateSession(t.Context(), store.Session{Digest: digest, CreatedAt: now, ExpiresAt: expires}))
		}
		requireDeletes(t, b)
		_, err := b.Store.Session(t.Context(), "over")
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = b.Store.Session(t.Context(), "open")
		require.NoError(t, err)
	})
}
