package voice_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/voice"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, newConfig().Validate())
	for _, tc := range []struct {
		change func(*voice.Config)
		key    string // the error names it; valid when empty
	}{
		{func(c *voice.Config) { c.Endpoint = "cloud-vms.example.com" }, ""},
		{func(c *voice.Config) { c.Endpoint = "http://127.0.0.1:8080" }, ""},
		{func(c *voice.Config) { c.Endpoint = "https://proxy.internal/" }, ""},
		{func(c *voice.Config) { c.Endpoint = "" }, "endpoint"},
		{func(c *voice.Config) { c.Endpoint = "ftp://host" }, "endpoint"},
		{func(c *voice.Config) { c.Endpoint = "https://host/path" }, "endpoint"},
		{func(c *voice.Config) { c.Endpoint = "http://user:" + accessKeySecret + "@host" }, "endpoint"},
		{func(c *voice.Config) { c.Countries = []string{"CN", "HK", "SG"} }, ""},
		{func(c *voice.Config) { c.PhoneParam = "object" }, ""},
		{func(c *voice.Config) { c.PhoneParam = "" }, "phoneParam"},
		{func(c *voice.Config) { c.PhoneParam = "String" }, "phoneParam"},
		{func(c *voice.Config) { c.Countries = nil }, "countries"},
		{func(c *voice.Config) { c.Countries = []string{"China"} }, "countries[0]"},
		{func(c *voice.Config) { c.Countries = []string{"86"} }, "countries[0]"},
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
	p, err := channels.OpenProvider("volcengine-vms", voice.Type, newConfig())
	require.NoError(t, err)
	require.Equal(t, channels.Hold, p.OnUncertain)
}
