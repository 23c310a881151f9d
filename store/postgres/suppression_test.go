package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A suppression that is being renewed is neither deleted nor waited for: who waits for locks in another
// order than a batch of outcomes may end it.
func TestForgettingWaitsForNoSuppression(t *testing.T) {
	t.Parallel()
	s := opened(t, `
		INSERT INTO suppressions (id, channel, recipient_type, recipient_value, code, error, created_at, until)
		SELECT gen_random_uuid(), 'email', 'email', i || '@example.com', '', '', now(), now() - interval '1 minute' FROM generate_series(1, 2) i`)
	tx, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }() // so that the pool closes
	_, err = tx.Exec(t.Context(), `UPDATE suppressions SET until = now() + interval '1 day' WHERE recipient_value = '1@example.com'`)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	forgotten, err := s.ForgetSuppressions(ctx, time.Now(), 10)
	require.NoError(t, err)
	require.Equal(t, 1, forgotten)
	require.NoError(t, tx.Commit(t.Context()))
	forgotten, err = s.ForgetSuppressions(ctx, time.Now(), 10)
	require.NoError(t, err)
	require.Zero(t, forgotten)
}
