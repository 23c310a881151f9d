// Package config reads the service's configuration: one Config that is made of the
// other packages' sections, and the credentials file.
//
// A value comes from the first that has it: the command line, the environment, the
// file, the defaults. Reading is strict. It reports all problems at once, each with
// its key and line. No problem shows a value, which may be a secret in the wrong
// place.
package config

import (
	"reflect"
	"slices"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

// Config is the whole configuration. Printed or marshalled to JSON it shows no
// secret.
type Config struct {
	Server     api.ServerConfig
	Database   store.Config
	Logging    Logging
	Dispatcher jobs.Dispatcher
	Auth       api.AuthConfig
	Defaults   settings.Defaults
	Retention  settings.Retention
	Templates  settings.Templates
	Endpoints  settings.Endpoints
	Metrics    Metrics
	Tracing    Tracing
	Channels   map[string]Channel  // by channel name
	Providers  map[string]Provider // by provider name

	Integrations api.IntegrationsConfig
	Console      api.ConsoleConfig
}

// Logging is the `logging` section.
type Logging struct {
	Level  string `yaml:"level" env:"LEVEL" doc:"debug, info, warn or error"`
	Format string `yaml:"format" env:"FORMAT" doc:"json or console"`
}

// Metrics is the `metrics` section.
type Metrics struct {
	Address string `yaml:"address" env:"ADDRESS" doc:"listen address of /metrics, without authentication; empty: off"`
}

// Tracing is the `tracing` section.
type Tracing struct {
	Endpoint string `yaml:"endpoint" env:"ENDPOINT" doc:"URL of an OpenTelemetry collector (OTLP over HTTP), such as http://collector:4318; empty: off"`
}

// Channel is one entry of the `channels` section.
type Channel struct {
	Enabled   bool    `yaml:"enabled" doc:"accept and deliver notifications for this channel"`
	Provider  string  `yaml:"provider" doc:"name of the provider that sends; this or providers is required when enabled"`
	Providers []Share `yaml:"providers" doc:"instead of provider: several, in order. Each is a name, or a name and a weight"`

	channels.Tries `yaml:",inline"`
}

// Share is a provider of a channel's list. In the file it may be its name alone.
type Share struct {
	Name   string `yaml:"name" required:"true" doc:"of a provider"`
	Weight int    `yaml:"weight" doc:"its part of the deliveries, beside the other weights; when all are 0, everything begins with the first"`
}

// List returns the channel's providers, in order.
func (c Channel) List() []Share {
	if c.Provider != "" {
		return []Share{{Name: c.Provider}}
	}
	return c.Providers
}

// Uses reports whether deliveries of the channel go through the provider by themselves.
func (c Channel) Uses(provider string) bool {
	return c.Enabled && slices.ContainsFunc(c.List(), func(s Share) bool { return s.Name == provider })
}

// Provider is one entry of the `providers` section.
type Provider struct {
	Name   string
	Type   channels.Type
	Config channels.Config // the type's own struct
}

// Default returns the documented defaults. They have no channel and no provider.
func Default() *Config {
	return &Config{
		Server:     api.DefaultServerConfig(),
		Database:   store.DefaultConfig(),
		Logging:    Logging{Level: "info", Format: "json"},
		Dispatcher: jobs.NewDispatcher(),
		Auth:       api.DefaultAuthConfig(),
		Defaults:   settings.NewDefaults(),
		Retention:  settings.NewRetention(),
		Metrics:    Metrics{Address: ":9464"},
		Channels:   map[string]Channel{},
		Providers:  map[string]Provider{},
		Console:    api.DefaultConsoleConfig(),
	}
}

// section is a top-level key whose own keys are fixed.
type section struct {
	key     string
	env     string // prefix of its environment variables
	restart bool   // a change takes effect at the next start only
	value   reflect.Value
}

func (c *Config) sections() []section {
	return []section{
		{"server", "SERVER_", true, reflect.ValueOf(&c.Server).Elem()},
		{"database", "DATABASE_", true, reflect.ValueOf(&c.Database).Elem()},
		{"logging", "LOGGING_", false, reflect.ValueOf(&c.Logging).Elem()},
		{"dispatcher", "DISPATCHER_", true, reflect.ValueOf(&c.Dispatcher).Elem()},
		{"auth", "AUTH_", false, reflect.ValueOf(&c.Auth).Elem()},
		{"defaults", "DEFAULTS_", false, reflect.ValueOf(&c.Defaults).Elem()},
		{"retention", "RETENTION_", false, reflect.ValueOf(&c.Retention).Elem()},
		{"templates", "TEMPLATES_", false, reflect.ValueOf(&c.Templates).Elem()},
		{"endpoints", "ENDPOINTS_", false, reflect.ValueOf(&c.Endpoints).Elem()},
		{"metrics", "METRICS_", true, reflect.ValueOf(&c.Metrics).Elem()},
		{"tracing", "TRACING_", true, reflect.ValueOf(&c.Tracing).Elem()},
	}
}

// changed returns the keys whose values differ, such as "server.address", in the
// sections that match.
func changed(a, b *Config, match func(section) bool) []string {
	var keys []string
	bs := b.sections()
	for i, s := range a.sections() {
		if !match(s) {
			continue
		}
		other := fieldsOf(bs[i].value)
		for j, f := range fieldsOf(s.value) {
			if !reflect.DeepEqual(f.value.Interface(), other[j].value.Interface()) {
				keys = append(keys, s.key+"."+f.key)
			}
		}
	}
	return keys
}

// databaseCredentials are the keys of the database section that change while it runs:
// passwords and certificates are renewed.
var databaseCredentials = []string{"database.password", "database.sslRootCert", "database.sslCert", "database.sslKey"}

// keep takes from the running configuration what needs a restart to change, and
// returns the keys that differ.
func (c *Config) keep(running *Config) []string {
	keys := changed(running, c, func(s section) bool { return s.restart })
	keys = slices.DeleteFunc(keys, func(key string) bool { return slices.Contains(databaseCredentials, key) })
	if c.Logging.Format != running.Logging.Format {
		keys = append(keys, "logging.format")
	}
	c.Server, c.Dispatcher, c.Metrics, c.Tracing = running.Server, running.Dispatcher, running.Metrics, running.Tracing
	c.Database = running.Database.WithCredentials(c.Database)
	c.Logging.Format = running.Logging.Format
	return keys
}
