package config

import (
	"fmt"
	"net"
	"net/url"
	"reflect"
)

// validateSignOn checks the OpenID provider of the console, if one is given.
func (r *reader) validateSignOn() {
	const key = "console.oidc"
	c := r.cfg.Console.OIDC
	if c.Issuer == "" && c.ClientID == "" && c.ClientSecret == "" && len(c.Access) == 0 {
		return
	}
	r.required(key+".clientId", c.ClientID)
	r.required(key+".claim", c.Claim)
	r.validateIssuer(key+".issuer", c.Issuer)
	r.knownToAll(key+".clientSecret", c.ClientSecret)
	for i, scope := range c.Scopes {
		r.required(fmt.Sprintf("%s.scopes[%d]", key, i), scope)
	}
	if len(c.Access) == 0 {
		r.problem(key+".access", "is required: without an entry nobody is let in")
	}
	for i, access := range c.Access {
		key := fmt.Sprintf("%s.access[%d]", key, i)
		if r.reported[key] {
			continue // it is not a mapping
		}
		r.validateRequired(key, reflect.ValueOf(access))
		if access.Roles != nil && len(access.Roles) == 0 {
			r.problem(key+".roles", "must have at least one element; leave it out for the app's own")
		}
		for j, role := range access.Roles {
			r.oneOf(fmt.Sprintf("%s.roles[%d]", key, j), string(role), roles)
		}
	}
}

// validateIssuer checks the address that the client's secret is sent to.
func (r *reader) validateIssuer(key, issuer string) {
	u, err := url.Parse(issuer)
	switch {
	case issuer == "":
		r.problem(key, "is required")
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		r.problem(key, "must be an https address")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		r.problem(key, "must have neither a user, nor a query, nor a fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		r.problem(key, "must begin with https://, because the client's secret would travel in the clear")
	}
}

// loopback reports whether the host is this machine, where nobody else reads a request.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
