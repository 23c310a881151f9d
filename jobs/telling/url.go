package telling

import (
	"errors"
	"net/url"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/hook"
)

// CheckURL returns what is wrong with the address of an endpoint. Where its host leads is checked at each
// connection. The error does not repeat the address.
func (t *Teller) CheckURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return errors.New("is no address")
	}
	o := hook.Options{AllowedHosts: []string{u.Host}, AllowPrivateNetworks: t.settings.Load().Endpoints.AllowPrivateNetworks}
	var wrong *channels.KeyError
	if err := o.Check("url", address); errors.As(err, &wrong) {
		return wrong.Err // the caller names the field
	}
	return nil
}
