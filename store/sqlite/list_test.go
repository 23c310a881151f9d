package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// A list that takes too long ends.
func TestListTimesOut(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "notify.db"), MaxOpenConns: 1})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	const endless = `WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c WHERE n < 0`
	ignore := func(sqlread.Row) error { return nil }
	started := time.Now()
	err = s.Reader.DB.List(t.Context(), ignore, endless)
	require.ErrorIs(t, err, store.ErrTooBroad)
	require.Less(t, time.Since(started), 30*time.Second)

	// When the caller leaves, the list was not too broad.
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = s.Reader.DB.List(ctx, ignore, endless)
	require.Error(t, err)
	require.NotErrorIs(t, err, store.ErrTooBroad)
}
