package config

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/channels"
)

// appID has no colon, because a colon separates the id from the secret.
var appID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

var roles = []string{string(api.RoleSend), string(api.RoleTemplates), string(api.RoleAdmin)}

// credentials reads the credentials file as strictly as the configuration. Its
// problems join those of the configuration.
func (r *reader) credentials() *api.Credentials {
	auth := r.cfg.Auth
	if !auth.Enabled {
		return api.Unprotected()
	}
	if auth.CredentialsFilePath == "" {
		return nil // validate reports it
	}
	src, err := r.file(auth.CredentialsFilePath)
	if err != nil {
		r.problem("auth.credentialsFilePath", "%w", err)
		return nil
	}
	file := Loader{Path: auth.CredentialsFilePath, Types: r.Types}.reader()
	apps, problems := file.apps(src)
	r.problems = append(r.problems, problems...)
	r.warnings = append(r.warnings, file.warnings...)
	return api.NewCredentials(apps)
}

// apps decodes and checks the content of a credentials file.
func (r *reader) apps(src []byte) ([]api.App, []error) {
	var file struct {
		Apps []api.App `yaml:"apps"`
	}
	root, err := r.document(src)
	if err != nil {
		return nil, []error{err}
	}
	r.object(entry{node: root}, reflect.ValueOf(&file).Elem(), false)
	r.validateApps(file.Apps)
	return file.Apps, r.problems
}

func (r *reader) validateApps(apps []api.App) {
	if len(apps) == 0 {
		r.problem("apps", "must have at least one element")
	}
	seen := map[string]bool{}
	for i, app := range apps {
		key := fmt.Sprintf("apps[%d]", i)
		if r.reported[key] {
			continue // it is not a mapping
		}
		switch {
		case !appID.MatchString(app.AppID):
			r.problem(key+".appId", "must be 1 to 128 letters, digits, dots, dashes or underscores")
		case seen[app.AppID]:
			r.problem(key+".appId", "is given twice")
		}
		seen[app.AppID] = true
		for j, role := range app.Roles {
			r.oneOf(fmt.Sprintf("%s.roles[%d]", key, j), string(role), roles)
		}
		if app.AppSecret == "" && len(app.AppSecrets) == 0 {
			r.problem(key+".appSecret", "is required (or appSecrets)")
		}
		if app.AppSecret != "" {
			r.headerText(key+".appSecret", app.AppSecret)
		}
		for j, secret := range app.AppSecrets {
			r.headerText(fmt.Sprintf("%s.appSecrets[%d]", key, j), secret)
		}
		r.limits(key+".limits", app.Limits)
		if app.Weight != nil {
			r.between(key+".weight", *app.Weight, 1, maxWeight)
		}
	}
	r.testSecrets(apps)
}

// testSecrets checks that a test secret is no other secret of any app: it would reach people.
func (r *reader) testSecrets(apps []api.App) {
	given := map[string]int{}
	for _, app := range apps {
		for _, secret := range slices.Concat([]string{app.AppSecret}, app.AppSecrets, app.TestSecrets) {
			given[secret]++
		}
	}
	for i, app := range apps {
		for j, secret := range app.TestSecrets {
			key := fmt.Sprintf("apps[%d].testSecrets[%d]", i, j)
			r.headerText(key, secret)
			if given[secret] > 1 {
				r.problem(key, "must differ from all other secrets")
			}
		}
	}
}

const (
	maxLimit  = 1_000_000_000
	maxWeight = 100
)

func (r *reader) limits(key string, l api.Limits) {
	if l.RequestsPerMinute != nil {
		r.between(key+".requestsPerMinute", *l.RequestsPerMinute, 0, maxLimit)
	}
	r.channelLimits(key+".deliveriesPerMinute", l.DeliveriesPerMinute)
	r.channelLimits(key+".deliveriesPerDay", l.DeliveriesPerDay)
}

func (r *reader) channelLimits(key string, byChannel map[string]int) {
	for _, channel := range slices.Sorted(maps.Keys(byChannel)) {
		key := join(key, printable(channel))
		if !slices.ContainsFunc(r.Types, func(t channels.Type) bool { return t.Channel == channel }) {
			r.problem(key, "unknown channel; there are: %s", channelNames(r.Types))
		}
		r.between(key, byChannel[channel], 0, maxLimit)
	}
}

// headerText checks that a secret can travel in a header unchanged, and that it is
// not one that everybody knows or can guess.
func (r *reader) headerText(key, secret string) {
	valid := secret != ""
	for _, c := range []byte(secret) {
		valid = valid && c > ' ' && c <= '~'
	}
	switch {
	case !valid:
		r.problem(key, "must have one or more printable ASCII characters, and no space")
	case isPlaceholder(secret) || isFiller(secret):
		r.problem(key, "is a placeholder: put a random secret in its place")
	case len(secret) < strongSecret:
		r.warn(key, "has fewer than %d characters and may be guessed: use a random one", strongSecret)
	}
}
