package postgres

import (
	"context"
	"fmt"
	"time"
)

// takeSlot uses the database's clock, so that the replicas' clocks do not matter, and
// clock_timestamp, because the statement may have waited for the row. It returns one row: the
// seconds until the slot, and whether it was reserved.
const takeSlot = `
	WITH taken AS (
		INSERT INTO provider_slots AS s (provider, next_at) VALUES ($1, clock_timestamp() + $2)
		ON CONFLICT (provider) DO UPDATE SET next_at = greatest(s.next_at, clock_timestamp()) + $2
			WHERE s.next_at <= clock_timestamp() + $3
		RETURNING next_at - $2 AS slot
	)
	SELECT extract(epoch FROM slot - clock_timestamp())::float8, true FROM taken
	UNION ALL
	SELECT extract(epoch FROM next_at - clock_timestamp())::float8, false FROM provider_slots
	WHERE provider = $1 AND NOT EXISTS (SELECT FROM taken)`

// TakeSlot implements store.Limits.
func (s *Store) TakeSlot(ctx context.Context, provider string, interval, horizon time.Duration) (time.Duration, bool, error) {
	var seconds float64
	var taken bool
	err := s.pool.QueryRow(ctx, takeSlot, provider, interval, horizon).Scan(&seconds, &taken)
	if err != nil {
		return 0, false, fmt.Errorf("take a slot: %w", marked(err))
	}
	return max(0, time.Duration(seconds*float64(time.Second))), taken, nil
}
