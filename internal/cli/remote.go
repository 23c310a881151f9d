package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	"github.com/labring/sealos-notify/client"
)

const (
	defaultURL = "http://127.0.0.1:8080"
	secretEnv  = "SEALOS_NOTIFY_APP_SECRET" //nolint:gosec // the name of a variable
)

// Remote is which service a command calls, as which app, and how it prints. Flags
// come before the environment, and the environment before the file of fileSettings.
// There is no flag for the secret, because the list of processes would show it.
type Remote struct {
	URL        string `env:"SEALOS_NOTIFY_URL" placeholder:"URL" group:"Service" help:"URL of the service (http://127.0.0.1:8080)."`
	AppID      string `name:"app-id" env:"SEALOS_NOTIFY_APP_ID" placeholder:"ID" group:"Service" help:"Id of the app that calls."`
	SecretFile string `placeholder:"FILE" type:"existingfile" group:"Service" help:"File with the app's secret; or set SEALOS_NOTIFY_APP_SECRET."`
	Output     string `short:"o" enum:"text,json" default:"text" group:"Service" help:"text or json."`
}

// AfterApply makes the session available to the commands' Run methods.
func (r *Remote) AfterApply(k *kong.Context) error {
	return k.BindToProvider(func() (*session, error) {
		api, err := r.connect()
		return &session{api: api, appID: r.AppID, out: k.Stdout, progress: k.Stderr, json: r.Output == "json"}, err
	})
}

// fileSettings is the content of ~/.config/sealos-notify/config.yaml.
type fileSettings struct {
	URL       string `yaml:"url"`
	AppID     string `yaml:"appId"`
	AppSecret string `yaml:"appSecret"`
}

// connect returns a client of the service.
func (r *Remote) connect() (*client.Client, error) {
	file, err := readSettings()
	if err != nil {
		return nil, err
	}
	r.URL = cmp.Or(r.URL, file.URL, defaultURL)
	r.AppID = cmp.Or(r.AppID, file.AppID)
	secret := cmp.Or(os.Getenv(secretEnv), file.AppSecret)
	if r.SecretFile != "" {
		content, err := os.ReadFile(r.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("secret file: %w", err)
		}
		secret = strings.TrimSpace(string(content))
	}
	return client.New(client.Options{URL: r.URL, AppID: r.AppID, AppSecret: secret})
}

// readSettings reads the user's file. Without a file nothing is set.
func readSettings() (s fileSettings, err error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return s, nil // no home: flags and environment are left
	}
	path := filepath.Join(dir, "sealos-notify", "config.yaml")
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	content, err := os.ReadFile(path) //nolint:gosec // the user's own file
	if err != nil {
		return s, err
	}
	if err := yaml.UnmarshalWithOptions(content, &s, yaml.Strict()); err != nil {
		// The error's own text quotes the lines around it, which may hold the secret.
		var at yaml.Error
		if errors.As(err, &at) && at.GetToken() != nil {
			return s, fmt.Errorf("%s:%d: it may have url, appId and appSecret, each a text", path, at.GetToken().Position.Line)
		}
		return s, fmt.Errorf("%s: not valid YAML", path)
	}
	if s.AppSecret != "" && info.Mode().Perm()&0o077 != 0 {
		return s, fmt.Errorf("%s holds a secret and others may read it: chmod 600 %[1]s", path)
	}
	return s, nil
}
