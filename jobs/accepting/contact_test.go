package accepting_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// directory writes contacts and groups of a test.
type directory struct {
	*testing.T
	*jobstest.Bundle
}

func key(owner, name string) store.ContactKey { return store.ContactKey{Owner: owner, Name: name} }

// contact writes a contact with addresses, given as type and value in turn.
func (d directory) contact(owner, name string, addresses ...string) {
	d.Helper()
	c := store.Contact{ContactKey: key(owner, name), CreatedAt: store.Now(), UpdatedAt: store.Now()}
	for i := 0; i < len(addresses); i += 2 {
		c.Addresses = append(c.Addresses, store.Recipient{Type: addresses[i], Value: addresses[i+1]})
	}
	_, err := d.Store.PutContacts(d.Context(), []store.Contact{c}, store.Actor{})
	require.NoError(d, err)
}

// mail writes a contact with the address name@example.com.
func (d directory) mail(owner, name string) {
	d.Helper()
	d.contact(owner, name, channels.RecipientEmail, name+"@example.com")
}

func (d directory) group(owner, name string, labels store.Labels, contacts ...string) {
	d.Helper()
	_, err := d.Store.PutGroup(d.Context(), store.Group{
		ContactKey: key(owner, name), Contacts: contacts, Labels: labels, CreatedAt: store.Now(), UpdatedAt: store.Now(),
	}, store.Actor{})
	require.NoError(d, err)
}

func toContact(name string) accepting.Recipient {
	return accepting.Recipient{Recipient: store.Recipient{Type: accepting.RecipientContact, Value: name}}
}

func toGroup(name string) accepting.Recipient {
	return accepting.Recipient{Recipient: store.Recipient{Type: accepting.RecipientGroup, Value: name}}
}

func with(r accepting.Recipient, name string) accepting.Recipient {
	r.Params = map[string]any{"name": name}
	return r
}

// accept accepts a request of the app to the recipients.
func (d directory) accept(k string, to ...accepting.Recipient) (accepting.Accepted, error) {
	req := jobstest.Request(k, 0)
	req.Recipients = to
	return d.Jobs.Accepter.Accept(d.Context(), req)
}

// sent returns whose address each delivery has.
func (d directory) sent(notification uuid.UUID) map[string]string {
	contacts := map[string]string{}
	for _, delivery := range d.Deliveries(notification) {
		contacts[delivery.Recipient.Value] = delivery.Contact
	}
	return contacts
}

func eachDirectory(t *testing.T, test func(t *testing.T, d directory)) {
	t.Helper()
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) { test(t, directory{t, b}) })
}

// A contact gets one delivery over a channel: at the first of its addresses that the channel takes.
func TestContactsAreResolved(t *testing.T) {
	eachDirectory(t, func(t *testing.T, d directory) {
		d.contact("app", "alice", channels.RecipientPhone, "+8613800000000", channels.RecipientFeishuUserID, "ou_alice",
			channels.RecipientEmail, "alice@example.com")
		d.contact("app", "bob", channels.RecipientEmail, "bob@example.com", channels.RecipientEmail, "bob2@example.com")
		d.contact("app", "carol", channels.RecipientPhone, "+8613800000001")
		d.contact("app", "dave")
		a, err := d.accept("k", toContact("alice"), toContact("bob"), toContact("carol"), toContact("dave"),
			accepting.Recipient{Recipient: store.Recipient{Type: channels.RecipientEmail, Value: "eve@example.com"}})
		require.NoError(t, err)
		require.Equal(t, map[string]string{"ou_alice": "app/alice", "bob@example.com": "app/bob", "eve@example.com": ""}, d.sent(a.NotificationID))
		require.Empty(t, a.Unmatched)
		require.Equal(t, &store.Reach{Contacts: 4, Reached: 2, Each: []store.ContactReach{
			{Name: "alice", Channels: []string{"test"}}, {Name: "bob", Channels: []string{"test"}},
			{Name: "carol", Without: []string{"test"}}, {Name: "dave", Without: []string{"test"}},
		}}, sorted(a.Reach))
		n, err := d.Store.Notification(t.Context(), a.NotificationID)
		require.NoError(t, err)
		require.Equal(t, a.Reach, n.Reach)

		_, err = d.accept("none", toContact("carol"))
		jobstest.RequireRefusal(t, err, refusal.NoRecipients, "recipients")
		_, err = d.accept("unknown", toContact("alice"), toContact("zoe"))
		jobstest.RequireRefusal(t, err, refusal.UnknownContact, "recipients[1].value")
		_, err = d.accept("unknown", toContact("alice"), toGroup("zoe"))
		jobstest.RequireRefusal(t, err, refusal.UnknownContact, "recipients[1].value")
		_, err = d.accept("wrong", toContact("../alice"))
		jobstest.RequireRefusal(t, err, refusal.InvalidRecipient, "recipients[0].value")
	})
}

// sorted returns what was reached in the order of names, as far as the order means nothing.
func sorted(r *store.Reach) *store.Reach {
	byName := map[string]store.ContactReach{}
	copied := *r
	copied.Each = nil
	for _, c := range r.Each {
		byName[c.Name] = c
	}
	for _, name := range []string{"alice", "bob", "carol", "dave"} {
		if c, is := byName[name]; is {
			copied.Each = append(copied.Each, c)
		}
	}
	return &copied
}

// A name is the app's own contact, or else the shared one, and never another app's.
func TestContactsOfOwners(t *testing.T) {
	eachDirectory(t, func(t *testing.T, d directory) {
		for owner, address := range map[string]string{"app": "own@example.com", "": "shared@example.com", "other": "other@example.com"} {
			d.contact(owner, "alice", channels.RecipientEmail, address)
		}
		d.mail("", "bob")
		d.mail("other", "carol")
		d.group("app", "ops", nil, "alice", "bob", "carol")
		d.group("", "all", nil, "alice", "bob")
		d.group("other", "ops", nil, "carol")
		for name, c := range map[string]struct {
			app  string
			to   accepting.Recipient
			want map[string]string
		}{
			"own before shared":         {"app", toContact("alice"), map[string]string{"own@example.com": "app/alice"}},
			"with a test secret":        {"app:test", toContact("alice"), map[string]string{"own@example.com": "app/alice"}},
			"shared":                    {"app", toContact("bob"), map[string]string{"bob@example.com": "/bob"}},
			"own group":                 {"app", toGroup("ops"), map[string]string{"own@example.com": "app/alice", "bob@example.com": "/bob"}},
			"shared group of shared":    {"app", toGroup("all"), map[string]string{"shared@example.com": "/alice", "bob@example.com": "/bob"}},
			"group of the name's owner": {"other", toGroup("ops"), map[string]string{"carol@example.com": "other/carol"}},
		} {
			req := jobstest.Request(name, 0)
			req.AppID, req.Recipients = c.app, []accepting.Recipient{c.to}
			a, err := d.Jobs.Accepter.Accept(t.Context(), req)
			require.NoError(t, err, name)
			require.Equal(t, c.want, d.sent(a.NotificationID), name)
		}
		a, err := d.accept("missing", toGroup("ops"))
		require.NoError(t, err)
		require.Equal(t, []string{"carol"}, a.Reach.Missing)
		for _, admin := range []bool{false, true} { // an administrator sends as an app, too: the name is the app's
			req := jobstest.Request("unknown", 0)
			req.Admin, req.Recipients = admin, []accepting.Recipient{toContact("carol")}
			_, err := d.Jobs.Accepter.Accept(t.Context(), req)
			jobstest.RequireRefusal(t, err, refusal.UnknownContact, "recipients[0].value")
		}
	})
}

// Who is there several times gets it once: with the params that stand beside the name or the address
// before those of a group, and otherwise with the first.
func TestContactsOnce(t *testing.T) {
	eachDirectory(t, func(t *testing.T, d directory) {
		d.mail("app", "alice")
		d.contact("app", "twin", channels.RecipientEmail, "alice@example.com")
		d.group("app", "ops", nil, "alice")
		d.group("app", "all", nil, "alice", "twin")
		address := accepting.Recipient{Recipient: store.Recipient{Type: channels.RecipientEmail, Value: "alice@example.com"}}
		for name, c := range map[string]struct {
			to   []accepting.Recipient
			want string
		}{
			"two groups":             {[]accepting.Recipient{with(toGroup("ops"), "first"), with(toGroup("all"), "second")}, "first"},
			"group, then name":       {[]accepting.Recipient{with(toGroup("ops"), "group"), with(toContact("alice"), "name")}, "name"},
			"name, then group":       {[]accepting.Recipient{with(toContact("alice"), "name"), with(toGroup("ops"), "group")}, "name"},
			"name without params":    {[]accepting.Recipient{with(toGroup("ops"), "group"), toContact("alice")}, "world"},
			"group, then address":    {[]accepting.Recipient{with(toGroup("all"), "group"), with(address, "address")}, "address"},
			"address, then name":     {[]accepting.Recipient{with(address, "address"), with(toContact("alice"), "name")}, "address"},
			"name, then address":     {[]accepting.Recipient{with(toContact("alice"), "name"), with(address, "address")}, "name"},
			"two of the same mail":   {[]accepting.Recipient{with(toContact("twin"), "twin"), with(toContact("alice"), "name")}, "twin"},
			"the same twice":         {[]accepting.Recipient{with(toContact("alice"), "name"), with(toContact("alice"), "name")}, "name"},
			"the same group twice":   {[]accepting.Recipient{toGroup("ops"), toGroup("ops")}, "world"},
			"group of two, one mail": {[]accepting.Recipient{toGroup("all")}, "world"},
		} {
			a, err := d.accept(name, c.to...)
			require.NoError(t, err, name)
			require.Equal(t, map[string]string{"alice@example.com": "Hello " + c.want}, bodies(t, d.Bundle, a.NotificationID), name)
			require.NotEmpty(t, d.Deliveries(a.NotificationID)[0].Contact, name)
			require.Equal(t, a.Reach.Contacts, a.Reach.Reached, name)
		}
		_, err := d.accept("differ", with(toContact("alice"), "one"), with(toContact("alice"), "two"))
		jobstest.RequireRefusal(t, err, refusal.InvalidRecipient, "recipients[1].params")
		_, err = d.accept("bad", accepting.Recipient{Recipient: toGroup("ops").Recipient, Params: map[string]any{"name": "\x00"}})
		jobstest.RequireRefusal(t, err, refusal.RenderFailed, "recipients[0].params")
	})
}

// A repeat answers with what was accepted, whatever has become of the directory.
func TestReplayWhenTheDirectoryHasChanged(t *testing.T) {
	eachDirectory(t, func(t *testing.T, d directory) {
		d.mail("app", "alice")
		d.mail("app", "bob")
		d.group("app", "ops", nil, "alice", "bob")
		first, err := d.accept("k", toGroup("ops"), toContact("alice"))
		require.NoError(t, err)
		same := func(what string) {
			t.Helper()
			again, err := d.accept("k", toContact("alice"), toGroup("ops"))
			require.NoError(t, err, what)
			require.True(t, again.Replayed, what)
			require.Equal(t, []any{first.NotificationID, first.Deliveries, first.Reach}, []any{again.NotificationID, again.Deliveries, again.Reach}, what)
			require.Equal(t, map[string]string{"alice@example.com": "app/alice", "bob@example.com": "app/bob"}, d.sent(first.NotificationID), what)
		}
		d.contact("app", "alice", channels.RecipientEmail, "new@example.com")
		same("another address")
		d.group("app", "ops", nil, "alice")
		same("another group")
		require.NoError(t, d.Store.DeleteGroup(t.Context(), key("app", "ops"), store.Actor{}))
		require.NoError(t, d.Store.DeleteContact(t.Context(), key("app", "alice"), store.Actor{}))
		same("all gone")
		_, err = d.accept("k", toGroup("ops"))
		jobstest.RequireRefusal(t, err, refusal.IdempotencyConflict, "idempotencyKey") // another request
	})
}

// A group of as many as one request bears is accepted at once, and a larger one is refused.
func TestLargeGroup(t *testing.T) {
	eachDirectory(t, func(t *testing.T, d directory) {
		write := func(label string, n int) {
			var contacts []store.Contact
			for i := range n {
				contacts = append(contacts, store.Contact{
					ContactKey: key("app", fmt.Sprintf("%s-%05d", label, i)), Labels: store.Labels{"size": label}, CreatedAt: store.Now(), UpdatedAt: store.Now(),
					Addresses: []store.Recipient{{Type: channels.RecipientEmail, Value: fmt.Sprintf("%s-%d@example.com", label, i)}},
				})
				if i%100 == 0 {
					contacts[i].Addresses = nil
				}
			}
			_, err := d.Store.PutContacts(t.Context(), contacts, store.Actor{})
			require.NoError(t, err)
			d.group("app", label, store.Labels{"size": label}, label+"-00001")
		}
		write("some", 5_000)
		a, err := d.accept("k", toGroup("some"))
		require.NoError(t, err)
		require.Equal(t, 4_950, a.Deliveries)
		require.Equal(t, []int{5_000, 4_950, 50}, []int{a.Reach.Contacts, a.Reach.Reached, len(a.Reach.Each)}, "only those without an address are listed")
		require.Equal(t, store.ContactReach{Name: "some-00000", Without: []string{"test"}}, a.Reach.Each[0])
		require.Len(t, d.Deliveries(a.NotificationID), 4_950)
		write("many", accepting.MaxDeliveries)
		_, err = d.accept("many", toGroup("some"), toGroup("many"))
		jobstest.RequireRefusal(t, err, refusal.TooManyDeliveries, "recipients[1].value")
		_, err = d.Store.NotificationByKey(t.Context(), "app", "many")
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

// A channel's own recipients may be contacts; what the channel does not take of them is left out.
func TestContactsOfOneChannel(t *testing.T) {
	eachDirectory(t, func(t *testing.T, d directory) {
		d.mail("app", "alice")
		d.contact("app", "bob", channels.RecipientPhone, "+8613800000000")
		d.group("app", "ops", nil, "alice", "bob")
		req := jobstest.Request("k", 0)
		c := req.Channels["test"]
		c.Recipients = []accepting.Recipient{toContact("bob"), toGroup("ops")}
		req.Channels["test"] = c
		a, err := d.Jobs.Accepter.Accept(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, map[string]string{"alice@example.com": "app/alice"}, d.sent(a.NotificationID))
		require.Equal(t, []store.ContactReach{{Name: "alice", Channels: []string{"test"}}, {Name: "bob", Without: []string{"test"}}}, sorted(a.Reach).Each)
		c.Recipients = append(c.Recipients, toContact("zoe"))
		req.Channels["test"], req.IdempotencyKey = c, "unknown"
		_, err = d.Jobs.Accepter.Accept(t.Context(), req)
		jobstest.RequireRefusal(t, err, refusal.UnknownContact, "channels.test.recipients[2].value")
	})
}

// Many groups in one request are many reads.
func TestTooManyGroups(t *testing.T) {
	eachDirectory(t, func(t *testing.T, d directory) {
		var to []accepting.Recipient
		for i := range 51 {
			name := fmt.Sprintf("group-%d", i)
			d.group("app", name, nil, "alice")
			to = append(to, toGroup(name))
		}
		d.mail("app", "alice")
		_, err := d.accept("k", to...)
		jobstest.RequireRefusal(t, err, refusal.TooManyRecipients, "recipients[50].value")
		a, err := d.accept("k", to[:50]...)
		require.NoError(t, err)
		require.Equal(t, 1, a.Deliveries)
	})
}

// An address that cannot be sent to is the contact's fault, not the request's: the others get it. No
// contact leads an app to a group of others.
func TestContactsWithAddressesOfGroups(t *testing.T) {
	eachDirectory(t, func(t *testing.T, d directory) {
		d.UseGroups()
		for _, group := range []string{"team-a", "team-b", "team-x"} { // team-b is another app's
			d.contact("app", group, channels.RecipientFeishuGroup, group)
		}
		d.group("app", "teams", nil, "team-a", "team-b", "team-x")
		req := jobstest.GroupRequest("k")
		req.Recipients = []accepting.Recipient{toGroup("teams"), toContact("team-b")}
		a, err := d.Jobs.Accepter.Accept(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, map[string]string{"team-a": "app/team-a"}, d.sent(a.NotificationID))
		require.Equal(t, []int{3, 1}, []int{a.Reach.Contacts, a.Reach.Reached})
		for _, c := range a.Reach.Each {
			require.Equal(t, c.Name == "team-a", len(c.Without) == 0, c)
		}

		// A provider that is for other apps alone is the channel's.
		s := d.Settings(channels.Resend)
		s.Registry = channels.NewRegistry(map[string]channels.Provider{
			"test": {Name: "p", Type: jobstest.TestChannel, Sender: d.Provider, Apps: []string{"b"}},
		})
		d.Jobs.Apply(s)
		d.mail("app", "alice")
		_, err = d.accept("other", toContact("alice"))
		jobstest.RequireRefusal(t, err, refusal.GroupForbidden, "recipients[0].value")
	})
}
