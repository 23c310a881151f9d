package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
)

// QueueDepths implements store.Queues. The index that River fetches by has all
// columns, so that finished jobs, of which there are many, are not read.
func (s *Store) QueueDepths(ctx context.Context) ([]store.QueueDepth, error) {
	depths, err := query(ctx, s.pool, pgx.RowToStructByPos[store.QueueDepth], `
		SELECT queue, state::text, count(*), min(scheduled_at)
		FROM river_job WHERE state IN ('available', 'pending', 'retryable', 'running', 'scheduled')
		GROUP BY state, queue`)
	if err != nil {
		return nil, fmt.Errorf("depths of queues: %w", err)
	}
	return depths, nil
}

// CountRunning implements store.Queues.
func (s *Store) CountRunning(ctx context.Context, before time.Time) (int, error) {
	n, err := queryOne(ctx, s.pool, pgx.RowTo[int],
		`SELECT count(*) FROM river_job WHERE state = 'running' AND attempted_at < $1`, before)
	if err != nil {
		return 0, fmt.Errorf("running jobs: %w", err)
	}
	return n, nil
}
