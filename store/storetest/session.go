package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var sessionCases = map[string]func(*testing.T, bundle){
	"Sessions/kept until they are deleted": sessions,
}

func sessions(t *testing.T, s bundle) {
	ctx, now := t.Context(), store.Now()
	_, err := s.Session(ctx, "none")
	require.ErrorIs(t, err, store.ErrNotFound)

	kept := store.Session{Digest: "kept", AppID: "app", Person: "alice@example.com", Proof: "p", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	ended, signedOut := kept, kept
	ended.Digest, ended.ExpiresAt = "ended", now
	signedOut.Digest = "signed out"
	for _, one := range []store.Session{kept, ended, signedOut} {
		require.NoError(t, s.CreateSession(ctx, one))
		got, err := s.Session(ctx, one.Digest)
		require.NoError(t, err)
		require.Equal(t, one, got)
	}
	require.Error(t, s.CreateSession(ctx, kept), "a digest is unique")

	require.NoError(t, s.DeleteSession(ctx, signedOut.Digest))
	require.NoError(t, s.DeleteSession(ctx, signedOut.Digest), "again")
	deleted, err := s.DeleteSessions(ctx, now)
	require.NoError(t, err)
	require.Equal(t, 1, deleted)
	for digest, want := range map[string]error{"kept": nil, "ended": store.ErrNotFound, "signed out": store.ErrNotFound} {
		_, err := s.Session(ctx, digest)
		require.ErrorIs(t, err, want, digest)
	}
}
