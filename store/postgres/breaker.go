package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
)

const openBreaker = `
	INSERT INTO provider_breakers AS b (provider, by_hand, code, opened_at, probe_at) VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (provider) DO UPDATE SET by_hand = true WHERE excluded.by_hand AND NOT b.by_hand`

// OpenBreaker implements store.Breakers.
func (s *Store) OpenBreaker(ctx context.Context, b store.Breaker, audit store.AuditEntry) (bool, error) {
	opened, err := s.audited(ctx, audit, openBreaker, b.Provider, b.ByHand, b.Code, b.OpenedAt, b.ProbeAt)
	if err != nil {
		return false, fmt.Errorf("open a breaker: %w", marked(err))
	}
	return opened, nil
}

// TakeProbe implements store.Breakers.
func (s *Store) TakeProbe(ctx context.Context, provider string, now, next time.Time) (bool, error) {
	tag, err := s.pool.Exec(ctx, `UPDATE provider_breakers SET probe_at = $3 WHERE provider = $1 AND probe_at <= $2 AND NOT by_hand`,
		provider, now, next)
	if err != nil {
		return false, fmt.Errorf("take a probe: %w", marked(err))
	}
	return tag.RowsAffected() > 0, nil
}

// CloseBreaker implements store.Breakers.
func (s *Store) CloseBreaker(ctx context.Context, provider string, byHand bool, audit store.AuditEntry) (bool, error) {
	closed, err := s.audited(ctx, audit, `DELETE FROM provider_breakers WHERE provider = $1 AND ($2 OR NOT by_hand)`, provider, byHand)
	if err != nil {
		return false, fmt.Errorf("close a breaker: %w", marked(err))
	}
	return closed, nil
}

// audited executes a statement, and writes the entry in its transaction when it changed a row.
func (s *Store) audited(ctx context.Context, audit store.AuditEntry, statement string, args ...any) (changed bool, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, statement, args...)
		if err != nil {
			return err
		}
		if changed = tag.RowsAffected() > 0; !changed {
			return nil
		}
		return insertAudit(ctx, tx, audit)
	})
	return changed, err
}
