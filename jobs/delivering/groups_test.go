package delivering_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/store"
)

// A delivery to a group goes through the group's provider. When a reload has removed the group it
// goes nowhere: it is tried by the retry table, because the group may come back, and is dead then.
func TestDeliverToAGroup(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.UseGroups()
		a, err := b.Jobs.Accepter.Accept(t.Context(), jobstest.GroupRequest("k", "team-a", "own"))
		require.NoError(t, err)
		b.UseGroups("team-a")
		b.Start()
		gone, own := b.Deliveries(a.NotificationID)[0], b.Deliveries(a.NotificationID)[1]
		require.Equal(t, own.ID, b.NextCall().DeliveryID)
		require.Equal(t, "own", b.WaitFor(own.ID, store.DeliverySuccess).Provider)
		d := b.WaitFor(gone.ID, store.DeliveryDead)
		require.Equal(t, []any{"group_gone", 4}, []any{d.LastCode, d.Attempts})
		attempts, err := b.Store.Attempts(t.Context(), gone.ID)
		require.NoError(t, err)
		require.Equal(t, string(channels.Misconfigured), attempts[0].Class)
		require.Empty(t, b.Provider.Calls)

		b.UseGroups()
		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), d, "", store.Actor{}))
		require.Equal(t, gone.ID, b.NextCall().DeliveryID)
		require.Equal(t, "team-a", b.WaitFor(gone.ID, store.DeliverySuccess).Provider)
	})
}

// Whom a message mentions reaches the provider at each attempt, without those who were erased
// meanwhile.
func TestErasedMentionIsNotSent(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.UseGroups()
		b.Provider.Fail(&channels.Error{Class: channels.Permanent, Code: "refused"})
		alice, bob := store.Recipient{Type: channels.RecipientEmail, Value: "alice@example.com"}, store.Recipient{Type: channels.RecipientEmail, Value: "bob@example.com"}
		req := jobstest.GroupRequest("k", "team-a")
		c := req.Channels["bots"]
		c.Mention = []store.Recipient{alice, bob}
		req.Channels["bots"] = c
		a, err := b.Jobs.Accepter.Accept(t.Context(), req)
		require.NoError(t, err)
		b.Start()
		require.Equal(t, []channels.Recipient{{Type: alice.Type, Value: alice.Value}, {Type: bob.Type, Value: bob.Value}}, b.NextCall().Mention)
		d := b.WaitFor(b.Deliveries(a.NotificationID)[0].ID, store.DeliveryDead)

		n, err := b.Store.EraseMentions(t.Context(), store.Erasure{Recipient: alice, Limit: 10})
		require.NoError(t, err)
		require.Equal(t, 1, n)
		b.Provider.Fail(nil)
		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), d, "", store.Actor{}))
		require.Equal(t, []channels.Recipient{{Type: bob.Type, Value: bob.Value}}, b.NextCall().Mention)
		b.WaitFor(d.ID, store.DeliverySuccess)
	})
}
