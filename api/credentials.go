package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
)

// anonymous is who everybody is while authentication is off.
const anonymous = "anonymous"

// Credentials are the apps that may call. They never change: a reload makes new
// ones. Only digests of secrets are kept.
type Credentials struct {
	unprotected bool
	apps        map[string]app
}

type app struct {
	enabled bool
	roles   []Role
	digests [][sha256.Size]byte // one for each secret
}

// Unprotected returns credentials that let everybody in as the app "anonymous",
// with all roles.
func Unprotected() *Credentials { return &Credentials{unprotected: true} }

// String keeps digests out of logs: a weak secret can be guessed from one.
func (c *Credentials) String() string { return fmt.Sprintf("credentials of %d apps", len(c.apps)) }

// GoString is String, for %#v.
func (c *Credentials) GoString() string { return c.String() }

// nobody stands in for an unknown app, so that it costs what a known one does.
var nobody = app{digests: make([][sha256.Size]byte, 1)}

// check says who has that id and secret.
func (c *Credentials) check(appID, secret string) (Caller, bool) {
	if c.unprotected {
		return Caller{AppID: anonymous, Roles: []Role{RoleAdmin}}, true
	}
	a, known := c.apps[appID]
	if !known {
		a = nobody
	}
	given := sha256.Sum256([]byte(secret))
	match := 0
	for _, digest := range a.digests {
		match |= subtle.ConstantTimeCompare(given[:], digest[:])
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

// NewCredentials returns the credentials of the apps. Package config checks their
// values; an empty secret opens nothing in any case.
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
