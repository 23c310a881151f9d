package api

import "time"

// ServerConfig is the `server` section.
type ServerConfig struct {
	Address      string        `yaml:"address" env:"ADDRESS" doc:"HTTP listen address"`
	ReadTimeout  time.Duration `yaml:"readTimeout" env:"READ_TIMEOUT" doc:"longest time to read a request"`
	WriteTimeout time.Duration `yaml:"writeTimeout" env:"WRITE_TIMEOUT" doc:"longest time to write an answer"`
	IdleTimeout  time.Duration `yaml:"idleTimeout" env:"IDLE_TIMEOUT" doc:"longest idle time of a kept connection"`
}

// AuthConfig is the `auth` section.
type AuthConfig struct {
	Enabled             bool   `yaml:"enabled" env:"ENABLED" doc:"ask for credentials on /api/v1 and /riverui"`
	CredentialsFilePath string `yaml:"credentialsFilePath" env:"CREDENTIALS_FILE_PATH" doc:"file of app credentials; required when enabled"`
}

// DefaultServerConfig returns the documented defaults.
func DefaultServerConfig() ServerConfig {
	return ServerConfig{
		Address: ":8080", ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 60 * time.Second,
	}
}

// DefaultAuthConfig returns the documented defaults.
func DefaultAuthConfig() AuthConfig { return AuthConfig{Enabled: true} }
