package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"

	"github.com/labring/sealos-notify/jobs/accepting"
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
	name    string
	enabled bool
	roles   []Role
	limits  Limits
	weight  int
	digests [][sha256.Size]byte // of the secrets
	tests   [][sha256.Size]byte // of the test secrets
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

// Weights returns the weights of all apps, by id.
func (c *Credentials) Weights() map[string]int {
	weights := make(map[string]int, len(c.apps))
	for id, a := range c.apps {
		weights[id] = a.weight
	}
	return weights
}

// nobody stands for an unknown app, so that checking one takes as long as checking a
// known app.
var nobody = app{digests: make([][sha256.Size]byte, 1)}

// check returns the caller with the id and the secret; false when there is none.
func (c *Credentials) check(appID, secret string) (Caller, bool) {
	if c.unprotected {
		return Caller{AppID: anonymous, Roles: []Role{RoleAdmin}}, true
	}
	presented := sha256.Sum256([]byte(secret))
	return c.caller(appID, func(digest [sha256.Size]byte) bool {
		return subtle.ConstantTimeCompare(presented[:], digest[:]) == 1
	})
}

// caller returns the caller with the id and a secret whose digest matches; false when there is
// none. All digests are tried.
func (c *Credentials) caller(appID string, matches func(digest [sha256.Size]byte) bool) (Caller, bool) {
	a, known := c.apps[appID]
	if !known {
		a = nobody
	}
	real, test := anyOf(a.digests, matches), anyOf(a.tests, matches)
	switch {
	case !a.enabled || !real && !test:
		return Caller{}, false
	case real:
		return Caller{AppID: appID, Roles: a.roles, limits: a.limits}, true
	}
	roles := a.roles
	if slices.Contains(roles, RoleAdmin) { // it could send what others have sent, to people
		roles = []Role{RoleSend, RoleTemplates}
	}
	return Caller{AppID: appID + accepting.TestSuffix, Roles: roles, limits: a.limits, test: true}, true
}

func anyOf(digests [][sha256.Size]byte, matches func([sha256.Size]byte) bool) bool {
	found := false
	for _, digest := range digests {
		found = matches(digest) || found // in this order, so that all are tried
	}
	return found
}

// App is one app of the credentials file.
type App struct {
	AppID      string   `yaml:"appId"`
	AppSecret  string   `yaml:"appSecret"`
	AppSecrets []string `yaml:"appSecrets"` // several, so that one can be replaced without a gap
	Name       string   `yaml:"name"`
	Enabled    *bool    `yaml:"enabled"` // true when left out
	Roles      []Role   `yaml:"roles"`   // send and templates when left out
	// TestSecrets do all the same, but what is sent with them reaches nobody.
	TestSecrets []string `yaml:"testSecrets"`
	Limits      Limits   `yaml:"limits"`
	// Weight is how many turns the app has where others have one; 1 when left out.
	Weight *int `yaml:"weight"`
}

// Limits are the most that an app may send. What is left out has no limit, and 0 is none at
// all. High priority is allowed by default.
type Limits struct {
	RequestsPerMinute   *int           `yaml:"requestsPerMinute"`   // notifications
	DeliveriesPerMinute map[string]int `yaml:"deliveriesPerMinute"` // by channel
	DeliveriesPerDay    map[string]int `yaml:"deliveriesPerDay"`    // by channel
	HighPriority        *bool          `yaml:"highPriority"`        // true when left out
}

func (l Limits) mayHigh() bool { return l.HighPriority == nil || *l.HighPriority }

func (l Limits) accepting() accepting.Limits {
	return accepting.Limits{
		Requests: l.RequestsPerMinute, PerMinute: l.DeliveriesPerMinute, PerDay: l.DeliveriesPerDay, NoHigh: !l.mayHigh(),
	}
}

// NewCredentials returns the credentials of the apps. Package config has checked their
// values. An empty secret lets nobody in, in any case.
func NewCredentials(apps []App) *Credentials {
	c := &Credentials{apps: make(map[string]app, len(apps))}
	for _, a := range apps {
		known := app{name: a.Name, enabled: a.Enabled == nil || *a.Enabled, roles: a.Roles, limits: a.Limits, weight: 1}
		if a.Roles == nil {
			known.roles = []Role{RoleSend, RoleTemplates}
		}
		if a.Weight != nil {
			known.weight = *a.Weight
		}
		for _, secret := range append([]string{a.AppSecret}, a.AppSecrets...) {
			if secret != "" {
				known.digests = append(known.digests, sha256.Sum256([]byte(secret)))
			}
		}
		for _, secret := range a.TestSecrets {
			known.tests = append(known.tests, sha256.Sum256([]byte(secret)))
		}
		c.apps[a.AppID] = known
	}
	return c
}
