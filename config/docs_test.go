package config_test

import (
	"flag"
	"os"
	"regexp"
	"testing"

	"github.com/aymanbagabas/go-udiff"
	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/config"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md")

func TestDocumentationIsCurrent(t *testing.T) {
	t.Parallel()
	const path = "../docs/configuration.md"
	text, err := config.Markdown(builtin.Types())
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	have, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, udiff.Unified(path, "the configuration", string(have), text), "run: go test ./config -run Documentation -update")
}

func TestExampleLoadsAsItIs(t *testing.T) {
	t.Parallel()
	cfg, err := config.Loader{Path: "../config.example.yaml", Types: builtin.Types(), Env: map[string]string{}}.Load()
	require.NoError(t, err)
	_, err = cfg.Registry(noneLeftOut(t))
	require.NoError(t, err)
	for _, typ := range builtin.Types() {
		channel, ok := cfg.Channels[typ.Channel]
		require.True(t, ok, typ.Channel)
		require.Equal(t, typ.Name, cfg.Providers[channel.Provider].Type.Name)
	}
}

func TestExampleShowsTheDefaultsAndEveryKey(t *testing.T) {
	t.Parallel()
	cfg, err := config.Loader{Path: "../config.example.yaml", Types: builtin.Types(), Env: map[string]string{}}.Load()
	require.NoError(t, err)
	want := config.Default()
	want.Database.Password = cfg.Database.Password
	want.Auth.CredentialsFilePath = cfg.Auth.CredentialsFilePath
	want.Channels, want.Providers = cfg.Channels, cfg.Providers
	require.Equal(t, want.Redacted(), cfg.Redacted())

	example, err := os.ReadFile("../config.example.yaml")
	require.NoError(t, err)
	var doc map[string]map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(cfg.Redacted()), &doc))
	for section, keys := range doc {
		for key := range keys {
			require.Regexp(t, `(?m)^ +(# )?`+regexp.QuoteMeta(key)+`:`, string(example), section)
		}
	}
}
