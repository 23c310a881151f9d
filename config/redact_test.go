package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/channels/email"
	"github.com/labring/sealos-notify/config"
)

func TestRedactedShowsWhatIsInEffectWithoutSecrets(t *testing.T) {
	t.Parallel()
	cfg, err := load("testdata/conf.good.yml")
	require.NoError(t, err)
	sections, providers, found := strings.Cut(cfg.Redacted(), "providers:\n")
	require.True(t, found)
	require.Equal(t, `server:
  address: 127.0.0.1:9090
  readTimeout: 1m30s
  writeTimeout: 31s
  idleTimeout: 1m1s
  publicUrl: https://notify.example.com/n
  trustedProxies:
  - 10.0.0.0/8
  - 2001:db8::1
database:
  driver: sqlite
  host: db
  port: 5433
  user: "0123"
  password: "***"
  dbname: notify
  sslMode: verify-full
  sslRootCert: ""
  sslCert: ""
  sslKey: ""
  maxOpenConns: 26
  maxIdleConns: 6
  connMaxLifetime: 6m
  pooling: transaction
  path: notify.db
logging:
  level: debug
  format: console
dispatcher:
  enabled: false
  interval: 11s
  batchSize: 101
  leaseTimeout: 41s
auth:
  enabled: true
  credentialsFilePath: testdata/apps.yaml
defaults:
  maxRetry: 0
  retryBackoffSeconds:
  - 0
  - 60
  timeoutSeconds: 31
  maxRecipients: 100
  suppressDays: 0
retention:
  days: 30
templates:
  requiredLocales:
  - zh
  - en
endpoints:
  key: "***"
  allowPrivateNetworks: true
metrics:
  address: 127.0.0.1:9091
tracing:
  endpoint: https://collector:4318
channels:
  feishu_app:
    enabled: true
    provider: feishu.app-urgent
  sms:
    enabled: false
    provider: not-there-yet
`, sections)
	for _, shown := range []string{
		"  feishu.app-urgent:\n    type: feishu_app\n    onUncertain: hold\n",
		"    appId: cli_$$x\n    appSecret: \"***\"\n    receiveIdType: open_id\n    baseUrl: https://open.feishu.cn\n",
		"    tokens: \"***\"\n    nested:\n      perSecond: 2.5\n      token: \"***\"\n      enabled: true\n",
		"  sms:\n    type: test_sms\n    onUncertain: \"\"\n",
		"          template: alert\n      recipients:\n      - type: feishu_user_id\n        value: \"***\"\n",
		"    key: \"***\"\n    port: 465\n    caFile: /etc/ca.pem\n    labels:\n      region: cli_$$x\n",
	} {
		require.Contains(t, providers, shown)
	}
}

func TestPrintingShowsNoSecret(t *testing.T) {
	t.Parallel()
	cfg, err := load(write(t, `
database: {password: canary}
providers: {p: {type: feishu_app, appId: shown, appSecret: canary, tokens: [canary], nested: {token: canary}}}
`))
	require.NoError(t, err)
	asJSON, err := json.Marshal(map[string]any{"pointer": cfg, "value": *cfg})
	require.NoError(t, err)
	for _, text := range []string{
		cfg.Redacted(), fmt.Sprint(cfg), fmt.Sprintf("%v %+v %#v %s %q", cfg, cfg, cfg, cfg, cfg),
		fmt.Sprintf("%v %+v %#v", *cfg, *cfg, []config.Config{*cfg}), string(asJSON),
	} {
		require.Contains(t, text, "shown")
		require.NotContains(t, text, "canary")
	}
}

// The keys of a mail provider that logs in by access tokens, as an operator gives them.
func TestMailProviderByAccessTokens(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("canary\n"), 0o600))
	for _, key := range []string{"clientSecret: ${SECRET}", "clientSecretFile: " + secret} {
		cfg, err := config.Loader{Types: builtin.Types(), Env: map[string]string{"SECRET": "canary"}, Path: write(t, `
providers:
  exchange:
    type: smtp
    host: smtp.office365.com
    username: notify@example.com
    from: Notify <notify@example.com>
    replyTo: help@example.com
    oauth:
      tokenUrl: https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token
      clientId: 11112222
      `+key+`
      scope: https://outlook.office365.com/.default
    headers:
      List-Unsubscribe: <mailto:leave@example.com>
`)}.Load()
		require.NoError(t, err)
		smtp := cfg.Providers["exchange"].Config.(*email.Config)
		require.Equal(t, "canary", smtp.OAuth.ClientSecret)
		require.Equal(t, map[string]string{"List-Unsubscribe": "<mailto:leave@example.com>"}, smtp.Headers)
		require.Contains(t, cfg.Redacted(), "      clientSecret: \"***\"\n")
		require.Contains(t, cfg.Redacted(), "    headers:\n      List-Unsubscribe: <mailto:leave@example.com>\n")
		require.NotContains(t, cfg.Redacted(), "canary")
	}
}

// What is wrong with a provider never shows a value, whatever key it stands for: a secret may be in
// the wrong place, and a refused reload writes the error to the log.
func TestProblemsOfProvidersShowNoValue(t *testing.T) {
	t.Parallel()
	example, err := config.Loader{Path: "../config.example.yaml", Types: builtin.Types(), Env: map[string]string{}}.Load()
	require.NoError(t, err)
	refused := map[string]bool{}
	for _, canary := range []string{"canary", "CANARY canary\n", "https://canary:canary@canary/%zz?canary#canary", "canary@canary@canary", "{canary", "-----BEGIN CANARY-----"} {
		for _, provider := range example.Providers {
			for _, path := range textsOf(reflect.TypeOf(provider.Config).Elem()) {
				c := reflect.New(reflect.TypeOf(provider.Config).Elem())
				c.Elem().Set(reflect.ValueOf(provider.Config).Elem())
				setText(c.Elem().FieldByIndex(path), canary)
				settings := c.Interface().(channels.Config)
				err := settings.Validate()
				if err == nil {
					_, err = settings.Open()
				}
				if err != nil {
					key := provider.Type.Name + "." + c.Elem().Type().FieldByIndex(path).Name
					refused[key] = true
					require.NotContains(t, strings.ToLower(err.Error()), "canary", key)
				}
			}
		}
	}
	require.Greater(t, len(refused), 15, "%v", refused)

	for _, key := range []string{"appSecret: s, receiveIdType", "appSecret: s, urgentType"} {
		_, err := config.Loader{Types: builtin.Types(), Env: map[string]string{"SECRET": "canary"}, Path: write(t,
			"providers: {p: {type: feishu_app, appId: a, "+key+": '${SECRET}'}}")}.Load()
		require.ErrorContains(t, err, "must be one of ")
		require.NotContains(t, err.Error(), "canary")
	}
}

// textsOf returns the places of all texts, lists of texts and maps with texts of a struct.
func textsOf(of reflect.Type) (places [][]int) {
	for _, f := range reflect.VisibleFields(of) {
		switch kind := f.Type.Kind(); {
		case kind == reflect.String, kind == reflect.Map, kind == reflect.Slice && f.Type.Elem().Kind() == reflect.String:
			places = append(places, f.Index)
		case kind == reflect.Struct:
			if !f.Anonymous {
				for _, within := range textsOf(f.Type) {
					places = append(places, append(append([]int{}, f.Index...), within...))
				}
			}
		}
	}
	return places
}

func setText(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.String {
			return // numbers hold no text
		}
		v.Set(reflect.ValueOf([]string{text}).Convert(v.Type()))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"X-Name": text}).Convert(v.Type()))
	}
}

// The headers of a webhook are secrets, and so is its address. Each may come from the environment.
func TestWebhookShowsNoSecret(t *testing.T) {
	t.Parallel()
	check := func(header string) (*config.Checked, error) {
		path := filepath.Join(t.TempDir(), "config.yaml")
		require.NoError(t, os.WriteFile(path, []byte(fmt.Sprintf(`
auth: {enabled: false}
channels: {webhook: {enabled: true, provider: tickets}}
providers: {tickets: {type: webhook, url: "https://tickets.example.com/canary-1?k=canary-2", allowedHosts: [tickets.example.com],
  authorization: "Bearer ${TOKEN}", headers: {X-Key: "%s"}, success: {path: $.code, value: "0"}}}`, header)), 0o600))
		return config.Loader{Types: builtin.Types(), Env: map[string]string{"TOKEN": "canary-3", "KEY": "canary-4"}, Path: path}.Check(nil)
	}
	checked, err := check("${KEY}")
	require.NoError(t, err)
	provider, on := checked.Registry.Provider("webhook")
	require.True(t, on)
	shown := checked.Redacted() + fmt.Sprint(provider.Settings)
	require.NotContains(t, shown, "canary")
	require.Contains(t, shown, "headers: \"***\"")
	require.Contains(t, shown, "{success.path $.code}")

	_, err = check("CHANGE_ME")
	require.ErrorContains(t, err, "providers.tickets.headers.X-Key: is a placeholder")
}
