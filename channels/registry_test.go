package channels_test

import (
	"testing"

	"github.com/google/uuid"
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

// A type says how much room a mention takes; of what a type does not bound nothing is taken.
func TestWithMentions(t *testing.T) {
	t.Parallel()
	typ := channels.Type{MsgTypes: []channels.MsgType{
		{Name: "default", MaxBody: 1000}, {Name: "own", MaxBody: 1000, MentionRoom: func(address string) int { return 2 * len(address) }},
		{Name: "none", MaxBody: 1000, MentionRoom: func(string) int { return 0 }}, {Name: "unbounded"}, {Name: "small", MaxBody: 100},
	}}
	var most []int
	for _, m := range typ.WithMentions([]string{"abc", "defg"}).MsgTypes {
		most = append(most, m.MaxBody)
	}
	require.Equal(t, []int{1000 - 128 - 7, 1000 - 14, 1000, 0, 1}, most)
	require.Equal(t, 1000, typ.MsgTypes[0].MaxBody)
}

// A delivery's provider is chosen by the weights and its id; the rest of the list follows.
func TestOrder(t *testing.T) {
	t.Parallel()
	typ := channels.Type{Name: "smtp", Channel: "email"}
	list := func(weights ...int) *channels.Registry {
		others := []channels.Provider{{Name: "spare", Type: typ}}
		for i := len(weights) - 1; i > 0; i-- {
			others = append(others, channels.Provider{Name: string(rune('a' + i)), Type: typ, Place: i + 1, Weight: weights[i]})
		}
		return channels.NewRegistry(map[string]channels.Provider{"email": {Name: "a", Type: typ, Weight: weights[0]}}, others...)
	}
	orders := func(r *channels.Registry) map[string]int {
		counts := map[string]int{}
		for range 4000 {
			id := uuid.Must(uuid.NewV7())
			names := ""
			for _, p := range r.Order("email", id) {
				names += p.Name
			}
			again := r.Order("email", id)
			require.Equal(t, names[:1], again[0].Name)
			counts[names]++
		}
		return counts
	}
	require.Equal(t, map[string]int{"abc": 4000}, orders(list(0, 0, 0)), "without weights the first takes all")
	require.Equal(t, map[string]int{"bac": 4000}, orders(list(0, 1, 0)))
	shares := orders(list(3, 1, 0))
	require.Len(t, shares, 2)
	require.InDelta(t, 3000, shares["abc"], 150)
	require.InDelta(t, 1000, shares["bac"], 150)
	require.Empty(t, list(1).Order("sms", uuid.New()))
	r := list(1, 0)
	require.Equal(t, []string{"a", "b", "spare"}, r.Providers("email"))
	require.Len(t, r.List("email"), 2)
	require.Len(t, r.InUse(), 2, "a spare is not in use")
}
