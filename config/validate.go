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
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
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

// validateReceiver checks that alerts to a receiver can be delivered, before the
// first alert comes.
func (r *reader) validateReceiver(key string, receiver api.Receiver) {
	if len(receiver.Channels) == 0 {
		r.problem(key+".channels", "is required")
	}
	if receiver.Locale != "" {
		r.locale(key+".locale", receiver.Locale)
	}
	if receiver.RemindAfter < 0 {
		r.problem(key+".remindAfter", "must not be negative")
	}
	if receiver.Apps != nil && len(receiver.Apps) == 0 {
		r.problem(key+".apps", "must have at least one element; leave it out to let every app post")
	}
	types := r.validateReceiverChannels(key, receiver.Channels, receiver.Recipients)
	if len(receiver.Recipients) == 0 && (len(types) > 0 || len(receiver.Channels) == 0) {
		r.problem(key+".recipients", "is required, unless each channel has its own")
	}
	r.validateAddressList(key+".recipients", receiver.Recipients, append(types, r.validateEscalation(key, receiver)...))
}

// validateEscalation checks the steps of a receiver, and returns the types of their channels that have no
// recipients of their own.
func (r *reader) validateEscalation(key string, receiver api.Receiver) (types []channels.Type) {
	steps := accepting.Request{Alerts: &accepting.Alerts{}, Escalation: receiver.Steps(), Repeat: receiver.Repeat}
	var refused *refusal.Error
	if errors.As(steps.CheckEscalation(), &refused) {
		r.problem(key+"."+refused.Field, "%s", refused.Message)
	}
	for i, step := range receiver.Escalation {
		key := fmt.Sprintf("%s.escalation[%d]", key, i)
		if step.Recipients != nil {
			r.validateAddressList(key+".recipients", step.Recipients, r.validateReceiverChannels(key, step.Channels, step.Recipients))
			continue
		}
		for name, channel := range step.Channels {
			only := map[string]api.ReceiverChannel{name: channel}
			types = append(types, r.validateReceiverChannels(key, only, receiver.StepRecipients(name))...)
		}
	}
	return types
}

// validateReceiverChannels checks channels of a receiver, or of a step. It returns the types of those that have
// no recipients of their own.
func (r *reader) validateReceiverChannels(key string, configured map[string]api.ReceiverChannel, to []api.ReceiverRecipient) (types []channels.Type) {
	for _, name := range slices.Sorted(maps.Keys(configured)) {
		channel := configured[name]
		key := join(key+".channels", printable(name))
		i := slices.IndexFunc(r.Types, func(t channels.Type) bool { return t.Channel == name })
		switch {
		case i < 0:
			r.problem(key, "unknown channel; there are: %s", channelNames(r.Types))
			continue
		case !r.cfg.Channels[name].Enabled:
			r.problem(key, "this channel is not enabled")
		}
		r.validateRequired(key, reflect.ValueOf(channel))
		r.validateAddressList(key+".mention", channel.Mention, r.Types)
		if channel.Recipients != nil {
			r.validateAddressList(key+".recipients", channel.Recipients, r.Types[i:i+1])
			continue
		}
		types = append(types, r.Types[i])
		fits := func(recipient api.ReceiverRecipient) bool { return r.Types[i].Accepts(recipient.Type) }
		if !slices.ContainsFunc(to, fits) {
			r.problem(key, "no recipient fits; it takes %s", strings.Join(channels.RecipientTypeNames(r.Types[i]), ", "))
		}
	}
	return types
}

// validateAddressList checks that each address of a list can be one of a type that the channels
// take.
func (r *reader) validateAddressList(key string, list []api.ReceiverRecipient, types []channels.Type) {
	if list != nil && len(list) == 0 {
		r.problem(key, "must have at least one element; leave it out otherwise")
	}
	for i, recipient := range list {
		key := fmt.Sprintf("%s[%d]", key, i)
		if !r.validateRequired(key, reflect.ValueOf(recipient)) {
			continue
		}
		if !slices.Contains(channels.RecipientTypeNames(types...), recipient.Type) {
			r.problem(key+".type", "fits none of the receiver's channels")
		} else if err := accepting.CheckRecipient(channels.RecipientTypesOf(types...), store.Recipient{Type: recipient.Type, Value: recipient.Value}); err != nil {
			r.problem(key+".value", "%w", err)
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

// validateAddresses checks the receivers' addresses by the opened providers, and their
// number, as the service does when alerts come.
func (r *reader) validateAddresses(registry *channels.Registry) {
	for _, name := range slices.Sorted(maps.Keys(r.cfg.Integrations.Receivers)) {
		key, receiver := join("integrations.receivers", printable(name)), r.cfg.Integrations.Receivers[name]
		total := len(receiver.Recipients)
		for _, channel := range slices.Sorted(maps.Keys(receiver.Channels)) {
			own := receiver.Channels[channel]
			total += len(own.Recipients)
			r.validateChannelReach(key, key, channel, registry, own, receiver.Recipients)
		}
		if most := r.cfg.Defaults.MaxRecipients; total > most {
			r.problem(key+".recipients", "are %d; at most %d (defaults.maxRecipients)", total, most)
		}
		for i, step := range receiver.Escalation {
			place, list := fmt.Sprintf("%s.escalation[%d]", key, i), key
			for _, channel := range slices.Sorted(maps.Keys(step.Channels)) {
				to := receiver.StepRecipients(channel)
				if step.Recipients != nil {
					list, to = place, step.Recipients
				}
				r.validateChannelReach(place, list, channel, registry, step.Channels[channel], to)
			}
		}
	}
}

// validateChannelReach checks that a channel of a receiver, or of a step, reaches its recipients: its own, or
// else those of the list's place.
func (r *reader) validateChannelReach(
	key, list, channel string, registry *channels.Registry, own api.ReceiverChannel, to []api.ReceiverRecipient,
) {
	list += ".recipients"
	if own.Recipients != nil {
		list, to = key+".channels."+channel+".recipients", own.Recipients
	}
	r.validateReach(list, channel, registry, to)
	r.validateMention(key+".channels."+channel+".mention", channel, registry, to, own.Mention)
}

// validateReach checks that a channel has a provider for each recipient of a list that fits it,
// and that the provider takes the address.
func (r *reader) validateReach(key, channel string, registry *channels.Registry, list []api.ReceiverRecipient) {
	own, _ := registry.Provider(channel) // it is on
	for i, recipient := range list {
		if !own.Type.Accepts(recipient.Type) {
			continue
		}
		key, to := fmt.Sprintf("%s[%d].value", key, i), channels.Recipient(recipient)
		provider, known := registry.ProviderFor(channel, to)
		if !known {
			r.problem(key, "there is no provider of that name for the channel %s", channel)
			continue
		}
		candidates := []channels.Provider{provider}
		if !provider.Type.NamesProvider(recipient.Type) {
			candidates = registry.List(channel)
		}
		if err := reaches(candidates, to); err != nil {
			r.problem(key, "%s: %w", channel, err)
		}
	}
}

// reaches returns nil when one of the providers takes the address, otherwise why the first does not.
func reaches(providers []channels.Provider, to channels.Recipient) (first error) {
	for _, p := range providers {
		checker, checks := p.Sender.(channels.RecipientChecker)
		if !checks {
			return nil
		}
		err := checker.CheckRecipient(to)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// validateMention checks that a channel's messages to the recipients can mention the people.
func (r *reader) validateMention(key, channel string, registry *channels.Registry, to, people []api.ReceiverRecipient) {
	provider, _ := registry.Provider(channel) // it is on
	if len(people) > accepting.MaxMention {
		r.problem(key, "are %d; at most %d", len(people), accepting.MaxMention)
	}
	var recipients []store.Recipient
	for _, recipient := range to {
		if provider.Type.Accepts(recipient.Type) {
			recipients = append(recipients, store.Recipient{Type: recipient.Type, Value: recipient.Value})
		}
	}
	for i, person := range people {
		if err := accepting.CheckMention(provider, recipients, store.Recipient{Type: person.Type, Value: person.Value}); err != nil {
			r.problem(fmt.Sprintf("%s[%d]", key, i), "%w", err)
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
