package api

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/internal/test/limit"
)

var (
	home      = netip.MustParseAddr("192.0.2.1")
	elsewhere = netip.MustParseAddr("198.51.100.1")
)

func newTestAuth(t *testing.T) *Auth {
	t.Helper()
	c, err := parseCredentials([]byte("apps: [{appId: a, appSecret: sa}, {appId: b, appSecrets: [old, new]}]"))
	require.NoError(t, err)
	return NewAuth(c, zap.NewNop())
}

// outcome returns the status for credentials: 200, 401 or 429.
func outcome(a *Auth, appID, secret string, address netip.Addr) int {
	_, err := a.check(appID, secret, address)
	var problem *Problem
	if errors.As(err, &problem) {
		return problem.Status
	}
	return 200
}

// On a fresh process, from the guesser's own address, whatever was guessed before.
func TestRightSecretsAreNeverRefused(t *testing.T) {
	t.Parallel()
	a := newTestAuth(t)
	for i := range 10 * guessesOverall {
		outcome(a, "a", "guess", home)
		outcome(a, "b", "guess", elsewhere)
		outcome(a, fmt.Sprintf("app-%d", i), "guess", netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}))
	}
	for _, address := range []netip.Addr{home, elsewhere, {}} {
		require.Equal(t, 429, outcome(a, "a", "guess", address))
		require.Equal(t, 200, outcome(a, "a", "sa", address))
		require.Equal(t, 200, outcome(a, "b", "old", address))
		require.Equal(t, 200, outcome(a, "b", "new", address))
	}
}

func TestGuessesAtAnAppAreThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newTestAuth(t)
		for i := range guessesPerApp {
			// From every network, and whether the app exists or not.
			from := netip.AddrFrom4([4]byte{10, 0, byte(i), 1})
			require.Equal(t, 401, outcome(a, "a", "guess", from))
			require.Equal(t, 401, outcome(a, "nobody", "guess", from))
		}
		require.Equal(t, 429, outcome(a, "nobody", "guess", elsewhere))
		require.Equal(t, 401, outcome(a, "b", "guess", elsewhere), "another app")

		time.Sleep(guessWindow / 2)
		_, err := a.check("a", "guess", elsewhere)
		var problem *Problem
		require.ErrorAs(t, err, &problem)
		require.Equal(t, "too_many_attempts", problem.Code)
		require.Equal(t, "30", problem.GetHeaders().Get("Retry-After"))
		time.Sleep(guessWindow / 2)
		require.Equal(t, 401, outcome(a, "a", "guess", elsewhere))
	})
}

func TestGuessesFromANetworkAreThrottled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ one, same, other string }{
		"IPv4":           {"192.0.2.1", "192.0.2.254", "192.0.3.1"},
		"IPv4 in IPv6":   {"::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.3.1"},
		"IPv6":           {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"},
		"IPv6, one link": {"fe80::1%eth0", "fe80::2%eth1", "fe81::1%eth0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newTestAuth(t)
				one, same, other := netip.MustParseAddr(c.one), netip.MustParseAddr(c.same), netip.MustParseAddr(c.other)
				for i := range guessesFromOne {
					require.Equal(t, 401, outcome(a, fmt.Sprintf("app-%d", i), "guess", one))
				}
				require.Equal(t, 429, outcome(a, "app", "guess", one))
				require.Equal(t, 429, outcome(a, "app", "guess", same))
				require.Equal(t, 401, outcome(a, "app", "guess", other))
				time.Sleep(guessWindow)
				require.Equal(t, 401, outcome(a, "app", "guess", one))
			})
		})
	}
}

// Guesses with other apps from other networks each time are counted together, which also
// bounds what they cost in memory.
func TestAllGuessesTogetherAreThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newTestAuth(t)
		for i := range 10 * guessesOverall {
			want := 401
			if i >= guessesOverall {
				want = 429
			}
			from := netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1})
			require.Equal(t, want, outcome(a, fmt.Sprintf("app-%d", i), "guess", from))
		}
		require.LessOrEqual(t, len(a.guesses.counts), 2*guessesOverall)
		time.Sleep(guessWindow)
		require.Equal(t, 401, outcome(a, "app", "guess", home))
	})
}

func TestNothingPresentedIsNoGuess(t *testing.T) {
	t.Parallel()
	a := newTestAuth(t)
	for range 10 * guessesFromOne {
		require.Equal(t, 401, outcome(a, "", "", home))
		require.Equal(t, 401, outcome(a, "a", "", home))
	}
	require.Equal(t, 401, outcome(a, "a", "guess", home))
}

func TestACrowdOfGuessesIsThrottled(t *testing.T) {
	t.Parallel()
	a := newTestAuth(t)
	statuses := make(chan int, 1000)
	var crowd sync.WaitGroup
	for range cap(statuses) {
		crowd.Go(func() { statuses <- outcome(a, "a", "guess", home) })
	}
	limit.Group(t, &crowd, "guesses")
	close(statuses)
	unauthorized := 0
	for status := range statuses {
		if status == 401 {
			unauthorized++
		}
	}
	require.Equal(t, guessesPerApp, unauthorized)
}

// A wrong secret as long as a header may be costs microseconds, so a flood of them needs no
// other protection.
func TestComparingIsCheap(t *testing.T) { // not parallel: it measures time
	a := newTestAuth(t)
	const guesses = 1000
	secret := strings.Repeat("x", maxHeaders)
	started := time.Now()
	for range guesses {
		outcome(a, "a", secret, home)
	}
	require.Less(t, time.Since(started)/guesses, time.Millisecond)
}
