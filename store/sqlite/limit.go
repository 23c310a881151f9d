package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// TakeSlot implements store.Limits.
func (s *Store) TakeSlot(ctx context.Context, provider string, interval, horizon time.Duration) (wait time.Duration, taken bool, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		slot, now, err := nextSlot(ctx, tx, provider)
		if err != nil {
			return err
		}
		wait = slot.Sub(now)
		if taken = wait <= horizon; !taken {
			return nil
		}
		return setNextSlot(ctx, tx, provider, slot.Add(interval))
	})
	if err != nil {
		return 0, false, fmt.Errorf("take a slot: %w", err)
	}
	return wait, taken, nil
}

// nextSlot returns the provider's next free slot, and the time.
func nextSlot(ctx context.Context, tx *sql.Tx, provider string) (slot, now time.Time, err error) {
	var next int64
	err = tx.QueryRowContext(ctx, `SELECT next_at FROM provider_slots WHERE provider = ?`, provider).Scan(&next)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	now = time.Now()
	if slot = time.UnixMicro(next); slot.Before(now) {
		slot = now
	}
	return slot, now, err
}

func setNextSlot(ctx context.Context, tx *sql.Tx, provider string, next time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO provider_slots (provider, next_at) VALUES (?, ?)
		ON CONFLICT (provider) DO UPDATE SET next_at = excluded.next_at`, provider, next.UnixMicro())
	return err
}

// TakePlace implements store.Limits.
func (s *Store) TakePlace(ctx context.Context, provider string, holder uuid.UUID, most int, lease time.Duration) (place store.Place, taken bool, err error) {
	place.Provider = provider
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		now := time.Now()
		err := tx.QueryRowContext(ctx, `
			WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2)
			SELECT n FROM numbers WHERE NOT EXISTS (
				SELECT 1 FROM provider_places WHERE provider = ?1 AND place = n AND holder IS NOT NULL AND expires_at > ?3
			)
			ORDER BY n LIMIT 1`, provider, most, now.UnixMicro()).Scan(&place.Number)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		taken = true
		_, err = tx.ExecContext(ctx, `INSERT INTO provider_places (provider, place, holder, expires_at) VALUES (?, ?, ?, ?)
			ON CONFLICT (provider, place) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at`,
			provider, place.Number, holder.String(), now.Add(lease).UnixMicro())
		return err
	})
	if err != nil {
		return store.Place{}, false, fmt.Errorf("take a place: %w", err)
	}
	return place, taken, nil
}

// RenewPlaces implements store.Limits.
func (s *Store) RenewPlaces(ctx context.Context, holder uuid.UUID, lease time.Duration) (places []store.Place, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `UPDATE provider_places SET expires_at = ? WHERE holder = ? RETURNING provider, place`,
			time.Now().Add(lease).UnixMicro(), holder.String())
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var p store.Place
			if err := rows.Scan(&p.Provider, &p.Number); err != nil {
				return err
			}
			places = append(places, p)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("renew places: %w", err)
	}
	return places, nil
}

// FreePlaces implements store.Limits.
func (s *Store) FreePlaces(ctx context.Context, holder uuid.UUID, places []store.Place) error {
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		for _, p := range places {
			if _, err := tx.ExecContext(ctx, `UPDATE provider_places SET holder = NULL, expires_at = NULL
				WHERE provider = ? AND place = ? AND holder = ?`, p.Provider, p.Number, holder.String()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("free places: %w", err)
	}
	return nil
}
