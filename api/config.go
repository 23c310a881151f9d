package api

import (
	"maps"
	"slices"
	"time"
)

// ServerConfig is the `server` section.
type ServerConfig struct {
	Address      string        `yaml:"address" env:"ADDRESS" doc:"HTTP listen address"`
	ReadTimeout  time.Duration `yaml:"readTimeout" env:"READ_TIMEOUT" doc:"longest time to read a request"`
	WriteTimeout time.Duration `yaml:"writeTimeout" env:"WRITE_TIMEOUT" doc:"longest time to write an answer"`
	IdleTimeout  time.Duration `yaml:"idleTimeout" env:"IDLE_TIMEOUT" doc:"longest idle time of a kept connection"`
	PublicURL    string        `yaml:"publicUrl" env:"PUBLIC_URL" doc:"https address at which people reach the service, such as https://notify.example.com; mails of optional kinds get an unsubscribe link there; empty: none"`
	// TrustedProxies are parsed by ParseNetwork.
	TrustedProxies []string `yaml:"trustedProxies" env:"TRUSTED_PROXIES" doc:"networks (such as 10.0.0.0/8) or addresses of proxies whose X-Forwarded-For names the caller; without them the header is not read"`
}

// AuthConfig is the `auth` section.
type AuthConfig struct {
	Enabled             bool   `yaml:"enabled" env:"ENABLED" doc:"ask for credentials on /api/v1 and /riverui"`
	CredentialsFilePath string `yaml:"credentialsFilePath" env:"CREDENTIALS_FILE_PATH" doc:"file of app credentials; required when enabled"`
}

// ConsoleConfig is the `console` section.
type ConsoleConfig struct {
	OIDC OIDCConfig `yaml:"oidc" doc:"sign-in of people by OpenID Connect; left out: with an app's secret only"`
}

// OIDCConfig is the OpenID provider that people sign in at, and whom it lets in.
type OIDCConfig struct {
	Issuer       string       `yaml:"issuer" doc:"URL of the provider, exactly as its discovery document has it; required with the others"`
	ClientID     string       `yaml:"clientId" doc:"what the provider calls this service; its redirect address is /console/sign-in/oidc/callback"`
	ClientSecret string       `yaml:"clientSecret" secret:"true" doc:"left out for a public client"`
	Scopes       []string     `yaml:"scopes" doc:"asked for besides openid"`
	Claim        string       `yaml:"claim" doc:"the claim that decides, a text or a list of texts, in the ID token or in UserInfo; email counts with email_verified only"`
	Access       []OIDCAccess `yaml:"access" doc:"the first one that a person's claim fits lets the person in: value, app and, if they differ from the app's, roles"`
}

// OIDCAccess lets in the people whose claim has the value.
type OIDCAccess struct {
	Value string `yaml:"value" required:"true" doc:"of the claim, such as the name of a group"`
	App   string `yaml:"app" required:"true" doc:"id of the app that they act as: they see what it sent"`
	Roles []Role `yaml:"roles" doc:"left out: the app's own"`
}

// DefaultConsoleConfig returns the documented defaults.
func DefaultConsoleConfig() ConsoleConfig {
	return ConsoleConfig{OIDC: OIDCConfig{Scopes: []string{"email"}, Claim: "groups"}}
}

// IntegrationsConfig is the `integrations` section: the receivers of the alerts
// that Alertmanager and Grafana post.
type IntegrationsConfig struct {
	Receivers map[string]Receiver `yaml:"receivers" doc:"by the exact name of the receiver there"`
}

// Receiver holds the channels and the recipients of one receiver's alerts.
type Receiver struct {
	Channels   map[string]ReceiverChannel `yaml:"channels" required:"true" doc:"by channel name; each has the name of a template, template, and may have recipients of its own and people to mention"`
	Recipients []ReceiverRecipient        `yaml:"recipients" doc:"of the channels that have none of their own; each has a type and a value; the value is secret"`
	Apps       []string                   `yaml:"apps" doc:"ids of the apps that may post alerts to it, besides administrators; left out: every app with the role send"`
	Kind       string                     `yaml:"kind" doc:"name of a kind, which decides over which channels, when and how often the alerts may reach somebody; left out: none"`
	Locale     string                     `yaml:"locale" doc:"language of the alerts (BCP 47), which chooses among the templates' texts; empty: each template's own"`
	Thread     string                     `yaml:"thread" doc:"name of the thread that all its alerts are in; none: they are in no thread; left out: each group is a thread of its own, in which the message that tells of alerts becomes the one that tells that they are resolved"`
	// RemindAfter must be shorter than the sender's repeat interval.
	RemindAfter time.Duration `yaml:"remindAfter" doc:"tell again what still fires, when the sender repeats it and the last telling is that old; 0: never"`
	// Acknowledge, Escalation and Repeat are as in a request.
	Acknowledge bool           `yaml:"acknowledge" doc:"somebody is asked to acknowledge what fires; so they are with escalation"`
	Escalation  []ReceiverStep `yaml:"escalation" doc:"what is sent while nobody has acknowledged what fires"`
	Repeat      int            `yaml:"repeat" doc:"how often the escalation begins again, up to 10 times"`
}

// ReceiverStep is a step of the escalation of alerts.
type ReceiverStep struct {
	After      time.Duration              `yaml:"after" required:"true" doc:"how long after the alerts, from 1s to 168h, in ascending order"`
	Channels   map[string]ReceiverChannel `yaml:"channels" required:"true" doc:"as those of the receiver"`
	Recipients []ReceiverRecipient        `yaml:"recipients" doc:"of the channels that have none of their own; left out: those of the receiver"`
	If         string                     `yaml:"if" doc:"failed or unread; empty: in any case"`
	Urgent     string                     `yaml:"urgent" doc:"app, sms or phone: an urgent call for the message that somebody has of a feishu_app, instead of another one; empty: none"`
}

// StepRecipients returns who gets what a step sends over a channel that has no recipients of its own, or
// in the step: those that the receiver has for the channel, or else its own, or else those of all its channels.
func (r Receiver) StepRecipients(channel string) []ReceiverRecipient {
	if own := r.Channels[channel].Recipients; own != nil {
		return own
	}
	if r.Recipients != nil {
		return r.Recipients
	}
	var all []ReceiverRecipient
	for _, name := range slices.Sorted(maps.Keys(r.Channels)) {
		all = append(all, r.Channels[name].Recipients...)
	}
	return all
}

// ReceiverChannel names the template of one channel, and may narrow whom it reaches.
type ReceiverChannel struct {
	Template   string              `yaml:"template" required:"true" doc:"name of the template"`
	Recipients []ReceiverRecipient `yaml:"recipients" doc:"who gets it over this channel, and nobody else; left out: those of the receiver that fit"`
	Mention    []ReceiverRecipient `yaml:"mention" doc:"who is mentioned in each message to a group"`
}

// ReceiverRecipient is one recipient of the alerts.
type ReceiverRecipient struct {
	Type  string `yaml:"type" required:"true" doc:"decides which channels fit"`
	Value string `yaml:"value" required:"true" secret:"true" doc:"the address"`
}

// DefaultServerConfig returns the documented defaults.
func DefaultServerConfig() ServerConfig {
	return ServerConfig{
		Address: ":8080", ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 60 * time.Second,
	}
}

// DefaultAuthConfig returns the documented defaults.
func DefaultAuthConfig() AuthConfig { return AuthConfig{Enabled: true} }
