package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
)

// anonymous is the app of every request while authentication is off.
const anonymous = "anonymous"

// Credentials are the apps that may call, with digests of their secrets. They are
// immutable: a reload makes new ones. The zero value lets nobody in.
type Credentials struct {
	unprotected bool
	apps        map[string]app
}

type app struct {
	enabled bool
	roles   []Role
	digests [][sha256.Size]byte // of the secrets
}

// Unprotected returns credentials that accept every request, as the app "anonymous"
// with all roles.
func Unprotected() *Credentials { return &Credentials{unprotected: true} }

// String keeps digests out of logs, because a weak secret can be guessed from one.
func (c *Credentials) String() string { return fmt.Sprintf("credentials of %d apps", len(c.apps)) }

// GoString returns String, for %#v.
func (c *Credentials) GoString() string { return c.String() }

// Knows reports whether there is an app with the id. While everybody is let in, any may be
// one.
func (c *Credentials) Knows(appID string) bool {
	_, known := c.apps[appID]
	return known || c.unprotected
}

// nobody stands for an unknown app, so that checking one takes as long as checking a
// known app.
var nobody = app{digests: make([][sha256.Size]byte, 1)}

// check returns the caller with the id and the secret; false when there is none.
func (c *Credentials) check(appID, secret string) (Caller, bool) {
	if c.unprotected {
		return Caller{AppID: anonymous, Roles: []Role{RoleAdmin}}, true
	}
	a, known := c.apps[appID]
	if !known {
		a = nobody
	}
	presented := sha256.Sum256([]byte(secret))
	match := 0
	for _, digest := range a.digests {
		match |= subtle.ConstantTimeCompare(presented[:], digest[:])
	}
	if match == 0 || !a.enabled {
		return Caller{}, false
	}
	return Caller{AppID: appID, Roles: a.roles}, true
}

// App is one app of the credentials file.
type App struct {
	AppID      string   `yaml:"appId"`
	AppSecret  string   `yaml:"appSecret"`
	AppSecrets []string `yaml:"appSecrets"` // several, so that one can be replaced without a gap
	Name       string   `yaml:"name"`
	Enabled    *bool    `yaml:"enabled"` // true when left out
	Roles      []Role   `yaml:"roles"`   // send and templates when left out
}

// NewCredentials returns the credentials of the apps. Package config has checked their
// values. An empty secret lets nobody in, in any case.
func NewCredentials(apps []App) *Credentials {
	c := &Credentials{apps: make(map[string]app, len(apps))}
	for _, a := range apps {
		known := app{enabled: a.Enabled == nil || *a.Enabled, roles: a.Roles}
		if a.Roles == nil {
			known.roles = []Role{RoleSend, RoleTemplates}
		}
		for _, secret := range append([]string{a.AppSecret}, a.AppSecrets...) {
			if secret != "" {
				known.digests = append(known.digests, sha256.Sum256([]byte(secret)))
			}
		}
		c.apps[a.AppID] = known
	}
	return c
}
