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

// A recipient that names a provider is for that one alone.
func TestProviderFor(t *testing.T) {
	t.Parallel()
	bot := channels.Type{Name: "bot", Channel: "bot", RecipientTypes: []*channels.RecipientType{channels.Email, channels.FeishuGroup}}
	mail := channels.Type{Name: "smtp", Channel: "email", RecipientTypes: []*channels.RecipientType{channels.Email}}
	r := channels.NewRegistry(map[string]channels.Provider{"bot": {Name: "own", Type: bot}, "email": {Name: "mail", Type: mail}},
		channels.Provider{Name: "team-a", Type: bot, Apps: []string{"a"}}, channels.Provider{Name: "backup", Type: mail})
	for _, c := range []struct {
		channel   string
		recipient channels.Recipient
		provider  string // empty: none
	}{
		{"bot", channels.Recipient{Type: "email", Value: "team-a"}, "own"},
		{"bot", channels.Recipient{Type: "feishu_group", Value: "team-a"}, "team-a"},
		{"bot", channels.Recipient{Type: "feishu_group", Value: "own"}, "own"},
		{"bot", channels.Recipient{Type: "feishu_group", Value: "team-b"}, ""},
		{"bot", channels.Recipient{Type: "feishu_group", Value: "mail"}, ""}, // of another channel
		{"email", channels.Recipient{Type: "email", Value: "backup"}, "mail"},
		{"sms", channels.Recipient{Type: "feishu_group", Value: "team-a"}, ""}, // not enabled
	} {
		p, found := r.ProviderFor(c.channel, c.recipient)
		require.Equal(t, c.provider != "", found, c)
		if found {
			require.Equal(t, c.provider, p.Name)
		}
	}
	var used []string
	for _, p := range r.InUse() {
		used = append(used, p.Name)
	}
	require.Equal(t, []string{"own", "team-a", "mail"}, used, "a spare that no recipient names is not in use")
	named, _ := r.Named("team-a")
	require.Equal(t, []bool{true, false}, []bool{named.Admits("a"), named.Admits("b")})
	require.True(t, channels.Provider{}.Admits("b"))
}
