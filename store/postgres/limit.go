package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
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

// takePlace returns the number of the place that it took, or no row. A place that is being
// taken by another is skipped.
const takePlace = `
	UPDATE provider_places SET holder = $2, expires_at = clock_timestamp() + $4
	WHERE provider = $1 AND place = (
		SELECT place FROM provider_places
		WHERE provider = $1 AND place <= $3 AND (holder IS NULL OR expires_at <= clock_timestamp())
		ORDER BY place LIMIT 1 FOR UPDATE SKIP LOCKED
	)
	RETURNING place`

// addPlaces adds the places that no one has taken before.
const addPlaces = `
	INSERT INTO provider_places (provider, place) SELECT $1, n FROM generate_series(1, $2::int) n
	ON CONFLICT DO NOTHING`

// TakePlace implements store.Limits.
func (s *Store) TakePlace(ctx context.Context, provider string, holder uuid.UUID, most int, lease time.Duration) (store.Place, bool, error) {
	for {
		place := store.Place{Provider: provider}
		err := s.pool.QueryRow(ctx, takePlace, provider, holder, most, lease).Scan(&place.Number)
		if err == nil {
			return place, true, nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return store.Place{}, false, fmt.Errorf("take a place: %w", marked(err))
		}
		added, err := s.pool.Exec(ctx, addPlaces, provider, most)
		if err != nil {
			return store.Place{}, false, fmt.Errorf("add places: %w", marked(err))
		}
		if added.RowsAffected() == 0 {
			return store.Place{}, false, nil
		}
	}
}

// RenewPlaces implements store.Limits.
func (s *Store) RenewPlaces(ctx context.Context, holder uuid.UUID, lease time.Duration) ([]store.Place, error) {
	rows, err := s.pool.Query(ctx, `
		UPDATE provider_places SET expires_at = clock_timestamp() + $2 WHERE holder = $1
		RETURNING provider, place`, holder, lease)
	if err != nil {
		return nil, fmt.Errorf("renew places: %w", marked(err))
	}
	places, err := pgx.CollectRows(rows, pgx.RowToStructByPos[store.Place])
	if err != nil {
		return nil, fmt.Errorf("renew places: %w", marked(err))
	}
	return places, nil
}

// FreePlaces implements store.Limits.
func (s *Store) FreePlaces(ctx context.Context, holder uuid.UUID, places []store.Place) error {
	providers, numbers := make([]string, len(places)), make([]int, len(places))
	for i, p := range places {
		providers[i], numbers[i] = p.Provider, p.Number
	}
	_, err := s.pool.Exec(ctx, `
		UPDATE provider_places SET holder = NULL, expires_at = NULL
		WHERE holder = $1 AND (provider, place) IN (SELECT * FROM unnest($2::text[], $3::int[]))`, holder, providers, numbers)
	if err != nil {
		return fmt.Errorf("free places: %w", marked(err))
	}
	return nil
}
