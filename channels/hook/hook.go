// Package hook is what channels share that post to an address of the operator's choice: the keys
// that say where it may lead and who may use it, a client that connects to no internal address,
// and a probe.
package hook

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/labring/sealos-notify/channels"
)

// Options are the keys that such providers share. Embed them with `yaml:",inline"`.
type Options struct {
	Apps []string `yaml:"apps" doc:"ids of the apps that may send to it, besides administrators; left out: every app with the role send"`

	AllowedHosts         []string `yaml:"allowedHosts" doc:"hosts that the address may have, with the port if it has one"`
	AllowPrivateNetworks bool     `yaml:"allowPrivateNetworks" doc:"dangerous: allow internal addresses and http, for a private deployment"`
}

// AllowedApps implements channels.AppLister.
func (o *Options) AllowedApps() []string { return o.Apps }

// Check returns what is wrong with the options, or with the address that the key has. Where its
// host leads is checked at each connection. The error does not repeat the address, which may hold
// a secret.
func (o *Options) Check(key, address string) error {
	if o.Apps != nil && len(o.Apps) == 0 {
		return channels.KeyErrorf("apps", "must have at least one element; leave it out to let every app post")
	}
	for i, host := range o.AllowedHosts {
		if u, err := url.Parse("https://" + host); err != nil || u.Host != host || u.Hostname() == "" {
			return channels.KeyErrorf(fmt.Sprintf("allowedHosts[%d]", i), "must be a host, such as hooks.example.com or hooks.example.com:8443")
		}
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "":
		return channels.KeyErrorf(key, "is no address")
	case u.Scheme != "https" && (u.Scheme != "http" || !o.AllowPrivateNetworks):
		return channels.KeyErrorf(key, "must start with https://")
	case u.User != nil || strings.Contains(address, "#"):
		return channels.KeyErrorf(key, "a user and a fragment have no place in it")
	case !slices.Contains(o.AllowedHosts, u.Host):
		return channels.KeyErrorf(key, "its host is not in allowedHosts, where it must stand exactly as in the address, with its port if it has one")
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !o.AllowPrivateNetworks && !public(ip) {
		return channels.KeyErrorf(key, "%w", errInternal)
	}
	return nil
}

// Token returns the value of the one parameter that the query of a bot's address may have; empty
// when the address is not of that form.
func Token(address, parameter string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	token := u.Query().Get(parameter)
	if u.RawQuery != parameter+"="+token { // another parameter, or an escape
		return ""
	}
	return token
}
