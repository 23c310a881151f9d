package sms_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/sms"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, newConfig().Validate())
	for _, tc := range []struct {
		change func(*sms.Config)
		key    string // the error names it; valid when empty
	}{
		{func(c *sms.Config) { c.Endpoint = "dysmsapi.ap-southeast-1.aliyuncs.com" }, ""},
		{func(c *sms.Config) { c.Endpoint = "http://127.0.0.1:8080" }, ""},
		{func(c *sms.Config) { c.Endpoint = "https://proxy.internal/" }, ""},
		{func(c *sms.Config) { c.Endpoint = "" }, "endpoint"},
		{func(c *sms.Config) { c.Endpoint = "ftp://host" }, "endpoint"},
		{func(c *sms.Config) { c.Endpoint = "https://host/path" }, "endpoint"},
		{func(c *sms.Config) { c.Endpoint = "http://user:" + accessKeySecret + "@host" }, "endpoint"},
		{func(c *sms.Config) { c.Countries = []string{"CN", "HK", "SG"} }, ""},
		{func(c *sms.Config) { c.Countries = nil }, "countries"},
		{func(c *sms.Config) { c.Countries = []string{"China"} }, "countries[0]"},
		{func(c *sms.Config) { c.Countries = []string{"86"} }, "countries[0]"},
	} {
		c := newConfig()
		tc.change(c)
		err := c.Validate()
		if tc.key == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, tc.key+":", "%+v", c.Countries)
		require.NotContains(t, err.Error(), accessKeySecret)
	}
}

func TestProvider(t *testing.T) {
	t.Parallel()
	p, err := channels.OpenProvider("aliyun-sms", sms.Type, newConfig())
	require.NoError(t, err)
	require.Equal(t, channels.Hold, p.OnUncertain)
	require.NotZero(t, p.Interval, "the vendor's own limit is the default")
}
