package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/labring/sealos-notify/store"
)

// River writes times as text: UTC, with milliseconds.

// QueueDepths implements store.Queues. The index that River fetches by has all
// columns, so that finished jobs, of which there are many, are not read.
func (s *Store) QueueDepths(ctx context.Context) ([]store.QueueDepth, error) {
	depths, err := query(ctx, s.read, scanQueueDepth, `
		SELECT queue, state, count(*), cast(1e6 * unixepoch(min(scheduled_at), 'subsec') AS INTEGER)
		FROM river_job WHERE state IN ('available', 'pending', 'retryable', 'running', 'scheduled')
		GROUP BY state, queue`)
	if err != nil {
		return nil, fmt.Errorf("depths of queues: %w", err)
	}
	return depths, nil
}

func scanQueueDepth(row row) (store.QueueDepth, error) {
	var (
		d   store.QueueDepth
		due int64
	)
	err := row.Scan(&d.Queue, &d.State, &d.Jobs, &due)
	d.Due = fromMicros(due)
	return d, err
}

// CountRunning implements store.Queues.
func (s *Store) CountRunning(ctx context.Context, before time.Time) (int, error) {
	var n int
	err := s.read.QueryRowContext(ctx,
		`SELECT count(*) FROM river_job WHERE state = 'running' AND unixepoch(attempted_at, 'subsec') < ?`,
		float64(before.UnixMilli())/1e3).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("running jobs: %w", marked(err))
	}
	return n, nil
}
