package vendorhttp

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

// Endpoint splits the address of an API at the root of its host. The address is a
// host, with or without a port, or an http or https URL; a host alone means https.
// The error does not repeat the address, which may hold a password.
func Endpoint(address string) (scheme, host string, err error) {
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return "", "", errors.New("not a host, and not an http or https address")
	}
	if u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return "", "", errors.New("a user, a path, a query and a fragment have no place in it")
	}
	return u.Scheme, u.Host, nil
}

// Loopback reports whether a host is this machine, where nobody else reads a request.
func Loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
