package telling

import (
	"net/url"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/hook"
)

// CheckURL returns what is wrong with the address of an endpoint. Where its host leads is checked at each
// connection. The error does not repeat the address.
func (t *Teller) CheckURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return channels.KeyErrorf("url", "is no address")
	}
	o := hook.Options{AllowedHosts: []string{u.Host}, AllowPrivateNetworks: t.settings.Load().Endpoints.AllowPrivateNetworks}
	return o.Check("url", address)
}
