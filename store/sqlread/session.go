package sqlread

import (
	"context"

	"github.com/labring/sealos-notify/store"
)

// Session implements store.Sessions.
func (r Reader) Session(ctx context.Context, digest string) (store.Session, error) {
	s, err := one(ctx, r.DB, func(row Row) (s store.Session, err error) {
		err = row.Scan(&s.Digest, &s.AppID, &s.Person, &s.Proof, &s.CreatedAt, &s.ExpiresAt)
		return s, err
	}, `SELECT digest, app_id, person, proof, created_at, expires_at FROM sessions WHERE digest = $1`, digest)
	return wrapped(s, err, "session")
}
