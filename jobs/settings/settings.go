// Package settings holds what a reload can change in how notifications are accepted and
// delivered.
package settings

import (
	"encoding/base64"
	"errors"
	"sync/atomic"
	"time"

	"github.com/labring/sealos-notify/channels"
)

// Settings are in force together.
type Settings struct {
	Defaults  Defaults
	Retention Retention
	Templates Templates
	Endpoints Endpoints
	Registry  *channels.Registry
	Weights   map[string]int // by app; 1 for those that are not there
	PublicURL string         // of the service, for links in mails; empty: none are made
}

// Live holds the settings in force. A reload stores new ones; work in flight finishes with
// the ones that it loaded.
type Live = atomic.Pointer[Settings]

// Defaults is the `defaults` section: how a delivery is tried.
type Defaults struct {
	MaxRetry            int   `yaml:"maxRetry" env:"MAX_RETRY" doc:"retries after the first attempt"`
	RetryBackoffSeconds []int `yaml:"retryBackoffSeconds" env:"RETRY_BACKOFF_SECONDS" doc:"wait before each retry; the last one repeats"`
	TimeoutSeconds      int   `yaml:"timeoutSeconds" env:"TIMEOUT_SECONDS" doc:"longest provider call"`
	MaxRecipients       int   `yaml:"maxRecipients" env:"MAX_RECIPIENTS" doc:"most recipients in one request"`
	SuppressDays        int   `yaml:"suppressDays" env:"SUPPRESS_DAYS" doc:"days for which nothing is sent to an address that the vendor refused for good; 0: it is sent to as before"`
}

// Retention is the `retention` section: how long finished notifications are kept.
type Retention struct {
	Days int `yaml:"days" env:"DAYS" doc:"days after which a finished notification is deleted, what it left in a cluster, an entry of the audit log, and an hour of the counts; 0 keeps all"`
}

// Templates is the `templates` section: what templates must have to be saved.
type Templates struct {
	RequiredLocales []string `yaml:"requiredLocales" env:"REQUIRED_LOCALES" doc:"languages (such as zh, en) that each template must have a text in when it is saved, written exactly so"`
}

// Endpoints is the `endpoints` section: how apps are told of events.
type Endpoints struct {
	Key                  string `yaml:"key" env:"KEY" secret:"true" doc:"32 bytes in base64 that seal the secrets of endpoints in the database (openssl rand -base64 32), the same on all replicas; empty: endpoints cannot be made"`
	AllowPrivateNetworks bool   `yaml:"allowPrivateNetworks" env:"ALLOW_PRIVATE_NETWORKS" doc:"dangerous: allow internal addresses and http, for a private deployment"`
}

// keySize is the number of bytes of a key, of AES-256.
const keySize = 32

// DecodeKey returns the key; nil when there is none. The error does not show it.
func (e Endpoints) DecodeKey() ([]byte, error) {
	if e.Key == "" {
		return nil, nil
	}
	key, err := base64.StdEncoding.DecodeString(e.Key)
	if err != nil || len(key) != keySize {
		return nil, errors.New("must be 32 bytes in base64, as openssl rand -base64 32 makes them")
	}
	return key, nil
}

// NewDefaults returns the documented values.
func NewDefaults() Defaults {
	return Defaults{MaxRetry: 3, RetryBackoffSeconds: []int{30, 120, 300}, TimeoutSeconds: 30, MaxRecipients: 10_000, SuppressDays: 30}
}

// NewRetention returns the documented values.
func NewRetention() Retention { return Retention{Days: 90} }

// TriesOf returns how deliveries are tried through a provider: by its own keys, its channel's or
// the defaults.
func (s *Settings) TriesOf(p channels.Provider) Defaults {
	d := s.Defaults
	if p.Tries.MaxRetry != nil {
		d.MaxRetry = *p.Tries.MaxRetry
	}
	if p.Tries.RetryBackoffSeconds != nil {
		d.RetryBackoffSeconds = p.Tries.RetryBackoffSeconds
	}
	if p.Tries.TimeoutSeconds != nil {
		d.TimeoutSeconds = *p.Tries.TimeoutSeconds
	}
	return d
}

// LongestTimeout returns the longest time of a call to any provider.
func (s *Settings) LongestTimeout() time.Duration {
	longest := s.Defaults.Timeout()
	for _, name := range s.Registry.Providers("") {
		p, _ := s.Registry.Named(name)
		longest = max(longest, s.TriesOf(p).Timeout())
	}
	return longest
}

// Timeout returns the longest time of a provider call.
func (d Defaults) Timeout() time.Duration { return time.Duration(d.TimeoutSeconds) * time.Second }

// Backoff returns the wait after the given attempt failed, counted from 1. The last entry
// of the table repeats.
func (d Defaults) Backoff(attempt int) time.Duration {
	if len(d.RetryBackoffSeconds) == 0 {
		return 0
	}
	i := min(max(attempt, 1), len(d.RetryBackoffSeconds)) - 1
	return time.Duration(d.RetryBackoffSeconds[i]) * time.Second
}
