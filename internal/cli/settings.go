package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// account is a service and the app that calls it.
type account struct {
	URL       string `yaml:"url"`
	AppID     string `yaml:"appId"`
	AppSecret string `yaml:"appSecret"`
}

// settings is the content of ~/.config/sealos-notify/config.yaml.
type settings struct {
	Default  account            `yaml:",inline"` // without a profile
	Profiles map[string]account `yaml:"profiles"`
}

// profile returns a profile of the file at the path.
func (s settings) profile(name, path string) (account, error) {
	if a, known := s.Profiles[name]; known {
		return a, nil
	}
	if len(s.Profiles) == 0 {
		return account{}, fmt.Errorf("there is no profile %s: %s has no profiles", name, path)
	}
	return account{}, fmt.Errorf("there is no profile %s in %s, which has %s", name, path,
		enumerate(slices.Sorted(maps.Keys(s.Profiles))))
}

// hasSecret reports whether the file is for the user's eyes only.
func (s settings) hasSecret() bool {
	for _, a := range s.Profiles {
		if a.AppSecret != "" {
			return true
		}
	}
	return s.Default.AppSecret != ""
}

// readSettings reads the user's file and returns its path, too. Without a file nothing is set.
func readSettings() (s settings, path string, err error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return s, "the settings file", nil // no home: flags and environment are left
	}
	path = filepath.Join(dir, "sealos-notify", "config.yaml")
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, path, nil
	}
	if err != nil {
		return s, path, err
	}
	content, err := readFile(path)
	if err != nil {
		return s, path, err
	}
	if err := yaml.UnmarshalWithOptions(content, &s, yaml.Strict()); err != nil {
		return s, path, settingsError(path, err)
	}
	if s.hasSecret() && info.Mode().Perm()&0o077 != 0 {
		return s, path, fmt.Errorf("%s holds a secret and others may read it: chmod 600 %[1]s", path)
	}
	for name := range s.Profiles {
		if strings.TrimSpace(name) == "" {
			return s, path, fmt.Errorf("%s: a profile has no name", path)
		}
	}
	return s, path, nil
}

// settingsError returns an error without the file's text: yaml's quotes the lines around it,
// which may hold a secret.
func settingsError(path string, err error) error {
	const keys = "it may have url, appId and appSecret, each a text, and profiles, which have the same by name"
	var at yaml.Error
	if errors.As(err, &at) && at.GetToken() != nil {
		return fmt.Errorf("%s:%d: %s", path, at.GetToken().Position.Line, keys)
	}
	return fmt.Errorf("%s: not valid YAML", path)
}
