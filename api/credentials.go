package api

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"

	"github.com/goccy/go-yaml"
)

// anonymous is the app of every caller while authentication is off.
const anonymous = "anonymous"

// appIDPattern has no colon, which separates the id from the secret.
var appIDPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// Credentials hold the apps that may call, with digests of their secrets. They are
// immutable: a reload makes new ones.
type Credentials struct {
	unprotected bool
	apps        map[string]app
}

type app struct {
	enabled bool
	roles   []Role
	digests [][sha256.Size]byte // one for each secret
}

// Unprotected returns credentials that accept every caller as the app "anonymous"
// with all roles.
func Unprotected() *Credentials { return &Credentials{unprotected: true} }

// String keeps digests out of logs: a weak secret can be guessed from its digest.
func (c *Credentials) String() string { return fmt.Sprintf("credentials of %d apps", len(c.apps)) }

// GoString is String, for %#v.
func (c *Credentials) GoString() string { return c.String() }

// unknownApp is checked in place of an app that does not exist, so that both take
// the same time.
var unknownApp = app{digests: make([][sha256.Size]byte, 1)}

// check returns the caller that has the id and the secret.
func (c *Credentials) check(appID, secret string) (Caller, bool) {
	if c.unprotected {
		return Caller{AppID: anonymous, Roles: []Role{RoleAdmin}}, true
	}
	a, known := c.apps[appID]
	if !known {
		a = unknownApp
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

// credentialsFile is apps.yaml.
type credentialsFile struct {
	Apps []struct {
		AppID      string   `yaml:"appId"`
		AppSecret  string   `yaml:"appSecret"`
		AppSecrets []string `yaml:"appSecrets"` // several, so that one can be replaced while in use
		Name       string   `yaml:"name"`
		Enabled    *bool    `yaml:"enabled"` // true when left out
		Roles      []Role   `yaml:"roles"`   // send and templates when left out
	} `yaml:"apps"`
}

// LoadCredentials reads a credentials file (apps.yaml). Errors name the line and
// never repeat its content.
func LoadCredentials(path string) (*Credentials, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the operator configures the path
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	c, err := parseCredentials(data)
	if err != nil {
		return nil, fmt.Errorf("credentials file %s: %w", path, err)
	}
	return c, nil
}

func parseCredentials(data []byte) (*Credentials, error) {
	var file credentialsFile
	decoder := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict())
	if err := decoder.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		// The error itself is not returned: it quotes the lines around the mistake.
		return nil, errors.New(yaml.FormatError(err, false, false))
	}
	if len(file.Apps) == 0 {
		return nil, errors.New("has no apps")
	}

	c := &Credentials{apps: make(map[string]app, len(file.Apps))}
	for i, entry := range file.Apps {
		fault := func(key, message string) error {
			return fmt.Errorf("[line %d] %s: %s", lineOf(data, fmt.Sprintf("$.apps[%d].%s", i, key)), key, message)
		}
		if !appIDPattern.MatchString(entry.AppID) {
			return nil, fault("appId", "must be 1 to 128 letters, digits, dots, dashes or underscores")
		}
		if _, twice := c.apps[entry.AppID]; twice {
			return nil, fault("appId", "is a duplicate: "+entry.AppID)
		}
		a := app{enabled: entry.Enabled == nil || *entry.Enabled, roles: entry.Roles}
		if entry.Roles == nil {
			a.roles = []Role{RoleSend, RoleTemplates}
		}
		for j, role := range a.roles {
			if !slices.Contains([]Role{RoleSend, RoleTemplates, RoleAdmin}, role) {
				return nil, fault(fmt.Sprintf("roles[%d]", j), "must be send, templates or admin")
			}
		}
		if entry.AppSecret != "" {
			a.digests = append(a.digests, sha256.Sum256([]byte(entry.AppSecret)))
			if !isSecret(entry.AppSecret) {
				return nil, fault("appSecret", printableRule)
			}
		}
		for j, secret := range entry.AppSecrets {
			if !isSecret(secret) {
				return nil, fault(fmt.Sprintf("appSecrets[%d]", j), printableRule)
			}
			a.digests = append(a.digests, sha256.Sum256([]byte(secret)))
		}
		if len(a.digests) == 0 {
			return nil, fault("appSecret", "is required (or appSecrets)")
		}
		c.apps[entry.AppID] = a
	}
	return c, nil
}

const printableRule = "must not be empty, and have printable ASCII characters without spaces only"

// isSecret reports whether a header carries a secret unchanged.
func isSecret(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return s != ""
}

// lineOf returns the line of a path in the document, or of the nearest node above
// it that exists, or 0.
func lineOf(data []byte, path string) int {
	for path != "$" {
		if p, err := yaml.PathString(path); err == nil {
			if node, err := p.ReadNode(bytes.NewReader(data)); err == nil {
				return node.GetToken().Position.Line
			}
		}
		cut := bytes.LastIndexAny([]byte(path), ".[")
		path = path[:cut]
	}
	return 0
}
