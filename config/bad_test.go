package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// bad holds the problems of each testdata/conf.NAME.yml, without the file's name.
// Every secret and every misplaced value in those files contains "canary".
var bad = map[string][]string{
	"alias": {
		":3: anchors, aliases, tags, directives and complex keys are not supported",
	},
	"auth-without-credentials": {
		":1: auth.credentialsFilePath: is required while auth.enabled is true",
	},
	"bad-oidc": {
		":13: console.oidc.access[2]: must be a mapping of keys to values",
		":14: console.oidc.groups: unknown key",
		":3: console.oidc.clientId: is required",
		":6: console.oidc.claim: is required",
		":4: console.oidc.issuer: must begin with https://, because the client's secret would travel in the clear",
		":5: console.oidc.clientSecret: is a placeholder: put the secret in its place",
		":7: console.oidc.scopes[1]: is required",
		":9: console.oidc.access[0].app: is required",
		":10: console.oidc.access[0].roles[0]: must be one of send, templates, admin",
		":11: console.oidc.access[1].value: is required",
		":12: console.oidc.access[1].roles: must have at least one element; leave it out for the app's own",
	},
	"bad-on-uncertain": {
		":8: providers.feishu.onUncertain: must be resend or hold",
	},
	"bad-rate-limit": {
		":9: providers.feishu.rateLimit.perSecond: must be from 0 to 1000000",
	},
	"channel-with-provider-of-another": {
		":6: channels.sms.provider: provider feishu is of type feishu_app, which serves the channel feishu_app",
	},
	"channel-with-unknown-provider": {
		":6: channels.feishu_app.provider: there is no provider of that name",
	},
	"channel-without-provider": {
		":4: channels.feishu_app.provider: is required while the channel is enabled (or providers)",
	},
	"colon-in-the-wrong-place": {
		":4: database.(not a plain name): unknown key",
	},
	"duplicate-key": {
		":6: database.password: is given twice",
	},
	"duplicate-provider": {
		":8: providers.feishu: is given twice",
	},
	"empty-backoff": {
		":4: defaults.retryBackoffSeconds: must have at least one element",
	},
	"file-missing": {
		":7: providers.feishu.appSecretFile: cannot be read: no such file or directory",
		":9: database.passwordFile: cannot be read: is a directory",
	},
	"file-of-plain-key": {
		":4: database.hostFile: unknown key",
	},
	"invalid-provider-value": {
		":8: providers.feishu.receiveIdType: must be open_id",
	},
	"oidc-without-access": {
		":3: console.oidc.issuer: is required",
		":3: console.oidc.access: is required: without an entry nobody is let in",
	},
	"merge": {
		":4: anchors, aliases, tags, directives and complex keys are not supported",
	},
	"missing-provider-keys": {
		":6: providers.unused.appId: is required",
		":4: providers.unused.appSecret: is required",
	},
	"not-a-mapping": {
		":1: must be a mapping of keys to values",
	},
	"out-of-range": {
		":4: server.address: must be host:port or :port, with a port from 0 to 65535",
		":5: server.readTimeout: must be more than 0",
		":6: server.writeTimeout: must be more than 0",
		":7: server.idleTimeout: must be more than 0",
		":10: database.host: is required",
		":9: database.port: must be from 1 to 65535",
		":11: database.sslMode: must be one of disable, allow, prefer, require, verify-ca, verify-full",
		":12: database.maxOpenConns: must be from 1 to 10000",
		":13: database.maxIdleConns: must be from 0 to 10000",
		":14: database.connMaxLifetime: must be more than 0",
		":16: logging.level: must be one of debug, info, warn, error",
		":17: logging.format: must be one of json, console",
		":19: dispatcher.interval: must be at least 100ms",
		":20: dispatcher.batchSize: must be from 1 to 1000",
		":18: dispatcher.leaseTimeout: must be at least defaults.timeoutSeconds + 10s",
		":22: defaults.maxRetry: must be from 0 to 20",
		":23: defaults.retryBackoffSeconds[1]: must be from 0 to 86400",
		":24: defaults.timeoutSeconds: must be from 1 to 300",
		":25: defaults.maxRecipients: must be from 1 to 10000",
		":27: metrics.address: must be host:port or :port, with a port from 0 to 65535",
		":29: tracing.endpoint: must be a URL such as http://collector:4318",
	},
	"provider-name": {
		":4: providers.(not a plain name): a provider's name has letters, digits, '.', '_' and '-', at most 64",
	},
	"provider-without-type": {
		":4: providers.feishu.type: is required; there are: feishu_app, test_sms",
		":6: providers.empty.type: is required; there are: feishu_app, test_sms",
	},
	"escalation": {
		":29: integrations.receivers.nobody.escalation[0].channels.feishu_app: no recipient fits; it takes feishu_user_id, email",
		":29: integrations.receivers.nobody.escalation[0].recipients[0].type: fits none of the receiver's channels",
		":19: integrations.receivers.order.escalation[1].after: must not be less than that of the step before",
		":39: integrations.receivers.repeat.repeat: repeats the steps of escalation, and there are none",
		":24: integrations.receivers.unknown.escalation[0].channels.carrier_pigeon: unknown channel; there are: feishu_app, sms",
		":35: integrations.receivers.urgent.escalation[1].urgent: is none of app, sms, phone",
	},
	"receivers": {
		":33: integrations.receivers.unknown-keys.channel: unknown key",
		":35: integrations.receivers.unknown-keys.channels.feishu_app.params: unknown key",
		":36: integrations.receivers.unknown-keys.recipients[0].name: unknown key",
		":44: integrations.receiver: unknown key",
		":8: integrations.receivers.empty.channels: is required",
		":8: integrations.receivers.empty.recipients: is required, unless each channel has its own",
		":11: integrations.receivers.no-template.channels.feishu_app.template: is required",
		":29: integrations.receivers.nobody-fits.channels.feishu_app: no recipient fits; it takes feishu_user_id, email",
		":31: integrations.receivers.nobody-fits.recipients[0].type: fits none of the receiver's channels",
		":42: integrations.receivers.own-lists.channels.feishu_app.mention[0].value: is required",
		":42: integrations.receivers.own-lists.channels.feishu_app.mention[1].type: fits none of the receiver's channels",
		":41: integrations.receivers.own-lists.channels.feishu_app.recipients[0].type: fits none of the receiver's channels",
		":43: integrations.receivers.own-lists.recipients: must have at least one element; leave it out otherwise",
		":15: integrations.receivers.wrong-channels.channels.carrier_pigeon: unknown channel; there are: feishu_app, sms",
		":16: integrations.receivers.wrong-channels.channels.sms: this channel is not enabled",
		":22: integrations.receivers.wrong-recipients.recipients[0].type: fits none of the receiver's channels",
		":23: integrations.receivers.wrong-recipients.recipients[1].value: is not a plain e-mail address such as alice@example.com",
		":24: integrations.receivers.wrong-recipients.recipients[2].type: fits none of the receiver's channels",
		":25: integrations.receivers.wrong-recipients.recipients[3].type: is required",
		":26: integrations.receivers.wrong-recipients.recipients[4].value: is required",
	},
	"short-lease": {
		":4: dispatcher.leaseTimeout: must be at least defaults.timeoutSeconds + 10s",
	},
	"short-lease-of-provider": {
		":4: dispatcher.leaseTimeout: must be at least providers.spare.timeoutSeconds + 10s",
	},
	"two-providers": {
		":7: channels.feishu_app.providers: give provider or providers, not both",
		":8: channels.sms.provider: is required while the channel is enabled (or providers)",
	},
	"list-of-providers": {
		":12: channels.feishu_app.providers[5].share: unknown key",
		":13: channels.feishu_app.providers[6]: must be a mapping of keys to values",
		":8: channels.feishu_app.providers[1]: there is no provider of that name",
		":9: channels.feishu_app.providers[2]: provider feishu is given twice",
		":10: channels.feishu_app.providers[3].weight: must be from 0 to 1000",
		":10: channels.feishu_app.providers[3]: provider sms is of type test_sms, which serves the channel sms",
		":11: channels.feishu_app.providers[4].name: is required",
	},
	"tries": {
		":11: channels.sms.maxRetry: must be a whole number",
		": dispatcher.leaseTimeout: must be at least providers.feishu.timeoutSeconds + 10s",
		":7: channels.feishu_app.maxRetry: must be from 0 to 20",
		":8: channels.feishu_app.retryBackoffSeconds: must have at least one element",
		":9: channels.feishu_app.timeoutSeconds: must be from 1 to 300",
		":17: providers.feishu.maxRetry: must be from 0 to 20",
		":18: providers.feishu.retryBackoffSeconds[1]: must be from 0 to 86400",
		":19: providers.feishu.timeoutSeconds: must be from 1 to 300",
	},
	"sqlite-without-path": {
		":3: database.path: is required",
	},
	"syntax-quote": {
		":4: not valid YAML: could not find end character of double-quoted text",
	},
	"syntax": {
		":5: not valid YAML: non-map value is specified",
	},
	"tag": {
		":4: anchors, aliases, tags, directives and complex keys are not supported",
	},
	"locales": {
		":5: templates.requiredLocales[1]: must be written as zh-CN",
		":6: templates.requiredLocales[2]: is not a language tag (BCP 47), such as zh, en or zh-Hant",
	},
	"trusted-proxies": {
		":5: server.trustedProxies[1]: must be a network such as 10.0.0.0/8, or an address",
		":6: server.trustedProxies[2]: must not be everything: then anybody could choose an address",
		":7: server.trustedProxies[3]: must be written as IPv4",
	},
	"two-documents": {
		":4: only one YAML document is allowed",
	},
	"unknown-channel-key": {
		":5: channels.feishu_app.enable: unknown key",
	},
	"unknown-channel": {
		":4: channels.carrier_pigeon: unknown channel; there are: feishu_app, sms",
	},
	"unknown-driver": {
		":4: database.driver: must be one of postgres, sqlite",
	},
	"unknown-key": {
		":4: server.adress: unknown key",
		":7: database.poolMode: unknown key",
	},
	"unknown-provider-key": {
		":8: providers.feishu.appSecrt: unknown key",
		":10: providers.feishu.nested.wrong: unknown key",
	},
	"unknown-provider-type": {
		":5: providers.feishu.type: unknown provider type; there are: feishu_app, test_sms",
	},
	"unknown-pooling": {
		":4: database.pooling: must be one of session, transaction",
	},
	"unknown-section": {
		":3: servers: unknown key",
	},
	"value-and-file": {
		":8: providers.feishu.appSecretFile: give appSecret or appSecretFile, not both",
		":10: database.password: give password or passwordFile, not both",
	},
	"variable-empty": {
		":7: providers.feishu.appSecret: is required",
	},
	"variable-malformed": {
		":6: providers.feishu.appId: has ${ that begins no ${VARIABLE}; write $${ for the characters themselves",
		":7: providers.feishu.appSecret: has ${ that begins no ${VARIABLE}; write $${ for the characters themselves",
	},
	"variable-not-set": {
		":7: providers.feishu.appSecret: environment variable NOT_SET_ANYWHERE is not set",
	},
	"wrong-types": {
		`:4: server.readTimeout: must be a duration with its unit, such as "30s"`,
		`:5: server.writeTimeout: must be a duration with its unit, such as "30s"`,
		":7: database.port: must be a whole number",
		":8: database.password: must be a text",
		":10: dispatcher.enabled: must be true or false",
		":11: dispatcher.batchSize: must be a whole number",
		":13: defaults.retryBackoffSeconds[1]: must be a whole number",
		":14: defaults.maxRetry: must be a whole number",
		":15: logging: must be a mapping of keys to values",
		":16: channels: must be a mapping of keys to values",
		":19: providers.feishu: must be a mapping of keys to values",
	},
}

func TestBadFilesAreRefusedWithKeyAndLine(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/conf.*.yml")
	require.NoError(t, err)
	require.Len(t, files, len(bad)+1, "each file but conf.good.yml has its problems listed here")
	for name, want := range bad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := "testdata/conf." + name + ".yml"
			cfg, err := load(path)
			require.Error(t, err)
			require.Nil(t, cfg)
			var lines []string
			for _, line := range strings.Split(err.Error(), "\n") {
				lines = append(lines, strings.TrimPrefix(line, path))
			}
			require.Equal(t, want, lines)
			require.NotContains(t, err.Error(), "canary")
		})
	}
}

func TestFilesThatWouldKeepTheParserBusyAreRefused(t *testing.T) {
	t.Parallel()
	const size = 1 << 19
	for name, text := range map[string]string{
		"lists in lists":        strings.Repeat("[", size),
		"lists on many lines":   strings.Repeat("[\n", 5000),
		"mappings in mappings":  strings.Repeat("{a: ", 4000),
		"entries in entries":    strings.Repeat("- ", 4000),
		"keys in keys":          strings.Repeat("? ", 4000),
		"mappings on a line":    strings.Repeat("a: ", 4000),
		"many keys":             strings.Repeat("key: value\n", size/11),
		"many tags":             strings.Repeat("!a ", 4000),
		"aliases that multiply": "a: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(write(t, "server:\n  address: "+text))
			require.Error(t, err)
		})
	}
}
