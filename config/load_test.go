package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/config"
	"github.com/labring/sealos-notify/jobs"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

// fileEnv is the environment of the files in testdata.
var fileEnv = map[string]string{"APP_ID": "cli_$$x", "SECRETS": "testdata", "FLAG": "true", "EMPTY": ""}

func load(path string) (*config.Config, error) {
	return config.Loader{Path: path, Types: types, Env: fileEnv}.Load()
}

// write makes a configuration file with authentication off.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte("auth: {enabled: false}\n"+text), 0o600))
	return path
}

func TestLoadsEveryKey(t *testing.T) {
	t.Parallel()
	cfg, err := load("testdata/conf.good.yml")
	require.NoError(t, err)

	require.Equal(t, api.ServerConfig{
		Address: "127.0.0.1:9090", ReadTimeout: 90 * time.Second, WriteTimeout: 31 * time.Second, IdleTimeout: 61 * time.Second,
		PublicURL: "https://notify.example.com/n", TrustedProxies: []string{"10.0.0.0/8", "2001:db8::1"},
	}, cfg.Server)
	require.Equal(t, store.Config{
		Driver: "sqlite", Host: "db", Port: 5433, User: "0123", Password: "from a file $${APP_ID}", DBName: "notify",
		SSLMode: "verify-full", MaxOpenConns: 26, MaxIdleConns: 6, ConnMaxLifetime: 6 * time.Minute, Pooling: "transaction", Path: "notify.db",
	}, cfg.Database)
	require.Equal(t, config.Logging{Level: "debug", Format: "console"}, cfg.Logging)
	require.Equal(t, jobs.Dispatcher{
		Enabled: false, Interval: 11 * time.Second, BatchSize: 101, LeaseTimeout: 41 * time.Second,
	}, cfg.Dispatcher)
	require.Equal(t, api.AuthConfig{Enabled: true, CredentialsFilePath: "testdata/apps.yaml"}, cfg.Auth)
	require.Equal(t, settings.Defaults{
		MaxRetry: 0, RetryBackoffSeconds: []int{0, 60}, TimeoutSeconds: 31, MaxRecipients: 100, SuppressDays: 0,
	}, cfg.Defaults)
	require.Equal(t, settings.Templates{RequiredLocales: []string{"zh", "en"}}, cfg.Templates)
	require.True(t, cfg.Endpoints.AllowPrivateNetworks)
	require.Equal(t, config.Metrics{Address: "127.0.0.1:9091"}, cfg.Metrics)
	require.Equal(t, config.Tracing{Endpoint: "https://collector:4318"}, cfg.Tracing)
	require.Equal(t, map[string]config.Channel{
		"feishu_app": {Enabled: true, Provider: "feishu.app-urgent"},
		"sms":        {Provider: "not-there-yet"},
	}, cfg.Channels)

	app := &appConfig{
		CommonConfig:  channels.CommonConfig{Type: "feishu_app", OnUncertain: channels.Hold},
		AppID:         "cli_$$x",
		AppSecret:     "from a file $${APP_ID}",
		ReceiveIDType: "open_id",
		BaseURL:       "https://open.feishu.cn",
		Tokens:        []string{"acli_$$x", "$b$"},
	}
	app.Nested.PerSecond, app.Nested.Token, app.Nested.Enabled = 2.5, "nested-secret", true
	require.Len(t, cfg.Providers, 2)
	require.Equal(t, app, cfg.Providers["feishu.app-urgent"].Config)
	require.Equal(t, "feishu_app", cfg.Providers["feishu.app-urgent"].Type.Name)
	require.Equal(t, &smsConfig{
		CommonConfig: channels.CommonConfig{Type: "test_sms"}, Key: "two\nlines\n", Port: 465, CAFile: "/etc/ca.pem",
		Labels: map[string]string{"region": "cli_$$x"},
	}, cfg.Providers["sms"].Config)
	require.Equal(t, map[string]api.Receiver{"On call / 值班": {
		Channels:   map[string]api.ReceiverChannel{"feishu_app": {Template: "alert"}},
		Recipients: []api.ReceiverRecipient{{Type: "feishu_user_id", Value: "ou_canary"}, {Type: "email", Value: "oncall@example.com"}},
	}}, cfg.Integrations.Receivers)
}

func TestDefaultsHoldWhereNothingIsGiven(t *testing.T) {
	t.Parallel()
	want := config.Default()
	want.Auth.Enabled = false
	for name, text := range map[string]string{
		"no key":             "",
		"keys without value": "server:\ndatabase:\n  port:\n  password: ~\nchannels:\nproviders:\n",
		"comments only":      "# nothing\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := load(write(t, text))
			require.NoError(t, err)
			require.Equal(t, want, cfg)
		})
	}
	t.Run("no file", func(t *testing.T) {
		t.Parallel()
		cfg, err := config.Loader{Env: map[string]string{"AUTH_ENABLED": "false"}}.Load()
		require.NoError(t, err)
		require.Equal(t, want, cfg)
	})
}

func TestFlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	t.Parallel()
	path := write(t, "server: {address: ':1', readTimeout: 1s, writeTimeout: 1s}\ndatabase: {host: file, password: file}\n")
	cfg, err := config.Loader{
		Path: path,
		Env: map[string]string{
			"SERVER_ADDRESS": ":2", "SERVER_READ_TIMEOUT": "2s", "SERVER_WRITE_TIMEOUT": "",
			"DATABASE_PASSWORD": "environment", "LOGGING_LEVEL": "warn", "DISPATCHER_ENABLED": "false",
			"AUTH_CREDENTIALS_FILE_PATH": "apps.yaml", "DEFAULTS_RETRY_BACKOFF_SECONDS": "1, 2,3",
			"SERVER_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.7",
		},
		Override: func(c *config.Config) { c.Server.Address = ":3" },
	}.Load()
	require.NoError(t, err)
	require.Equal(t, ":3", cfg.Server.Address)
	require.Equal(t, 2*time.Second, cfg.Server.ReadTimeout)
	require.Equal(t, time.Second, cfg.Server.WriteTimeout, "an empty variable counts as not set")
	require.Equal(t, 60*time.Second, cfg.Server.IdleTimeout)
	require.Equal(t, "file", cfg.Database.Host)
	require.Equal(t, "environment", cfg.Database.Password)
	require.Equal(t, "warn", cfg.Logging.Level)
	require.False(t, cfg.Dispatcher.Enabled)
	require.Equal(t, "apps.yaml", cfg.Auth.CredentialsFilePath)
	require.Equal(t, []int{1, 2, 3}, cfg.Defaults.RetryBackoffSeconds)
	require.Equal(t, []string{"10.0.0.0/8", "192.0.2.7"}, cfg.Server.TrustedProxies)
}

func TestProblemsNameTheVariableOrTheCommandLine(t *testing.T) {
	t.Parallel()
	_, err := config.Loader{
		Path: write(t, "dispatcher: {batchSize: 5000}\ndatabase: {port: x}\n"),
		Env: map[string]string{
			"DATABASE_PORT":                  "tcp://10.0.0.1:5432", // as Kubernetes sets for a Service called database
			"DATABASE_PASSWORD":              "canary",
			"DATABASE_PASSWORD_FILE":         "testdata/secret.txt",
			"DISPATCHER_BATCH_SIZE":          "0",
			"SERVER_IDLE_TIMEOUT":            "30",
			"DEFAULTS_RETRY_BACKOFF_SECONDS": "1,canary",
		},
		Override: func(c *config.Config) { c.Server.Address = "canary" },
	}.Load()
	require.Error(t, err)
	lines := strings.Split(err.Error(), "\n")
	require.Subset(t, lines, []string{
		"environment DATABASE_PORT: database.port: must be a whole number",
		"environment DATABASE_PASSWORD_FILE: database.password: set DATABASE_PASSWORD or DATABASE_PASSWORD_FILE, not both",
		"environment DISPATCHER_BATCH_SIZE: dispatcher.batchSize: must be from 1 to 1000",
		`environment SERVER_IDLE_TIMEOUT: server.idleTimeout: must be a duration with its unit, such as "30s"`,
		"environment DEFAULTS_RETRY_BACKOFF_SECONDS: defaults.retryBackoffSeconds: each element, separated by commas, must be a whole number",
		"command line: server.address: must be host:port or :port, with a port from 0 to 65535",
	})
	require.NotContains(t, err.Error(), "canary")
	require.NotContains(t, err.Error(), "10.0.0.1")
}

func TestDatabasePasswordFromFile(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "password")
	for content, want := range map[string]string{
		"s3cret": "s3cret", "s3cret\n": "s3cret", "s3cret\r\n": "s3cret", "s3cret\n\n": "s3cret\n", " s3cret ": " s3cret ",
		"\xef\xbb\xbfs3cret\r\n": "s3cret", // as Notepad saves it
	} {
		require.NoError(t, os.WriteFile(secret, []byte(content), 0o600))
		cfg, err := config.Loader{
			Path: write(t, "database: {password: from the config file}\n"),
			Env:  map[string]string{"DATABASE_PASSWORD_FILE": secret},
		}.Load()
		require.NoError(t, err)
		require.Equal(t, want, cfg.Database.Password, "%q", content)
	}

	for _, content := range []string{"", "\n", "\xef\xbb\xbf\r\n"} {
		require.NoError(t, os.WriteFile(secret, []byte(content), 0o600))
		_, err := config.Loader{Env: map[string]string{"AUTH_ENABLED": "false", "DATABASE_PASSWORD_FILE": secret}}.Load()
		require.EqualError(t, err, "environment DATABASE_PASSWORD_FILE: database.password: the file is empty", "%q", content)
	}

	_, err := config.Loader{Env: map[string]string{"AUTH_ENABLED": "false", "DATABASE_PASSWORD_FILE": "canary"}}.Load()
	require.EqualError(t, err,
		"environment DATABASE_PASSWORD_FILE: database.password: cannot be read: no such file or directory")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestDollarsInProviderTexts(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"plain": "plain", "a$b": "a$b", "$": "$", "$$": "$", "$$$": "$$", "$${APP_ID}": "${APP_ID}", "x${APP_ID}y": "xcli_$$xy",
		"${EMPTY}z": "z", "$APP_ID": "$APP_ID", "a}b": "a}b",
	} {
		cfg, err := load(write(t, "providers: {p: {type: feishu_app, appId: '"+written+"', appSecret: s}}\n"))
		require.NoError(t, err, written)
		require.Equal(t, want, cfg.Providers["p"].Config.(*appConfig).AppID, written)
	}
}

func TestOtherSectionsKeepTheirDollars(t *testing.T) {
	t.Parallel()
	cfg, err := load(write(t, "database: {password: 'a$$b${c'}\n"))
	require.NoError(t, err)
	require.Equal(t, "a$$b${c", cfg.Database.Password)
}

func TestConfigFileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	_, err := config.Loader{Path: "nowhere.yaml", Env: map[string]string{"AUTH_ENABLED": "false"}}.Load()
	require.EqualError(t, err, "nowhere.yaml: cannot be read: no such file or directory")
	require.ErrorIs(t, err, os.ErrNotExist)

	large := write(t, "#"+strings.Repeat("x", 1<<20))
	_, err = config.Loader{Path: large, Env: map[string]string{"AUTH_ENABLED": "false"}}.Load()
	require.EqualError(t, err, large+": is larger than 1048576 bytes")
}

func TestReloadKeepsWhatNeedsARestart(t *testing.T) {
	t.Parallel()
	running, err := load(write(t, ""))
	require.NoError(t, err)

	next := config.Loader{Types: types, Env: fileEnv, Path: write(t, `
server: {address: ":9"}
database: {password: new, host: other}
dispatcher: {leaseTimeout: 1m}
logging: {level: debug, format: console}
`)}
	checked, err := next.Check(running)
	require.NoError(t, err)
	require.Equal(t, []string{"server.address", "database.host", "dispatcher.leaseTimeout", "logging.format"}, checked.RestartNeeded)
	require.Equal(t, running.Server, checked.Server)
	require.Equal(t, running.Database.Host, checked.Database.Host)
	require.Equal(t, "new", checked.Database.Password, "passwords are renewed while the service runs")
	require.Equal(t, running.Dispatcher, checked.Dispatcher)
	require.Equal(t, config.Logging{Level: "debug", Format: "json"}, checked.Logging)
	again, err := next.Check(checked.Config)
	require.NoError(t, err)
	require.Equal(t, checked.RestartNeeded, again.RestartNeeded, "they are named at the next reload too")

	path := write(t, "dispatcher: {leaseTimeout: 10m}\ndefaults:\n  timeoutSeconds: 300\n")
	checked, err = config.Loader{Path: path, Env: fileEnv}.Check(running)
	require.EqualError(t, err,
		path+":4: defaults.timeoutSeconds: is too long for the running dispatcher.leaseTimeout: restart")
	require.Nil(t, checked)
}

func TestReloadOfABrokenFileSaysOnlyThat(t *testing.T) {
	t.Parallel()
	running, err := load(write(t, "dispatcher: {leaseTimeout: 15s}\ndefaults: {timeoutSeconds: 5}\n"))
	require.NoError(t, err)
	path := write(t, "server: {\n")
	checked, err := config.Loader{Path: path, Env: fileEnv}.Check(running)
	require.ErrorContains(t, err, path+":2: not valid YAML: ")
	require.NotContains(t, err.Error(), "\n")
	require.Nil(t, checked)
}

// A link in a mail is https, and fits into one line of the mail's header.
func TestPublicURL(t *testing.T) {
	t.Parallel()
	for _, good := range []string{`""`, "https://notify.example.com", "https://notify.example.com:8443/sub/", "https://[2001:db8::1]/"} {
		_, err := load(write(t, "server: {publicUrl: "+strconv.Quote(strings.Trim(good, `"`))+"}\n"))
		require.NoError(t, err, good)
	}
	for _, bad := range []string{
		"http://notify.example.com", "notify.example.com", "https://", "https://u:p@notify.example.com", "https://notify.example.com/?a=b",
		"https://notify.example.com/#a", "https://例子.cn", "https://notify.example.com/a b", "https://notify.example.com/<a>",
		"mailto:a@example.com", "https://notify.example.com/" + strings.Repeat("a", 200),
	} {
		_, err := load(write(t, "server: {publicUrl: "+strconv.Quote(bad)+"}\n"))
		require.ErrorContains(t, err, "server.publicUrl: must ", bad)
	}
	_, err := load(write(t, "defaults: {suppressDays: -1}\n"))
	require.ErrorContains(t, err, "defaults.suppressDays: must be from 0 to 3650")
}

// Whatever is refused of a receiver when an alert comes is refused before.
func TestReceiversAreCheckedByTheirProviders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ receiver, problem string }{
		"address": {`{channels: {sms: {template: t}}, recipients: [{type: phone, value: "+8613800000000"}, {type: phone, value: "+12015550123"}]}`,
			"integrations.receivers.x.recipients[1].value: sms: is in another country"},
		"reminders": {`{remindAfter: -1s, channels: {sms: {template: t}}, recipients: [{type: phone, value: "+8613800000000"}]}`,
			"integrations.receivers.x.remindAfter: must not be negative"},
		"language": {`{locale: EN, channels: {sms: {template: t}}, recipients: [{type: phone, value: "+8613800000000"}]}`,
			"integrations.receivers.x.locale: must be written as en"},
		"recipients": {`{channels: {feishu_app: {template: t}}, recipients: [{type: email, value: a@example.com}, {type: email, value: b@example.com},
			{type: email, value: c@example.com}]}`, "integrations.receivers.x.recipients: are 3; at most 2 (defaults.maxRecipients)"},
		"recipients of all lists": {`{channels: {feishu_app: {template: t}, sms: {template: t, recipients: [{type: phone, value: "+8613800000000"}]}},
			recipients: [{type: email, value: a@example.com}, {type: email, value: b@example.com}]}`, "integrations.receivers.x.recipients: are 3; at most 2"},
		"own address": {`{channels: {sms: {template: t, recipients: [{type: phone, value: "+12015550123"}]}}}`,
			"integrations.receivers.x.channels.sms.recipients[0].value: sms: is in another country"},
		"mention": {`{channels: {sms: {template: t, mention: [{type: phone, value: "+8613800000000"}]}}, recipients: [{type: phone, value: "+8613800000000"}]}`,
			"integrations.receivers.x.channels.sms.mention[0]: cannot be mentioned: messages of this channel mention nobody"},
	} {
		path := write(t, `
defaults: {maxRecipients: 2}
channels: {feishu_app: {enabled: true, provider: feishu}, sms: {enabled: true, provider: sms}}
providers: {feishu: {type: feishu_app, appId: a, appSecret: b}, sms: {type: test_sms}}
integrations: {receivers: {x: `+c.receiver+`}}`)
		_, err := config.Loader{Path: path, Types: types, Env: map[string]string{}}.Check(nil)
		require.ErrorContains(t, err, c.problem, name)
		require.Len(t, strings.Split(err.Error(), "\n"), 1, name)
	}
}

// Two receivers reach two groups. A group that no provider has is refused, and so are one whose
// apps are not there and a bot with a placeholder for its token.
func TestReceiversOfGroups(t *testing.T) {
	t.Parallel()
	credentials := filepath.Join(t.TempDir(), "apps.yaml")
	require.NoError(t, os.WriteFile(credentials, []byte("apps: [{appId: known, appSecret: s}]"), 0o600))
	check := func(apps, hook, group string) (*config.Checked, error) {
		bot := `type: feishu_webhook, webhookUrl: "https://open.feishu.cn/open-apis/bot/v2/hook/`
		path := filepath.Join(t.TempDir(), "config.yaml")
		require.NoError(t, os.WriteFile(path, []byte(fmt.Sprintf(`
auth: {credentialsFilePath: %q}
channels: {feishu_webhook: {enabled: true, provider: main}}
providers: {main: {%s7d1e"}, team-a: {%s%s"%s}, team-b: {%s7d1f"}, other: {type: feishu_app, appId: a, appSecret: b}}
integrations: {receivers: {a: {channels: {feishu_webhook: {template: t, recipients: [{type: feishu_group, value: team-a}]}}},
  b: {channels: {feishu_webhook: {template: t, mention: [{type: feishu_user_id, value: ou_1}]}}, recipients: [{type: feishu_group, value: %s}]}}}`,
			credentials, bot, bot, hook, apps, bot, group)), 0o600))
		return config.Loader{Types: builtin.Types(), Env: map[string]string{}, Path: path}.Check(nil)
	}
	checked, err := check(", apps: [known]", "7d1g", "team-b")
	require.NoError(t, err)
	var used []string
	for _, p := range checked.Registry.InUse() {
		used = append(used, p.Name)
	}
	require.Equal(t, []string{"main", "team-a", "team-b"}, used)
	for problem, c := range map[string][3]string{
		"integrations.receivers.b.recipients[0].value: there is no provider of that name for the channel feishu_webhook": {"", "7d1g", "team-c"},
		"there is no provider of that name":                                    {"", "7d1g", "other"},
		"providers.team-a.apps[0]: the credentials file has no app of that id": {", apps: [gone]", "7d1g", "team-b"},
		"providers.team-a.apps: must have at least one element; leave it out":  {", apps: []", "7d1g", "team-b"},
		"providers.team-a.secret: is a placeholder":                            {", secret: CHANGE_ME", "7d1g", "team-b"},
	} {
		_, err := check(c[0], c[1], c[2])
		require.ErrorContains(t, err, problem)
		require.NotContains(t, err.Error(), "\n")
	}
}

// A message to one user mentions nobody.
func TestReceiverThatMentionsInAPrivateMessage(t *testing.T) {
	t.Parallel()
	check := func(to string) error {
		_, err := config.Loader{Types: builtin.Types(), Env: map[string]string{}, Path: write(t, `
channels: {feishu_app: {enabled: true, provider: app}}
providers: {app: {type: feishu_app, appId: a, appSecret: b}}
integrations: {receivers: {x: {channels: {feishu_app: {template: t, mention: [{type: feishu_user_id, value: ou_1}]}}, recipients: [`+to+`]}}}`)}.Check(nil)
		return err
	}
	require.NoError(t, check("{type: feishu_chat_id, value: oc_1}"))
	require.ErrorContains(t, check("{type: feishu_chat_id, value: oc_1}, {type: email, value: a@example.com}"),
		"integrations.receivers.x.channels.feishu_app.mention[0]: feishu_app: cannot be mentioned in a message to one user")
}

// The apps that may post to a receiver are in the credentials file, at the start, at every reload
// and in `config check`. While authentication is off there is none.
func TestAppsOfReceiversAreInTheCredentialsFile(t *testing.T) {
	t.Parallel()
	credentials := filepath.Join(t.TempDir(), "apps.yaml")
	require.NoError(t, os.WriteFile(credentials, []byte("apps: [{appId: known, appSecret: s}, {appId: off, appSecret: s, enabled: false}]"), 0o600))
	check := func(auth, apps string) error {
		path := filepath.Join(t.TempDir(), "config.yaml")
		require.NoError(t, os.WriteFile(path, []byte(`
auth: `+auth+`
channels: {feishu_app: {enabled: true, provider: feishu}}
providers: {feishu: {type: feishu_app, appId: a, appSecret: b}}
integrations: {receivers: {x: {channels: {feishu_app: {template: t}}, recipients: [{type: email, value: a@example.com}], apps: `+apps+`}}}`), 0o600))
		_, err := config.Loader{Path: path, Types: types, Env: map[string]string{}}.Check(nil)
		return err
	}
	on, off := fmt.Sprintf("{credentialsFilePath: %q}", credentials), "{enabled: false}"
	for _, good := range []string{"[known]", "[known, off]", ""} {
		require.NoError(t, check(on, good), good)
	}
	require.NoError(t, check(off, "[anything]"))
	err := check(on, "[known, gone]")
	require.ErrorContains(t, err, ":5: integrations.receivers.x.apps[1]: the credentials file has no app of that id")
	require.NotContains(t, err.Error(), "\n")
	err = check(`{credentialsFilePath: /nothing}`, "[gone]")
	require.ErrorContains(t, err, "auth.credentialsFilePath: cannot be read")
	require.NotContains(t, err.Error(), "\n", "what is in the file is not known")
	for _, auth := range []string{on, off} {
		require.ErrorContains(t, check(auth, "[]"), ":5: integrations.receivers.x.apps: must have at least one element")
		require.ErrorContains(t, check(auth, "known"), "integrations.receivers.x.apps: must be a list")
	}
}

// The client's secret comes from the file, the environment or a file of its own, as a provider's
// does, and is never shown. The apps that people act as are in the credentials file.
func TestSignOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	credentials := write("apps.yaml", "apps: [{appId: known, appSecret: s}]")
	secret := write("secret", "canary-secret\n")
	check := func(secret, app string) (*config.Checked, error) {
		path := write("config.yaml", fmt.Sprintf(`
auth: {credentialsFilePath: %q}
console: {oidc: {issuer: "https://login.example.com", clientId: notify, %s, access: [{value: ops, app: %s, roles: [send]}]}}`, credentials, secret, app))
		return config.Loader{Path: path, Types: types, Env: map[string]string{"OIDC": "canary-secret"}}.Check(nil)
	}
	for _, given := range []string{"clientSecret: canary-secret", `clientSecret: "${OIDC}"`, "clientSecretFile: " + secret} {
		c, err := check(given, "known")
		require.NoError(t, err, given)
		require.Equal(t, "canary-secret", c.Console.OIDC.ClientSecret)
		require.NotContains(t, c.Redacted(), "canary")
		require.Equal(t, []string{"email"}, c.Console.OIDC.Scopes, "the default")
	}
	_, err := check("clientSecret: canary-secret", "gone")
	require.ErrorContains(t, err, ":3: console.oidc.access[0].app: the credentials file has no app of that id")
}
