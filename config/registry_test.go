package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/config"
	"github.com/labring/sealos-notify/jobs/settings"
)

func TestRegistryHasTheProvidersOfEnabledChannels(t *testing.T) {
	t.Parallel()
	cfg, err := load(write(t, `
channels:
  feishu_app: {enabled: true, provider: urgent}
  sms: {enabled: false, provider: sms}
providers:
  urgent: {type: feishu_app, appId: a, appSecret: b, onUncertain: hold}
  spare: {type: feishu_app, appId: a, appSecret: b}
  sms: {type: test_sms}
`))
	require.NoError(t, err)
	registry, err := cfg.Registry(noneLeftOut(t))
	require.NoError(t, err)
	require.Equal(t, []string{"feishu_app"}, registry.Channels())
	p, ok := registry.Provider("feishu_app")
	require.True(t, ok)
	require.Equal(t, "urgent", p.Name)
	require.Equal(t, "feishu_app", p.Type.Name)
	require.Equal(t, channels.Hold, p.OnUncertain)
	require.NotNil(t, p.Sender)

	// Others of the channel can be asked for by name.
	require.Equal(t, []string{"spare", "urgent"}, registry.Providers(""))
	spare, ok := registry.Named("spare")
	require.True(t, ok)
	require.NotNil(t, spare.Sender)
}

func TestRegistryLeavesOutSparesThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	cfg, err := load(write(t, `
channels: {sms: {enabled: true, provider: sms}}
providers:
  sms: {type: test_sms}
  spare: {type: test_sms, key: unusable}
`))
	require.NoError(t, err)
	leftOut := map[string]string{}
	registry, err := cfg.Registry(func(provider string, err error) { leftOut[provider] = err.Error() })
	require.NoError(t, err)
	require.Equal(t, []string{"sms"}, registry.Providers(""))
	require.Equal(t, map[string]string{"spare": "provider spare: key cannot be used"}, leftOut)
}

// Somebody who counts on a spare is told that there is none: at a start, a reload and a check.
func TestSparesThatCannotBeOpenedAreWarnedOf(t *testing.T) {
	t.Parallel()
	path := write(t, `
channels: {sms: {enabled: true, provider: sms}}
providers:
  sms: {type: test_sms}
  spare: {type: test_sms, key: unusable}
`)
	checked, err := config.Loader{Path: path, Types: types, Env: map[string]string{}}.Check(nil)
	require.NoError(t, err)
	require.Equal(t, []string{path + ":6: providers.spare: is left out, because it cannot be opened: provider spare: key cannot be used"}, checked.Warnings)
}

// noneLeftOut fails the test when a spare is left out.
func noneLeftOut(t *testing.T) func(string, error) {
	return func(provider string, err error) { t.Errorf("%s is left out: %v", provider, err) }
}

func TestRegistryOpensWhatEnabledChannelsUse(t *testing.T) {
	t.Parallel()
	const providers = "providers: {spare: {type: test_sms, key: unusable}}\n"
	cfg, err := load(write(t, providers))
	require.NoError(t, err)
	_, err = cfg.Registry(noneLeftOut(t))
	require.NoError(t, err)

	cfg, err = load(write(t, "channels: {sms: {enabled: true, provider: spare}}\n"+providers))
	require.NoError(t, err)
	_, err = cfg.Registry(noneLeftOut(t))
	require.EqualError(t, err, "provider spare: key cannot be used")
}

// A channel's list decides the order and the shares of its providers. What a provider says of
// retries and times counts before what the channel says.
func TestRegistryOfAList(t *testing.T) {
	t.Parallel()
	cfg, err := load(write(t, `
channels:
  feishu_app:
    enabled: true
    providers: [b, {name: a, weight: 3}]
    maxRetry: 5
    timeoutSeconds: 20
providers:
  a: {type: feishu_app, appId: a, appSecret: b, timeoutSeconds: 7, retryBackoffSeconds: [1, 2]}
  b: {type: feishu_app, appId: a, appSecret: b, maxRetry: 0}
  spare: {type: feishu_app, appId: a, appSecret: b}
`))
	require.NoError(t, err)
	registry, err := cfg.Registry(noneLeftOut(t))
	require.NoError(t, err)
	defaults := settings.Settings{Defaults: cfg.Defaults, Registry: registry}
	for i, want := range []struct {
		name                     string
		weight, retries, timeout int
		waits                    []int
	}{{"b", 0, 0, 20, []int{30, 120, 300}}, {"a", 3, 5, 7, []int{1, 2}}} {
		p := registry.List("feishu_app")[i]
		tries := defaults.TriesOf(p)
		require.Equal(t, want.name, p.Name)
		require.Equal(t, want.weight, p.Weight)
		require.Equal(t, want.retries, tries.MaxRetry)
		require.Equal(t, want.timeout, tries.TimeoutSeconds)
		require.Equal(t, want.waits, tries.RetryBackoffSeconds)
	}
	spare, _ := registry.Named("spare")
	require.Equal(t, 5, defaults.TriesOf(spare).MaxRetry, "a spare is of the channel, too")
	require.Equal(t, 30*time.Second, defaults.LongestTimeout())
	require.Contains(t, cfg.Redacted(), "- name: a\n")
}
