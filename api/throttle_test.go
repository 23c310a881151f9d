package api

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	testlimit "github.com/labring/sealos-notify/internal/test/limit" // limit is a function of the package
)

var (
	home      = netip.MustParseAddr("192.0.2.1")
	elsewhere = netip.MustParseAddr("192.0.2.2")
)

func newTestAuth(t *testing.T) *Auth {
	t.Helper()
	c, err := parseCredentials([]byte("apps: [{appId: a, appSecret: sa}, {appId: b, appSecret: sb}]"))
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

func TestGuessesAtAnAppAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newTestAuth(t)
		require.Equal(t, 200, outcome(a, "b", "sb", home))
		for i := range guessesPerApp {
			// From every address, and whether the app exists or not.
			from := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
			require.Equal(t, 401, outcome(a, "a", "guess", from))
			require.Equal(t, 401, outcome(a, "nobody", "guess", from))
		}
		require.Equal(t, 429, outcome(a, "a", "sa", elsewhere), "a right guess cannot be told from a wrong one")
		require.Equal(t, 429, outcome(a, "nobody", "guess", elsewhere))
		require.Equal(t, 200, outcome(a, "b", "sb", elsewhere), "another app is let in")
		require.Equal(t, 401, outcome(a, "c", "", elsewhere))

		time.Sleep(guessWindow / 2)
		_, err := a.check("a", "sa", elsewhere)
		var problem *Problem
		require.ErrorAs(t, err, &problem)
		require.Equal(t, "too_many_attempts", problem.Code)
		require.Equal(t, "30", problem.GetHeaders().Get("Retry-After"))
		time.Sleep(guessWindow / 2)
		require.Equal(t, 200, outcome(a, "a", "sa", elsewhere))
	})
}

func TestGuessesFromAnAddressAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newTestAuth(t)
		for i := range guessesPerAddress {
			require.Equal(t, 401, outcome(a, fmt.Sprintf("app-%d", i), "guess", home))
		}
		require.Equal(t, 429, outcome(a, "a", "sa", home))
		require.Equal(t, 200, outcome(a, "a", "sa", elsewhere))
		time.Sleep(guessWindow)
		require.Equal(t, 200, outcome(a, "a", "sa", home))
	})
}

// A guesser behind the same proxy, or one that knows an app's id, locks no app out.
func TestKnownAppsAreNotLockedOut(t *testing.T) {
	t.Parallel()
	a := newTestAuth(t)
	require.Equal(t, 200, outcome(a, "a", "sa", home))
	for i := range 10 * guessesPerAddress {
		outcome(a, fmt.Sprintf("app-%d", i), "guess", home)
		outcome(a, "a", "guess", elsewhere)
	}
	require.Equal(t, 429, outcome(a, "b", "sb", home))
	require.Equal(t, 429, outcome(a, "a", "sa", elsewhere))
	require.Equal(t, 200, outcome(a, "a", "sa", home))

	// Guesses in its name are still limited.
	for range guessesPerApp {
		require.Equal(t, 401, outcome(a, "a", "guess", home))
	}
	require.Equal(t, 429, outcome(a, "a", "sa", home))
}

func TestNothingPresentedIsNoGuess(t *testing.T) {
	t.Parallel()
	a := newTestAuth(t)
	for range 10 * guessesPerAddress {
		require.Equal(t, 401, outcome(a, "", "", home))
		require.Equal(t, 401, outcome(a, "a", "", home))
	}
	require.Equal(t, 200, outcome(a, "a", "sa", home))
}

func TestACrowdOfGuessesIsBounded(t *testing.T) {
	t.Parallel()
	a := newTestAuth(t)
	statuses := make(chan int, 1000)
	var crowd sync.WaitGroup
	for range cap(statuses) {
		crowd.Go(func() { statuses <- outcome(a, "a", "guess", home) })
	}
	testlimit.Group(t, &crowd, "guesses")
	close(statuses)
	looked := 0
	for status := range statuses {
		if status == 401 {
			looked++
		}
	}
	require.Equal(t, guessesPerApp, looked)
}

func TestCountersAreBounded(t *testing.T) {
	t.Parallel()
	a := newTestAuth(t)
	for i := range 3 * maxCounters {
		var address [4]byte
		binary.BigEndian.PutUint32(address[:], uint32(i))
		outcome(a, fmt.Sprintf("app-%d", i), "guess", netip.AddrFrom4(address))
		if i < 2*maxKnown {
			a.guesses.succeeded(origin{"a", netip.AddrFrom4(address)})
		}
		require.LessOrEqual(t, len(a.guesses.counts), maxCounters)
		require.LessOrEqual(t, len(a.guesses.known), maxKnown)
	}
}

func TestNetworkOf(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.1":        "192.0.2.1",
		"::ffff:192.0.2.1": "192.0.2.1",
		"2001:db8:1:2:3::": "2001:db8:1:2::",
		"2001:db8:1:2::9":  "2001:db8:1:2::",
		"fe80::1%eth0":     "fe80::",
	} {
		require.Equal(t, want, networkOf(netip.MustParseAddr(address)).String())
	}
	require.Equal(t, netip.Addr{}, networkOf(netip.Addr{}))
}
