package feishuapp_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/feishuapp"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, newConfig().Validate())
	for _, tc := range []struct {
		change func(*feishuapp.Config)
		key    string // the error names it; valid when empty
	}{
		{func(c *feishuapp.Config) { c.ReceiveIDType = "user_id" }, ""},
		{func(c *feishuapp.Config) { c.ReceiveIDType = "union_id" }, ""},
		{func(c *feishuapp.Config) { c.ReceiveIDType = "email" }, ""},
		{func(c *feishuapp.Config) { c.ReceiveIDType = "" }, "receiveIdType"},
		{func(c *feishuapp.Config) { c.ReceiveIDType = "chat_id" }, "receiveIdType"},
		{func(c *feishuapp.Config) { c.UrgentUserIDType = "union_id" }, ""},
		{func(c *feishuapp.Config) { c.UrgentUserIDType = "email" }, "urgentUserIdType"},
		{func(c *feishuapp.Config) { c.MsgType = "interactive" }, ""},
		{func(c *feishuapp.Config) { c.MsgType = "image" }, "msgType"},
		{func(c *feishuapp.Config) { c.MsgType = "" }, "msgType"},
		{func(c *feishuapp.Config) { c.UrgentType = "phone" }, ""},
		{func(c *feishuapp.Config) { c.UrgentType = "fax" }, "urgentType"},
		{func(c *feishuapp.Config) { c.BaseURL = "https://open.larksuite.com/" }, ""},
		{func(c *feishuapp.Config) { c.BaseURL = "http://127.0.0.1:8080/feishu" }, ""},
		{func(c *feishuapp.Config) { c.BaseURL = "http://[::1]:8080" }, ""},
		{func(c *feishuapp.Config) { c.BaseURL = "http://localhost:8080" }, ""},
		{func(c *feishuapp.Config) { c.BaseURL = "HTTP://127.1.2.3" }, ""},
		{func(c *feishuapp.Config) { c.BaseURL, c.AllowHTTP = "http://feishu.corp.example", true }, ""},
		{func(c *feishuapp.Config) { c.BaseURL = "http://feishu.corp.example" }, "baseUrl"},
		{func(c *feishuapp.Config) { c.BaseURL = "HTTP://open.feishu.cn" }, "baseUrl"},
		{func(c *feishuapp.Config) { c.BaseURL = "http://10.0.0.1" }, "baseUrl"},
		{func(c *feishuapp.Config) { c.BaseURL = "http://localhost.example.com" }, "baseUrl"},
		{func(c *feishuapp.Config) { c.BaseURL = "http://127.0.0.1.example.com" }, "baseUrl"},
		{func(c *feishuapp.Config) { c.BaseURL = "" }, "baseUrl"},
		{func(c *feishuapp.Config) { c.BaseURL = "open.feishu.cn" }, "baseUrl"},
		{func(c *feishuapp.Config) { c.BaseURL = "ftp://open.feishu.cn" }, "baseUrl"},
		{func(c *feishuapp.Config) { c.BaseURL = "https://" }, "baseUrl"},
		{func(c *feishuapp.Config) { c.BaseURL = "https://:443" }, "baseUrl"},
		{func(c *feishuapp.Config) { c.BaseURL = "http://user:" + appSecret + "@host" }, "baseUrl"},
		{func(c *feishuapp.Config) { c.BaseURL = "http://host:" + appSecret }, "baseUrl"},
		{func(c *feishuapp.Config) { c.BaseURL = "https://host/?a=b" }, "baseUrl"},
		{func(c *feishuapp.Config) { c.BaseURL = "https://host/#a" }, "baseUrl"},
	} {
		c := newConfig()
		tc.change(c)
		err := c.Validate()
		if tc.key == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, tc.key+":", "%+v", c)
		require.NotContains(t, err.Error(), appSecret)
	}
}

func TestProvider(t *testing.T) {
	t.Parallel()
	c := newConfig()
	c.MsgType = "post"
	p, err := channels.OpenProvider("feishu", feishuapp.Type, c)
	require.NoError(t, err)
	require.Equal(t, "post", p.MsgType)
	require.Equal(t, channels.Resend, p.OnUncertain)

	c.OnUncertain = channels.Hold
	p, err = channels.OpenProvider("feishu", feishuapp.Type, c)
	require.NoError(t, err)
	require.Equal(t, channels.Hold, p.OnUncertain)
}
