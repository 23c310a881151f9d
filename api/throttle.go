package api

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// Wrong secrets that are answered 401 in one guessWindow; further ones get 429. A right
// secret is never counted or refused: so nobody can lock an app out, and what protects a
// secret is its length.
const (
	guessWindow     = time.Minute
	guessesPerApp   = 10  // for one app from all networks
	guessesFromOne  = 30  // network for all apps
	guessesOverall  = 300 // also bounds the counters in memory
	bitsOfNetworkV4 = 24
	bitsOfNetworkV6 = 64 // a host can choose from 2^64 addresses
)

// throttle counts the wrong secrets of this replica.
type throttle struct {
	mu      sync.Mutex
	seed    maphash.Seed
	start   time.Time // of the window
	overall int
	counts  map[uint64]int // by app and by network
}

func newThrottle() *throttle {
	return &throttle{seed: maphash.MakeSeed(), counts: map[uint64]int{}}
}

// failed counts a wrong secret. It returns 0 for one within the limits, and otherwise
// how long the limits last.
func (t *throttle) failed(appID string, address netip.Addr) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if now.Sub(t.start) >= guessWindow {
		t.start, t.overall = now, 0
		clear(t.counts)
	}
	// Keys have a fixed size, however long an id is. The seed keeps callers from choosing
	// ids that collide.
	app, network := maphash.Comparable(t.seed, appID), maphash.Comparable(t.seed, networkOf(address))
	if t.overall >= guessesOverall || t.counts[app] >= guessesPerApp || t.counts[network] >= guessesFromOne {
		return t.start.Add(guessWindow).Sub(now)
	}
	t.overall++
	t.counts[app]++
	t.counts[network]++
	return 0
}

// networkOf returns what counts as one guesser.
func networkOf(address netip.Addr) netip.Prefix {
	address = address.Unmap().WithZone("")
	bits := bitsOfNetworkV6
	if address.Is4() {
		bits = bitsOfNetworkV4
	}
	network, _ := address.Prefix(bits) // the zero value when it is no address
	return network
}
