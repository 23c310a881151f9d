package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// The server ends a list that takes too long. The connection stays usable.
func TestListTimesOut(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), testdb.New(t))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	const slow = `SELECT pg_sleep(60)::text`
	started := time.Now()
	err = s.DB.List(t.Context(), func(sqlread.Row) error { return nil }, slow)
	require.ErrorIs(t, err, store.ErrTooBroad)
	require.NotErrorIs(t, err, store.ErrUnavailable)
	require.Less(t, time.Since(started), 30*time.Second)
	var timeout string
	require.NoError(t, s.pool.QueryRow(t.Context(), `SHOW statement_timeout`).Scan(&timeout))
	require.Equal(t, "0", timeout, "the timeout holds for the list alone")

	// When the caller leaves, the list was not too broad.
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = s.DB.List(ctx, func(sqlread.Row) error { return nil }, slow)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, store.ErrTooBroad)
}
