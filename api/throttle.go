package api

import (
	"hash/maphash"
	"net/netip"
	"time"
)

// Wrong secrets that are looked at in one guessWindow. Past that nothing is
// looked at, so that an answer says nothing of the secret.
const (
	guessWindow       = time.Minute
	guessesPerApp     = 10 // at an app, from everywhere; or from an origin that the app is known at
	guessesPerAddress = 30 // from an address, at all apps
)

// Most counters, and most known origins, in memory: a crowd of made-up apps or of
// addresses must not fill it. They are all forgotten then, which gives a crowd of
// that size a handful of guesses more.
const (
	maxCounters = 1 << 16
	maxKnown    = 1 << 14
)

// origin is where credentials come from. One with either field only stands for
// all that have it.
type origin struct {
	appID   string
	address netip.Addr
}

// throttle counts wrong secrets. It is this replica's: with n replicas there are n
// times as many guesses.
//
// An app that was let in from an address is known there, and only what comes in
// its name from there counts against it. So neither a guesser elsewhere nor a
// neighbour behind the same proxy can lock it out.
type throttle struct {
	seed   maphash.Seed
	start  time.Time      // of the window
	counts map[uint64]int // wrong secrets in it, by origin
	known  map[uint64]struct{}
}

func newThrottle() *throttle {
	return &throttle{seed: maphash.MakeSeed(), counts: map[uint64]int{}, known: map[uint64]struct{}{}}
}

// wait is how long credentials from there are not looked at; 0 when they are.
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

// failed counts a wrong secret.
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

// limits are the counters that count for an origin.
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

// key has one size, whatever a caller puts into an id. The seed keeps callers from
// choosing ids that meet.
func (t *throttle) key(o origin) uint64 { return maphash.Comparable(t.seed, o) }

// networkOf is what counts as one address: of IPv6 a host has 2^64 to choose from.
func networkOf(address netip.Addr) netip.Addr {
	address = address.Unmap()
	if address.Is4() {
		return address
	}
	prefix, err := address.WithZone("").Prefix(64)
	if err != nil {
		return netip.Addr{} // no address at all
	}
	return prefix.Addr()
}
