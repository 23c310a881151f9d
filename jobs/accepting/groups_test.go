package accepting_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// A group decides the provider. Unknown and forbidden ones are refused where they are named.
func TestAcceptForGroups(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.UseGroups()
		accept := func(req accepting.Request) ([]string, error) {
			a, err := b.Jobs.Accepter.Accept(t.Context(), req)
			if err != nil {
				return nil, err
			}
			var providers []string
			for _, d := range b.Deliveries(a.NotificationID) {
				providers = append(providers, d.Provider)
			}
			return providers, nil
		}
		providers, err := accept(jobstest.GroupRequest("1", "team-a", "own", "team-a"))
		require.NoError(t, err)
		require.Equal(t, []string{"team-a", "own"}, providers)
		for _, group := range providers {
			require.Equal(t, "1", b.QueryText("SELECT CAST(count(*) AS text) FROM river_job WHERE queue = $1", "bots|"+group+"|app"),
				"each group has lines of its own")
		}

		for group, code := range map[string]string{"team-b": refusal.GroupForbidden, "team-x": refusal.UnknownGroup, "team-c": refusal.UnknownGroup} {
			_, err := accept(jobstest.GroupRequest("2", "team-a", group))
			jobstest.RequireRefusal(t, err, code, "channels.bots.recipients[1].value")
			req := jobstest.GroupRequest("2")
			req.Recipients = accepting.To(store.Recipient{Type: channels.RecipientEmail, Value: "a@example.com"}, store.Recipient{Type: channels.RecipientFeishuGroup, Value: group})
			_, err = accept(req)
			jobstest.RequireRefusal(t, err, code, "recipients[1].value")
		}
		for key, change := range map[string]func(*accepting.Request){
			"3": func(r *accepting.Request) { r.AppID = "b" },
			"4": func(r *accepting.Request) { r.AppID, r.Simulated = "b"+accepting.TestSuffix, true },
			"5": func(r *accepting.Request) { r.Admin = true },
		} {
			req := jobstest.GroupRequest(key, "team-b")
			change(&req)
			providers, err := accept(req)
			require.NoError(t, err, key)
			if req.Simulated {
				require.Equal(t, []string{channels.SimulatedProvider}, providers)
			} else {
				require.Equal(t, []string{"team-b"}, providers)
			}
		}
		test := jobstest.GroupRequest("6", "team-b")
		test.AppID, test.Simulated = "app"+accepting.TestSuffix, true
		_, err = accept(test)
		jobstest.RequireRefusal(t, err, refusal.GroupForbidden, "channels.bots.recipients[0].value")
	})
}

// The channel's own provider may be for some apps, too.
func TestAcceptThroughAProviderOfOthers(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		s := b.Settings(channels.Resend)
		s.Registry = channels.NewRegistry(map[string]channels.Provider{
			"test": {Name: "p", Type: jobstest.TestChannel, Sender: b.Provider, Apps: []string{"b"}},
		})
		b.Jobs.Apply(s)
		req := jobstest.Request("k", 2)
		_, err := b.Jobs.Accepter.Accept(t.Context(), req)
		jobstest.RequireRefusal(t, err, refusal.GroupForbidden, "recipients[0].value")
		req.AppID = "b"
		_, err = b.Jobs.Accepter.Accept(t.Context(), req)
		require.NoError(t, err)
	})
}

// A channel's own recipients are all that it sends to, in any order.
func TestAcceptWithRecipientsOfAChannel(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.UseGroups()
		mail := func(name string) store.Recipient {
			return store.Recipient{Type: channels.RecipientEmail, Value: name + "@example.com"}
		}
		request := func(key string, own ...store.Recipient) accepting.Request {
			req := jobstest.Request(key, 2)
			c := jobstest.GroupRequest(key, "team-a").Channels["bots"]
			c.Recipients = append(c.Recipients, accepting.To(own...)...)
			req.Channels["bots"] = c
			return req
		}
		a, err := b.Jobs.Accepter.Accept(t.Context(), request("1", mail("x"), mail("y")))
		require.NoError(t, err)
		require.Equal(t, 5, a.Deliveries)
		require.Empty(t, a.Unmatched)
		again, err := b.Jobs.Accepter.Accept(t.Context(), request("1", mail("y"), mail("x"), mail("y")))
		require.NoError(t, err)
		require.True(t, again.Replayed)
		for _, other := range []accepting.Request{request("1"), request("1", mail("x"), mail("z")), jobstest.Request("1", 2)} {
			_, err := b.Jobs.Accepter.Accept(t.Context(), other)
			jobstest.RequireRefusal(t, err, refusal.IdempotencyConflict, "idempotencyKey")
		}

		only := request("2", mail("x"))
		delete(only.Channels, "test")
		only.Recipients = accepting.To(mail("x"), mail("z"))
		a, err = b.Jobs.Accepter.Accept(t.Context(), only)
		require.NoError(t, err)
		require.Equal(t, 2, a.Deliveries)
		require.Equal(t, []store.Recipient{mail("z")}, a.Unmatched, "x got it, if over the channel's own list")

		_, err = b.Jobs.Accepter.Accept(t.Context(), request("3", store.Recipient{Type: channels.RecipientPhone, Value: "+8613800000000"}))
		jobstest.RequireRefusal(t, err, refusal.InvalidRecipient, "channels.bots.recipients[1].type")
		_, err = b.Jobs.Accepter.Accept(t.Context(), request("3", store.Recipient{Type: channels.RecipientEmail, Value: "x"}))
		jobstest.RequireRefusal(t, err, refusal.InvalidRecipient, "channels.bots.recipients[1].value")

		s := b.Settings(channels.Resend)
		s.Defaults.MaxRecipients = 3
		b.Jobs.Apply(s)
		_, err = b.Jobs.Accepter.Accept(t.Context(), request("4", mail("x"))) // 2 + 2
		jobstest.RequireRefusal(t, err, refusal.TooManyRecipients, "channels.bots.recipients")
		_, err = b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("4", 4))
		jobstest.RequireRefusal(t, err, refusal.TooManyRecipients, "recipients")
	})
}

func TestAcceptWithMention(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.UseGroups()
		alice, bob := store.Recipient{Type: channels.RecipientEmail, Value: "alice@example.com"}, store.Recipient{Type: channels.RecipientEmail, Value: "bob@example.com"}
		request := func(key string, mention ...store.Recipient) accepting.Request {
			req := jobstest.GroupRequest(key, "team-a")
			c := req.Channels["bots"]
			c.Mention = mention
			req.Channels["bots"] = c
			return req
		}
		a, err := b.Jobs.Accepter.Accept(t.Context(), request("1", alice, bob, alice))
		require.NoError(t, err)
		m, err := b.Store.Message(t.Context(), b.Deliveries(a.NotificationID)[0].MessageID)
		require.NoError(t, err)
		require.Equal(t, []store.Recipient{alice, bob}, m.Mention)
		again, err := b.Jobs.Accepter.Accept(t.Context(), request("1", bob, alice))
		require.NoError(t, err)
		require.True(t, again.Replayed)
		_, err = b.Jobs.Accepter.Accept(t.Context(), request("1", bob))
		jobstest.RequireRefusal(t, err, refusal.IdempotencyConflict, "idempotencyKey")

		user := store.Recipient{Type: channels.RecipientFeishuUserID, Value: "ou_1"}
		_, err = b.Jobs.Accepter.Accept(t.Context(), request("2", alice, user))
		jobstest.RequireRefusal(t, err, refusal.InvalidMention, "channels.bots.mention[1].value")
		_, err = b.Jobs.Accepter.Accept(t.Context(), request("2", store.Recipient{Type: channels.RecipientEmail, Value: "x"}))
		jobstest.RequireRefusal(t, err, refusal.InvalidRecipient, "channels.bots.mention[0].value")
		many := request("2")
		c := many.Channels["bots"]
		for i := range accepting.MaxMention + 1 {
			c.Mention = append(c.Mention, store.Recipient{Type: channels.RecipientEmail, Value: strings.Repeat("a", i+1) + "@example.com"})
		}
		many.Channels["bots"] = c
		_, err = b.Jobs.Accepter.Accept(t.Context(), many)
		jobstest.RequireRefusal(t, err, refusal.InvalidMention, "channels.bots.mention")

		private := request("2", alice)
		c = private.Channels["bots"]
		c.Recipients = append(c.Recipients, accepting.To(bob)...) // not a group
		private.Channels["bots"] = c
		_, err = b.Jobs.Accepter.Accept(t.Context(), private)
		jobstest.RequireRefusal(t, err, refusal.InvalidMention, "channels.bots.mention[0].value")

		silent := jobstest.Request("2", 1)
		c = silent.Channels["test"]
		c.Mention = []store.Recipient{alice}
		silent.Channels["test"] = c
		_, err = b.Jobs.Accepter.Accept(t.Context(), silent)
		jobstest.RequireRefusal(t, err, refusal.InvalidMention, "channels.test.mention[0].value")

		for field, name := range map[string]string{".mention": "builder", ".params": strings.Repeat("x", 950)} { // without the mention it would fit
			req := request("2", alice)
			req.Channels["bots"].Params["name"] = name
			_, err = b.Jobs.Accepter.Accept(t.Context(), req)
			var refused *refusal.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "channels.bots"+field, refused.Field, refused)
		}
	})
}

// Alerts reach the groups that their receiver names, whoever posts. What does not fit is left out,
// because nobody there could mend it.
func TestAlertsForGroups(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.UseGroups()
		alice := store.Recipient{Type: channels.RecipientEmail, Value: "alice@example.com", Configured: true}
		req := alertsOf("bots", "x", 1, "")
		req.Recipients = nil
		c := jobstest.GroupRequest("", "team-b", "team-x").Channels["bots"]
		c.Mention = []store.Recipient{alice, {Type: channels.RecipientFeishuUserID, Value: "ou_1"}}
		req.Channels = map[string]accepting.ChannelRequest{"bots": c}
		a, err := b.Jobs.Accepter.Accept(t.Context(), req)
		require.NoError(t, err)
		deliveries := b.Deliveries(a.NotificationID)
		require.Len(t, deliveries, 1)
		require.Equal(t, "team-b", deliveries[0].Provider)
		require.Equal(t, []store.Recipient{{Type: channels.RecipientFeishuGroup, Value: "team-x"}}, a.Unmatched)
		m, err := b.Store.Message(t.Context(), deliveries[0].MessageID)
		require.NoError(t, err)
		require.Equal(t, []store.Recipient{alice}, m.Mention)
	})
}
