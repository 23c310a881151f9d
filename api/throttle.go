package api

import (
	"hash/maphash"
	"net/netip"
	"time"
)

// Wrong secrets that are checked in one guessWindow. After that no secret is
// checked, so that an answer tells nothing about it.
const (
	guessWindow       = time.Minute
	guessesPerApp     = 10 // for one app from all addresses, or from one known origin
	guessesPerAddress = 30 // from one address for all apps
)

// Limits on counters and known origins in memory, so that many invented apps or
// addresses cannot fill it. At the limit all are cleared, which gives an attacker
// of that size a few more guesses.
const (
	maxCounters = 1 << 16
	maxKnown    = 1 << 14
)

// origin is an app at an address. With one field empty it stands for all origins
// that have the other.
type origin struct {
	appID   string
	address netip.Addr
}

// throttle counts wrong secrets of this replica: n replicas allow n times as many
// guesses.
//
// After a right secret the app is known at its address, and only wrong secrets of
// that app from that address count against it. So neither a guesser elsewhere nor
// another app behind the same proxy can lock it out.
type throttle struct {
	seed   maphash.Seed
	start  time.Time      // of the window
	counts map[uint64]int // wrong secrets in the window, by origin
	known  map[uint64]struct{}
}

func newThrottle() *throttle {
	return &throttle{seed: maphash.MakeSeed(), counts: map[uint64]int{}, known: map[uint64]struct{}{}}
}

// wait returns how long no secret from the origin is checked, or 0.
func (t *throttle) wait(from origin) time.Duration {
	now := time.Now()
	if now.Sub(t.start) >= guessWindow {
		t.start = now
		clear(t.counts)
	}
	spent := false
	for _, l := range t.limits(from) {
		spent = spent || t.counts[l.key] >= l.most
	}
	if !spent {
		return 0
	}
	return t.start.Add(guessWindow).Sub(now)
}

// failed counts a wrong secret from the origin.
func (t *throttle) failed(from origin) {
	for _, l := range t.limits(from) {
		if len(t.counts) >= maxCounters {
			clear(t.counts)
		}
		t.counts[l.key]++
	}
}

// succeeded makes the app known at the address.
func (t *throttle) succeeded(from origin) {
	if len(t.known) >= maxKnown {
		clear(t.known)
	}
	t.known[t.key(from)] = struct{}{}
}

type limit struct {
	key  uint64
	most int
}

// limits returns the counters of an origin, each with its limit.
func (t *throttle) limits(from origin) []limit {
	pair := t.key(from)
	if _, known := t.known[pair]; known {
		return []limit{{pair, guessesPerApp}}
	}
	return []limit{
		{t.key(origin{appID: from.appID}), guessesPerApp},
		{t.key(origin{address: from.address}), guessesPerAddress},
	}
}

// key has a fixed size, however long an id is. The seed keeps callers from choosing
// ids that collide.
func (t *throttle) key(o origin) uint64 { return maphash.Comparable(t.seed, o) }

// networkOf returns what counts as one address: for IPv6 the /64, because a host
// can choose from 2^64 addresses.
func networkOf(address netip.Addr) netip.Addr {
	address = address.Unmap()
	if address.Is4() {
		return address
	}
	prefix, err := address.WithZone("").Prefix(64)
	if err != nil {
		return netip.Addr{} // not an address
	}
	return prefix.Addr()
}
