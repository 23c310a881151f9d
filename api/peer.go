package api

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// ParseNetwork parses a network of server.trustedProxies, such as 10.0.0.0/8, or one
// address.
func ParseNetwork(text string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(text)
	if err != nil {
		address, err := netip.ParseAddr(text)
		if err != nil || address.Zone() != "" {
			return netip.Prefix{}, errors.New("must be a network such as 10.0.0.0/8, or an address")
		}
		network = netip.PrefixFrom(address, address.BitLen())
	}
	switch {
	case network.Addr().Is4In6():
		return netip.Prefix{}, errors.New("must be written as IPv4")
	case network.Bits() == 0:
		return netip.Prefix{}, errors.New("must not be everything: then anybody could choose an address")
	}
	return network.Masked(), nil
}

// peer returns the address of who makes a request: the connection's other end, and behind
// trusted proxies the one that the outermost of them has seen. Only what a trusted proxy
// wrote counts: anybody else can write an X-Forwarded-For, too.
func (s *Server) peer(c *fiber.Ctx) netip.Addr {
	tcp, ok := c.Context().RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	address := tcp.AddrPort().Addr().Unmap()
	if !s.trusts(address) {
		return address
	}
	var hops []string // the nearest is the last
	for _, header := range c.Request().Header.PeekAll(fiber.HeaderXForwardedFor) {
		hops = append(hops, strings.Split(string(header), ",")...)
	}
	for _, hop := range slices.Backward(hops) {
		next, err := parseHop(hop)
		if err != nil {
			break
		}
		address = next
		if !s.trusts(address) {
			break
		}
	}
	return address
}

func (s *Server) trusts(address netip.Addr) bool {
	return slices.ContainsFunc(s.proxies, func(n netip.Prefix) bool { return n.Contains(address.WithZone("")) })
}

// parseHop parses an address of X-Forwarded-For. Some proxies add the port.
func parseHop(text string) (netip.Addr, error) {
	text = strings.TrimSpace(text)
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap(), nil
	}
	address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return address.Unmap(), err
}
