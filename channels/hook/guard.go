package hook

import (
	"errors"
	"net/netip"
	"syscall"
)

// errInternal refuses a connection to an internal address.
var errInternal = errors.New("its host leads to an internal address")

// publicOnly refuses connections to internal addresses. The dialer calls it with each
// address before it connects, so no spelling of a host and no DNS answer gets past it.
func publicOnly(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !public(to.Addr()) {
		return errInternal
	}
	return nil
}

// nat64 is the network whose addresses hold, in the last four bytes, the IPv4 address
// that a gateway connects to.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// global6 is the network that is routed on the IPv6 internet. Outside it are loopback,
// link-local, unique local and multicast addresses, and the IPv4 forms that Unmap does
// not convert.
var global6 = netip.MustParsePrefix("2000::/3")

// special are the networks that are not on the internet, from IANA's registries of
// special-purpose addresses, and those that tunnel to other addresses.
var special = prefixes(
	"0.0.0.0/8",        // this network
	"10.0.0.0/8",       // private
	"100.64.0.0/10",    // carrier-grade NAT; Aliyun's metadata
	"127.0.0.0/8",      // loopback
	"168.63.129.16/32", // Azure's platform services
	"169.254.0.0/16",   // link-local; metadata of most clouds
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // protocol assignments; Oracle's metadata
	"192.0.2.0/24",     // documentation
	"192.88.99.0/24",   // 6to4 relays
	"192.168.0.0/16",   // private
	"198.18.0.0/15",    // benchmarks
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/4",      // multicast
	"240.0.0.0/4",      // reserved, broadcast

	"2001::/23",     // protocol assignments; Teredo
	"2001:db8::/32", // documentation
	"2002::/16",     // 6to4: any IPv4 address may be inside
	"3fff::/20",     // documentation
)

// public reports whether the address can belong to a host on the internet.
func public(a netip.Addr) bool {
	if nat64.Contains(a) {
		bytes := a.As16()
		a = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	a = a.Unmap()
	if a.Is6() && !global6.Contains(a) {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

func prefixes(list ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(list))
	for i, text := range list {
		parsed[i] = netip.MustParsePrefix(text)
	}
	return parsed
}
