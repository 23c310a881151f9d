package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/labring/sealos-notify/store"
)

// CreateSession implements store.Sessions.
func (s *Store) CreateSession(ctx context.Context, n store.Session) error {
	_, err := s.execute(ctx, `INSERT INTO sessions (digest, app_id, person, proof, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)`,
		n.Digest, n.AppID, n.Person, n.Proof, n.CreatedAt, n.ExpiresAt)
	if err != nil {
		return fmt.Errorf("create session: %w", err)
	}
	return nil
}

// DeleteSession implements store.Sessions.
func (s *Store) DeleteSession(ctx context.Context, digest string) error {
	if _, err := s.execute(ctx, `DELETE FROM sessions WHERE digest = ?`, digest); err != nil {
		return fmt.Errorf("delete session: %w", err)
	}
	return nil
}

// DeleteSessions implements store.Sessions.
func (s *Store) DeleteSessions(ctx context.Context, expiredBy time.Time) (int, error) {
	deleted, err := s.execute(ctx, `DELETE FROM sessions WHERE expires_at <= ?`, expiredBy)
	if err != nil {
		return 0, fmt.Errorf("delete sessions: %w", err)
	}
	return deleted, nil
}
