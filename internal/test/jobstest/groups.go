package jobstest

import (
	"errors"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/store"
)

// GroupChannel is a channel type whose recipients may name the bot of a group.
var GroupChannel = channels.Type{
	Name: "bots", Channel: "bots", RecipientTypes: []*channels.RecipientType{channels.Email, channels.FeishuGroup},
	MsgTypes:    []channels.MsgType{{Name: "text", Format: channels.FormatText, MaxBody: 1000}},
	OnUncertain: channels.Resend,
}

// groupSender mentions e-mail addresses in groups.
type groupSender struct{ *Provider }

// CheckMention implements channels.Mentioner.
func (groupSender) CheckMention(to, person channels.Recipient) error {
	if to.Type != channels.RecipientFeishuGroup || person.Type != channels.RecipientEmail {
		return errors.New("cannot be mentioned")
	}
	return nil
}

// Check implements channels.Checker.
func (groupSender) Check(m channels.Message) error {
	if strings.Contains(m.Body, "builder") {
		return channels.PermanentError("mention", "a builder's card mentions nobody")
	}
	return nil
}

// UseGroups turns GroupChannel on, with the template "bots" and the groups own, team-a, and
// team-b, which is for the app b. All are b.Provider. The provider of TestChannel is team-c.
// Groups that are removed are left out. Call it before Start; again, it changes the groups.
func (b *Bundle) UseGroups(removed ...string) {
	b.t.Helper()
	if len(b.Types) == 2 {
		b.Types = append(b.Types, GroupChannel)
		b.Rebuild(b.Store)
		now := store.Now()
		_, err := b.Store.CreateTemplate(b.t.Context(), store.Template{
			Name: "bots", Channel: "bots", Body: "Hello {{ .name }}", CreatedAt: now, UpdatedAt: now, Owner: "app",
		}, "", By("app", store.AuditTemplateCreate, "bots"))
		require.NoError(b.t, err)
	}
	sender := groupSender{b.Provider}
	var groups []channels.Provider
	for _, group := range []channels.Provider{
		{Name: "team-a", Type: GroupChannel, Sender: sender, OnUncertain: channels.Resend},
		{Name: "team-b", Type: GroupChannel, Sender: sender, OnUncertain: channels.Resend, Apps: []string{"b"}},
	} {
		if len(removed) == 0 || removed[0] != group.Name {
			groups = append(groups, group)
		}
	}
	s := b.Settings(channels.Resend)
	s.Registry = channels.NewRegistry(map[string]channels.Provider{
		"test": {Name: "team-c", Type: TestChannel, Sender: b.Provider, OnUncertain: channels.Resend},
		"bots": {Name: "own", Type: GroupChannel, Sender: sender, OnUncertain: channels.Resend},
	}, groups...)
	b.Jobs.Apply(s)
}

// GroupRequest returns a request over GroupChannel to groups.
func GroupRequest(key string, groups ...string) accepting.Request {
	c := accepting.ChannelRequest{Template: "bots", Params: map[string]any{"name": "world"}}
	for _, group := range groups {
		c.Recipients = append(c.Recipients, accepting.To(store.Recipient{Type: channels.RecipientFeishuGroup, Value: group})...)
	}
	return accepting.Request{AppID: "app", IdempotencyKey: key, Channels: map[string]accepting.ChannelRequest{"bots": c}}
}
