package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/labring/sealos-notify/store"
)

// CreateSession implements store.Sessions.
func (s *Store) CreateSession(ctx context.Context, n store.Session) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO sessions (digest, app_id, person, proof, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		n.Digest, n.AppID, n.Person, n.Proof, n.CreatedAt, n.ExpiresAt)
	if err != nil {
		return fmt.Errorf("create session: %w", marked(err))
	}
	return nil
}

// DeleteSession implements store.Sessions.
func (s *Store) DeleteSession(ctx context.Context, digest string) error {
	if _, err := s.pool.Exec(ctx, `DELETE FROM sessions WHERE digest = $1`, digest); err != nil {
		return fmt.Errorf("delete session: %w", marked(err))
	}
	return nil
}

// DeleteSessions implements store.Sessions.
func (s *Store) DeleteSessions(ctx context.Context, expiredBy time.Time) (int, error) {
	tag, err := s.pool.Exec(ctx, `DELETE FROM sessions WHERE expires_at <= $1`, expiredBy)
	if err != nil {
		return 0, fmt.Errorf("delete sessions: %w", marked(err))
	}
	return int(tag.RowsAffected()), nil
}
