package hook

import "net"

// Resolve makes the client look up names with the resolver.
func (c *Client) Resolve(r *net.Resolver) { c.dialer.Resolver = r }

// Public is public, for the tests.
var Public = public
