package store

import (
	"context"
	"time"
)

// Session is a signed-in browser. It holds nothing that signs in: the token is known to the
// browser only.
type Session struct {
	Digest string // of the token
	AppID  string
	Person string // who signed in by OpenID Connect; empty for an app's secret
	// Proof changes with what let the browser in, and with the roles. Only who has the token
	// can compare it.
	Proof     string
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Sessions keeps the browsers' sessions.
type Sessions interface {
	CreateSession(ctx context.Context, s Session) error
	// Session returns the session, also when it has expired, or ErrNotFound.
	Session(ctx context.Context, digest string) (Session, error)
	// DeleteSession deletes the session, if there is one.
	DeleteSession(ctx context.Context, digest string) error
	// DeleteSessions deletes those that had expired by the given time, and returns how many
	// there were.
	DeleteSessions(ctx context.Context, expiredBy time.Time) (int, error)
}
