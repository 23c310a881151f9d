package api

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/netip"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/labring/sealos-notify/store"
)

// sessionTime is how long a browser stays signed in.
const sessionTime = 12 * time.Hour

// maxLookups bounds the sessions that are looked up at once: anybody can make up a token. They
// are a part of the database's connections.
const maxLookups = 4

// proof returns what shows that a session's token was given for the ground, the digest of the
// secret or of what let a person in, and for the roles. It is stored, and without the token it
// tells nothing about a weak secret.
func proof(token string, ground [sha256.Size]byte, roles []Role) []byte {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write(ground[:])
	for _, r := range roles {
		mac.Write([]byte(r + "\n"))
	}
	return []byte(hex.EncodeToString(mac.Sum(nil)))
}

func tokenDigest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// holder returns the caller of a session; false when the app is disabled, or the secret that it
// was signed in with or the roles are not the app's any more.
func (c *Credentials) holder(session store.Session, token string) (Caller, bool) {
	roles := c.apps[session.AppID].roles
	return c.caller(session.AppID, func(digest [sha256.Size]byte) bool {
		return hmac.Equal(proof(token, digest, roles), []byte(session.Proof))
	})
}

// signIn makes a session for an app. Errors are those of check, and the store's.
func (s *Server) signIn(ctx context.Context, appID, secret string, peer netip.Addr) (token string, expires time.Time, err error) {
	if _, err := s.auth.check(appID, secret, peer); err != nil {
		return "", time.Time{}, err
	}
	return s.newSession(ctx, appID, "", sha256.Sum256([]byte(secret)), s.auth.current.Load().apps[appID].roles)
}

// newSession makes a session, which lasts as long as its ground, the digest of what let it in, and
// the roles.
func (s *Server) newSession(ctx context.Context, appID, person string, ground [sha256.Size]byte, roles []Role) (token string, expires time.Time, err error) {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // it never fails
	token = base64.RawURLEncoding.EncodeToString(random)
	now := store.Now()
	session := store.Session{
		Digest: tokenDigest(token), AppID: appID, Person: person, Proof: string(proof(token, ground, roles)),
		CreatedAt: now, ExpiresAt: now.Add(sessionTime),
	}
	return token, session.ExpiresAt, s.store.CreateSession(ctx, session)
}

// signedIn returns the caller of a session's token; false when it has none. While authentication
// is off everybody is signed in.
func (s *Server) signedIn(ctx context.Context, token string) (Caller, bool, error) {
	credentials := s.auth.current.Load()
	if credentials.unprotected {
		caller, ok := credentials.check("", "")
		return caller, ok, nil
	}
	if token == "" {
		return Caller{}, false, nil
	}
	session, err := s.lookUp(ctx, token)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Caller{}, false, nil
	case err != nil:
		return Caller{}, false, err
	case !time.Now().Before(session.ExpiresAt):
		return Caller{}, false, nil
	}
	if session.Person != "" {
		caller, ok := s.signOn.Load().config.holder(credentials, token, session.AppID, session.Person, session.Proof)
		return caller, ok, nil
	}
	caller, ok := credentials.holder(session, token)
	return caller, ok, nil
}

// holderOf is signedIn for a request that has arrived. Its connection may be a stranger's, so it
// waits until the answer is known.
func (s *Server) holderOf(c *fiber.Ctx, token string) (Caller, bool, error) {
	awaiting(c.Context().Conn())
	defer handling(c.Context().Conn())
	return s.signedIn(c.UserContext(), token)
}

// lookUp returns the session of a token, when there is room for the question.
func (s *Server) lookUp(ctx context.Context, token string) (store.Session, error) {
	giveBack, err := s.lookups.Take(ctx, "", 1)
	if err != nil {
		return store.Session{}, err
	}
	defer giveBack()
	return s.store.Session(ctx, tokenDigest(token))
}
