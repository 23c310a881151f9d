package config_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/config"
)

// What people see of the providers in force has every key, spares too, and no secret: neither a
// key that is one, nor the token of a webhook's address, nor what an address may carry.
func TestSettingsOfProviders(t *testing.T) {
	t.Parallel()
	checked, err := config.Loader{Types: builtin.Types(), Path: write(t, `
database: {driver: sqlite, path: notify.db}
channels: {email: {enabled: true, provider: mail}, feishu_webhook: {enabled: true, provider: bot}}
providers:
  mail: {type: smtp, host: mail.example.com, username: notify, password: canary-1, from: notify@example.com, rateLimit: {perSecond: 5}, headers: {X-Team: a}}
  spare:
    type: smtp
    host: mail2.example.com
    username: notify
    from: notify@example.com
    oauth: {tokenUrl: "https://login.example.com/token?key=canary-2", clientId: id, clientSecret: canary-3}
  bot: {type: feishu_webhook, webhookUrl: "https://open.feishu.cn/open-apis/bot/v2/hook/canary-4", secret: canary-5}
`)}.Check(nil)
	require.NoError(t, err)
	settings := func(name string) map[string]string {
		p, known := checked.Registry.Named(name)
		require.True(t, known, name)
		require.NotContains(t, fmt.Sprint(p.Settings), "canary")
		byKey := map[string]string{}
		for _, s := range p.Settings {
			byKey[s.Key] = s.Value
		}
		require.Len(t, byKey, len(p.Settings), "a key stands once")
		return byKey
	}
	require.Subset(t, settings("mail"), map[string]string{
		"type": "smtp", "host": "mail.example.com", "password": "***", "rateLimit.perSecond": "5", "rateLimit.perMinute": "0", "headers.X-Team": "a",
		"maxConnections": "10", "useTLS": "false",
	})
	require.NotContains(t, settings("mail"), "helo", "a key without a value")
	require.Subset(t, settings("spare"), map[string]string{"oauth.clientSecret": "***", "oauth.tokenUrl": "https://login.example.com/token?***"})
	require.Subset(t, settings("bot"), map[string]string{
		"webhookUrl": "***", "secret": "***", "allowedHosts": "open.feishu.cn, open.larksuite.com", "rateLimit.perMinute": "100",
	})
}
