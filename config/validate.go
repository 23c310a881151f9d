package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

// leaseMargin is the time of a lease beyond the longest provider call. It keeps a
// job with its worker while the worker still sends.
const leaseMargin = 10 * time.Second

// minInterval is the shortest poll interval that River accepts.
const minInterval = 100 * time.Millisecond

var sslModes = []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

func (r *reader) validate() {
	r.validateServer()
	r.validateDatabase()
	r.validateLogging()
	r.validateDispatcher()
	r.validateDefaults()
	r.validateTelemetry()
	for i, locale := range r.cfg.Templates.RequiredLocales {
		r.locale(fmt.Sprintf("templates.requiredLocales[%d]", i), locale)
	}
	if _, err := r.cfg.Endpoints.DecodeKey(); err != nil {
		r.problem("endpoints.key", "%w", err)
	}
	if a := r.cfg.Auth; a.Enabled && a.CredentialsFilePath == "" {
		r.problem("auth.credentialsFilePath", "is required while auth.enabled is true")
	}
	for _, name := range slices.Sorted(maps.Keys(r.cfg.Channels)) {
		r.validateChannel(name, r.cfg.Channels[name])
	}
	for _, name := range slices.Sorted(maps.Keys(r.cfg.Providers)) {
		if p := r.cfg.Providers[name]; p.Config != nil {
			r.validateProvider(p)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.cfg.Integrations.Receivers)) {
		r.validateReceiver(join("integrations.receivers", printable(name)), r.cfg.Integrations.Receivers[name])
	}
	r.validateSignOn()
}

// locale checks the name of a language.
func (r *reader) locale(key, locale string) {
	if err := rendering.CheckLocale(locale); err != nil {
		r.problem(key, "%w", err)
	}
}

func (r *reader) validateServer() {
	s := r.cfg.Server
	r.listenable("server.address", s.Address)
	r.positive("server.readTimeout", s.ReadTimeout)
	r.positive("server.writeTimeout", s.WriteTimeout)
	r.positive("server.idleTimeout", s.IdleTimeout)
	r.validatePublicURL(s.PublicURL)
	for i, network := range s.TrustedProxies {
		if _, err := api.ParseNetwork(network); err != nil {
			r.problem(fmt.Sprintf("server.trustedProxies[%d]", i), "%w", err)
		}
	}
}

// maxPublicURL bounds server.publicUrl, in bytes: a link with it is one line of a mail's header.
const maxPublicURL = 200

func (r *reader) validatePublicURL(text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.Contains(text, "#") ||
		strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`<>"`, c) }) {
		r.problem("server.publicUrl", "must be an https URL in ASCII such as https://notify.example.com")
	} else if len(text) > maxPublicURL {
		r.problem("server.publicUrl", "must have at most %d characters", maxPublicURL)
	}
}

func (r *reader) validateDatabase() {
	d := r.cfg.Database
	switch d.Driver {
	case store.DriverPostgres:
		r.required("database.host", d.Host)
		r.required("database.user", d.User)
		r.required("database.dbname", d.DBName)
		r.between("database.port", d.Port, 1, 65535)
		r.oneOf("database.sslMode", d.SSLMode, sslModes)
		r.oneOf("database.pooling", d.Pooling, []string{store.PoolingSession, store.PoolingTransaction})
		r.validateCertificates()
		r.knownToAll("database.password", d.Password)
	case store.DriverSQLite:
		r.required("database.path", d.Path)
	default:
		r.oneOf("database.driver", d.Driver, []string{store.DriverPostgres, store.DriverSQLite})
	}
	r.between("database.maxOpenConns", d.MaxOpenConns, 1, 10_000)
	r.between("database.maxIdleConns", d.MaxIdleConns, 0, 10_000)
	r.positive("database.connMaxLifetime", d.ConnMaxLifetime)
}

func (r *reader) validateLogging() {
	r.oneOf("logging.level", r.cfg.Logging.Level, []string{"debug", "info", "warn", "error"})
	r.oneOf("logging.format", r.cfg.Logging.Format, []string{"json", "console"})
}

func (r *reader) validateDispatcher() {
	d := r.cfg.Dispatcher
	if d.Interval < minInterval {
		r.problem("dispatcher.interval", "must be at least %s", minInterval)
	}
	r.between("dispatcher.batchSize", d.BatchSize, 1, 1000)
	if key, covers := leaseCovers(r.cfg); !covers {
		r.problem("dispatcher.leaseTimeout", "must be at least %s + %s", key, leaseMargin)
	}
}

// leaseCovers reports whether the lease is longer than the longest provider call, and returns the
// key of that.
func leaseCovers(c *Config) (key string, covers bool) {
	key, longest := "defaults.timeoutSeconds", c.Defaults.TimeoutSeconds
	look := func(section, name string, t channels.Tries) {
		if t.TimeoutSeconds != nil && *t.TimeoutSeconds > longest {
			key, longest = section+"."+name+".timeoutSeconds", *t.TimeoutSeconds
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Channels)) {
		look("channels", name, c.Channels[name].Tries)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		if p := c.Providers[name]; p.Config != nil {
			look("providers", name, p.Config.Common().Tries)
		}
	}
	return key, c.Dispatcher.LeaseTimeout >= time.Duration(longest)*time.Second+leaseMargin
}

func (r *reader) validateDefaults() {
	d := r.cfg.Defaults
	r.between("defaults.maxRetry", d.MaxRetry, 0, 20)
	r.validateBackoff("defaults", d.RetryBackoffSeconds)
	r.between("defaults.timeoutSeconds", d.TimeoutSeconds, 1, 300)
	r.between("defaults.maxRecipients", d.MaxRecipients, 1, 10_000)
	r.between("defaults.suppressDays", d.SuppressDays, 0, 3650)
	r.between("retention.days", r.cfg.Retention.Days, 0, 36_500)
}

func (r *reader) validateBackoff(section string, waits []int) {
	if len(waits) == 0 {
		r.problem(section+".retryBackoffSeconds", "must have at least one element")
	}
	for i, s := range waits {
		r.between(fmt.Sprintf("%s.retryBackoffSeconds[%d]", section, i), s, 0, 86_400)
	}
}

// validateTries checks how a channel or a provider is tried, in the ranges of the defaults.
func (r *reader) validateTries(section string, t channels.Tries) {
	if t.MaxRetry != nil {
		r.between(section+".maxRetry", *t.MaxRetry, 0, 20)
	}
	if t.RetryBackoffSeconds != nil {
		r.validateBackoff(section, t.RetryBackoffSeconds)
	}
	if t.TimeoutSeconds != nil {
		r.between(section+".timeoutSeconds", *t.TimeoutSeconds, 1, 300)
	}
}

func (r *reader) validateTelemetry() {
	if address := r.cfg.Metrics.Address; address != "" {
		r.listenable("metrics.address", address)
	}
	if endpoint := r.cfg.Tracing.Endpoint; endpoint != "" {
		u, err := url.Parse(endpoint)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			r.problem("tracing.endpoint", "must be a URL such as http://collector:4318")
		}
	}
}

func (r *reader) validateChannel(name string, c Channel) {
	key := join("channels", printable(name))
	known := slices.ContainsFunc(r.Types, func(t channels.Type) bool { return t.Channel == name })
	if !known {
		r.problem(key, "unknown channel; there are: %s", channelNames(r.Types))
		return
	}
	r.validateTries(key, c.Tries)
	if c.Provider != "" && c.Providers != nil {
		r.problem(key+".providers", "give provider or providers, not both")
		return
	}
	if !c.Enabled {
		return
	}
	if len(c.List()) == 0 {
		r.problem(key+".provider", "is required while the channel is enabled (or providers)")
	}
	for i, share := range c.List() {
		at, place := key+".provider", key+".provider"
		if c.Provider == "" {
			place = fmt.Sprintf("%s.providers[%d]", key, i)
			at = place + ".name"
			r.between(place+".weight", share.Weight, 0, 1000)
		}
		p, ok := r.cfg.Providers[share.Name]
		switch {
		case r.reported[place]: // it is neither a name nor a mapping
		case share.Name == "":
			r.problem(at, "is required")
		case slices.ContainsFunc(c.List()[:i], func(s Share) bool { return s.Name == share.Name }):
			r.problem(place, "provider %s is given twice", printable(share.Name))
		case !ok:
			r.problem(place, "there is no provider of that name")
		case p.Config != nil && p.Type.Channel != name:
			r.problem(place, "provider %s is of type %s, which serves the channel %s", p.Name, p.Type.Name, p.Type.Channel)
		}
	}
}

// validateNamedApps checks that the apps that receivers, providers and the console name are in the
// credentials file; nil when that could not be read.
func (r *reader) validateNamedApps(credentials *api.Credentials) {
	known := func(key, app string) {
		if credentials != nil && !credentials.Knows(app) {
			r.problem(key, "the credentials file has no app of that id")
		}
	}
	check := func(key string, apps []string) {
		for i, app := range apps {
			known(fmt.Sprintf("%s.apps[%d]", key, i), app)
		}
	}
	for i, access := range r.cfg.Console.OIDC.Access {
		known(fmt.Sprintf("console.oidc.access[%d].app", i), access.App)
	}
	for _, name := range slices.Sorted(maps.Keys(r.cfg.Integrations.Receivers)) {
		check(join("integrations.receivers", printable(name)), r.cfg.Integrations.Receivers[name].Apps)
	}
	for _, name := range slices.Sorted(maps.Keys(r.cfg.Providers)) {
		if l, lists := r.cfg.Providers[name].Config.(channels.AppLister); lists {
			check("providers."+name, l.AllowedApps())
		}
	}
}

// validateProvider checks a provider, even when no channel uses it.
func (r *reader) validateProvider(p Provider) {
	key := "providers." + p.Name
	if p.Name == channels.SimulatedProvider {
		r.problem(key, "is the name of the provider for test secrets; choose another")
	}
	config := reflect.ValueOf(p.Config).Elem()
	complete := r.validateRequired(key, config)
	common := p.Config.Common()
	r.between(key+".rateLimit.perSecond", common.RateLimit.PerSecond, 0, 1_000_000)
	r.between(key+".rateLimit.perMinute", common.RateLimit.PerMinute, 0, 1_000_000)
	r.validateTries(key, common.Tries)
	switch common.OnUncertain {
	case "", channels.Resend, channels.Hold:
	default:
		r.problem(key+".onUncertain", "must be %s or %s", channels.Resend, channels.Hold)
	}
	for _, f := range fieldsOf(config) {
		if f.file && f.value.String() != "" {
			_, _ = r.file(f.value.String()) // the provider says what is wrong with it
		}
	}
	if !complete {
		return
	}
	if c := r.cfg.Channels[p.Type.Channel]; c.Uses(p.Name) || c.Enabled && p.Type.IsNamed() {
		r.validateSecrets(key, config)
	}
	err := p.Config.Validate()
	var wrong *channels.KeyError
	switch {
	case errors.As(err, &wrong):
		r.problem(key+"."+wrong.Key, "%w", wrong.Err)
	case err != nil:
		r.problem(key, "%w", err)
	}
}

// validateRequired reports whether all required keys have a value.
func (r *reader) validateRequired(key string, v reflect.Value) bool {
	complete := true
	for _, f := range fieldsOf(v) {
		if f.value.Kind() == reflect.Struct {
			complete = r.validateRequired(key+"."+f.key, f.value) && complete
		}
		if f.required && f.value.IsZero() {
			r.problem(key+"."+f.key, "is required")
			complete = false
		}
	}
	return complete
}

func (r *reader) required(key, value string) {
	if value == "" {
		r.problem(key, "is required")
	}
}

func (r *reader) listenable(key, address string) {
	_, port, err := net.SplitHostPort(address)
	if n, perr := strconv.Atoi(port); err != nil || perr != nil || n < 0 || n > 65535 {
		r.problem(key, `must be host:port or :port, with a port from 0 to 65535`)
	}
}

func (r *reader) positive(key string, d time.Duration) {
	if d <= 0 {
		r.problem(key, "must be more than 0")
	}
}

func (r *reader) between(key string, n, low, high int) {
	if n < low || n > high {
		r.problem(key, "must be from %d to %d", low, high)
	}
}

func (r *reader) oneOf(key, value string, known []string) {
	if !slices.Contains(known, value) {
		r.problem(key, "must be one of %s", strings.Join(known, ", "))
	}
}

func typeNames(types []channels.Type) string {
	var names []string
	for _, t := range types {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

func channelNames(types []channels.Type) string {
	var names []string
	for _, t := range types {
		names = append(names, t.Channel)
	}
	return strings.Join(names, ", ")
}
