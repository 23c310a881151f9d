package channels_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
)

func TestRegistry(t *testing.T) {
	t.Parallel()
	mail, sms := channels.Type{Name: "smtp", Channel: "email"}, channels.Type{Name: "aliyun_sms", Channel: "sms"}
	r := channels.NewRegistry(map[string]channels.Provider{
		"email": {Name: "mail", Type: mail}, "sms": {Name: "aliyun", Type: sms},
	}, channels.Provider{Name: "backup", Type: mail})
	require.Equal(t, []string{"email", "sms"}, r.Channels())
	require.Equal(t, []string{"backup", "mail"}, r.Providers("email"))
	require.Equal(t, []string{"aliyun", "backup", "mail"}, r.Providers(""))
	p, on := r.Provider("email")
	require.True(t, on)
	require.Equal(t, "mail", p.Name, "a spare serves no channel by itself")
	for _, name := range []string{"mail", "aliyun", "backup"} {
		p, known := r.Named(name)
		require.True(t, known)
		require.Equal(t, name, p.Name)
	}
	_, known := r.Named("nobody")
	require.False(t, known)
}
