package feishuwebhook

import (
	"net"

	"github.com/labring/sealos-notify/channels"
)

// OpenWith is Open with a resolver for the names of hosts.
func (c *Config) OpenWith(r *net.Resolver) (channels.Sender, error) { return c.open(r) }

// Public is public, for the tests.
var Public = public
