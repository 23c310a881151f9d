package email_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/email"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, newConfig().Validate())
	noAccount := func(c *email.Config) { c.Username, c.Password = "", "" }
	for _, tc := range []struct {
		change func(*email.Config)
		key    string // the error names it; valid when empty
	}{
		{func(c *email.Config) { c.Host = "10.0.0.1" }, ""},
		{func(c *email.Config) { c.Host = "fd00::1" }, ""},
		{func(c *email.Config) { c.Host = "mail.example.com:587" }, "host"},
		{func(c *email.Config) { c.Host = "smtp://mail.example.com" }, "host"},
		{func(c *email.Config) { c.Host = "me@mail.example.com" }, "host"},
		{func(c *email.Config) { c.Host = "mail.example.com\n" }, "host"},
		{func(c *email.Config) { c.Port = 2525 }, ""},
		{func(c *email.Config) { c.Port = -1 }, "port"},
		{func(c *email.Config) { c.Port = 65536 }, "port"},
		{noAccount, ""},
		{func(c *email.Config) { c.Password = "" }, "username"},
		{func(c *email.Config) { c.Username = "" }, "username"},
		{func(c *email.Config) { c.From = "notify@example.com" }, ""},
		{func(c *email.Config) { c.From = "" }, "from"},
		{func(c *email.Config) { c.From = "Notify" }, "from"},
		{func(c *email.Config) { c.From = "a@example.com, b@example.com" }, "from"},
		{func(c *email.Config) { c.From = "a\r\n b <a@example.com>" }, "from"},
		{func(c *email.Config) { c.From = "=?utf-8?q?x=0D=0ABcc:_y?= <a@example.com>" }, "from"},
		{func(c *email.Config) { c.From = strings.Repeat("a", 1000) + "@example.com" }, "from"},
		{func(c *email.Config) { c.From = "a@foo_bar.例子.cn" }, "from"},
		{func(c *email.Config) { c.From = "通知 <通知@例子.cn>" }, ""},
		{func(c *email.Config) { c.UseTLS = true }, ""},
		{func(c *email.Config) { c.UseTLS, c.Port = true, 465 }, ""},
		{func(c *email.Config) { c.UseTLS, c.Port = true, 4465 }, ""},
		{func(c *email.Config) { c.UseTLS, c.Port = true, 587 }, "useTLS"},
		{func(c *email.Config) { c.UseTLS, c.Port = true, 25 }, "useTLS"},
		{func(c *email.Config) { c.Port = 465 }, "useTLS"},
		{func(c *email.Config) { c.StartTLS = "" }, "startTLS"},
		{func(c *email.Config) { c.StartTLS = "true" }, "startTLS"},
		{func(c *email.Config) { c.StartTLS = "off" }, "startTLS"},
		{func(c *email.Config) { c.StartTLS = "optional" }, "startTLS"},
		{func(c *email.Config) { c.StartTLS, c.UseTLS = "off", true }, ""},
		{func(c *email.Config) { c.StartTLS = "off"; noAccount(c) }, ""},
		{func(c *email.Config) { c.StartTLS, c.Host = "off", "localhost" }, ""},
		{func(c *email.Config) { c.StartTLS, c.Host = "optional", "::1" }, ""},
		{func(c *email.Config) { c.StartTLS, c.Host = "off", "127.0.0.1.example.com" }, "startTLS"},
		{func(c *email.Config) { c.MaxConnections = 1 }, ""},
		{func(c *email.Config) { c.MaxConnections = 0 }, "maxConnections"},
		{func(c *email.Config) { c.MaxConnections = -1 }, "maxConnections"},
		{func(c *email.Config) { c.MaxConnections = 1001 }, "maxConnections"},
		{func(c *email.Config) { c.Helo = "mx.example.org" }, ""},
		{func(c *email.Config) { c.Helo = "[10.0.0.1]" }, ""},
		{func(c *email.Config) { c.Helo = "[10.0.0]" }, "helo"},
		{func(c *email.Config) { c.Helo = "a b" }, "helo"},
		{func(c *email.Config) { c.Helo = "mx.example.org\r\nMAIL FROM:<>" }, "helo"},
		{func(c *email.Config) { c.Helo = "-" }, "helo"},
		{func(c *email.Config) { c.CA = "/etc/ssl/ca.pem" }, "ca"},
	} {
		c := newConfig()
		tc.change(c)
		err := c.Validate()
		if tc.key == "" {
			require.NoError(t, err, "%+v", c)
			continue
		}
		require.ErrorContains(t, err, tc.key+":", "%+v", c)
		require.NotContains(t, err.Error(), "canary")
	}
}

func TestProvider(t *testing.T) {
	t.Parallel()
	p, err := channels.OpenProvider("mail", email.Type, newConfig())
	require.NoError(t, err)
	require.Equal(t, channels.Resend, p.OnUncertain)
	require.Implements(t, (*channels.Prober)(nil), p.Sender)
	html, ok := email.Type.MsgType("html")
	require.True(t, ok)
	require.Equal(t, channels.FormatHTML, html.Format)
}
