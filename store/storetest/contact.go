package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var contactCases = map[string]func(*testing.T, bundle){
	"Contacts/put and find":        contactPut,
	"Contacts/unchanged":           contactUnchanged,
	"Contacts/delete":              contactDelete,
	"Contacts/owners":              contactOwners,
	"Contacts/list":                contactList,
	"Contacts/with labels":         contactLabels,
	"Contacts/concurrent writers":  contactWriters,
	"Contacts/audited":             contactAudited,
	"Contacts/erase an address":    contactErase,
	"Contacts/of what was sent":    contactOfDelivery,
	"Groups/put, find and delete":  groupPut,
	"Groups/list":                  groupList,
	"Notifications/reach":          notificationReach,
	"Erase/contacts of deliveries": eraseContactNames,
}

func contact(owner, name string, labels store.Labels) store.Contact {
	now := store.Now()
	return store.Contact{
		ContactKey: store.ContactKey{Owner: owner, Name: name},
		Addresses:  []store.Recipient{{Type: "phone", Value: "+8613800000000"}, {Type: "email", Value: name + "@example.com"}},
		Locale:     "zh-CN", TimeZone: "Asia/Shanghai", Labels: labels, CreatedAt: now, UpdatedAt: now,
	}
}

// put writes contacts and returns what it did to each.
func (b bundle) put(t *testing.T, contacts ...store.Contact) []store.Change {
	t.Helper()
	changes, err := b.PutContacts(t.Context(), contacts, actor)
	require.NoError(t, err)
	return changes
}

// found returns what a name is to an owner.
func (b bundle) found(t *testing.T, owner string, names ...string) []store.Contact {
	t.Helper()
	contacts, err := b.FindContacts(t.Context(), owner, names)
	require.NoError(t, err)
	return contacts
}

func contactPut(t *testing.T, b bundle) {
	alice := contact("app", "alice", store.Labels{"region": "cn", "说明": `"'{}`})
	bob := store.Contact{ContactKey: store.ContactKey{Owner: "app", Name: "bob"}, CreatedAt: alice.CreatedAt, UpdatedAt: alice.UpdatedAt}
	require.Equal(t, []store.Change{store.Created, store.Created}, b.put(t, bob, alice))
	require.ElementsMatch(t, []store.Contact{alice, bob}, b.found(t, "app", "alice", "bob", "none"))

	later := alice
	later.Addresses, later.Labels, later.Locale, later.TimeZone = bob.Addresses, nil, "", ""
	later.CreatedAt = alice.CreatedAt.Add(time.Hour)
	later.UpdatedAt = later.CreatedAt
	require.Equal(t, []store.Change{store.Changed, store.Unchanged}, b.put(t, later, bob))
	later.CreatedAt = alice.CreatedAt
	require.ElementsMatch(t, []store.Contact{later, bob}, b.found(t, "app", "alice", "bob"))
	require.Zero(t, b.count(t, "contact_addresses"))
	require.Zero(t, b.count(t, "contact_labels"))
	require.Empty(t, b.put(t))
}

// What is as it was is not written: not its time, and no entry.
func contactUnchanged(t *testing.T, b bundle) {
	alice := contact("app", "alice", store.Labels{"a": "1", "b": "2"})
	b.put(t, alice)
	again := alice
	again.UpdatedAt = alice.UpdatedAt.Add(time.Hour)
	require.Equal(t, []store.Change{store.Unchanged}, b.put(t, again))
	require.Equal(t, []store.Contact{alice}, b.found(t, "app", "alice"))
	require.Equal(t, 1, b.count(t, "audit"))
	for name, change := range map[string]func(*store.Contact){
		"order of addresses": func(c *store.Contact) { c.Addresses = []store.Recipient{c.Addresses[1], c.Addresses[0]} },
		"label":              func(c *store.Contact) { c.Labels = store.Labels{"a": "1", "b": "3"} },
		"locale":             func(c *store.Contact) { c.Locale = "en" },
		"time zone":          func(c *store.Contact) { c.TimeZone = "UTC" },
	} {
		other := alice
		change(&other)
		require.Equal(t, []store.Change{store.Changed}, b.put(t, other), name)
		require.Equal(t, []store.Contact{other}, b.found(t, "app", "alice"), name)
		b.put(t, alice)
	}
}

func contactDelete(t *testing.T, b bundle) {
	b.put(t, contact("app", "alice", store.Labels{"a": "1"}))
	for _, key := range []store.ContactKey{{Owner: "app", Name: "bob"}, {Owner: "", Name: "alice"}, {Owner: "other", Name: "alice"}} {
		require.ErrorIs(t, b.DeleteContact(t.Context(), key, actor), store.ErrNotFound)
	}
	require.NoError(t, b.DeleteContact(t.Context(), store.ContactKey{Owner: "app", Name: "alice"}, actor))
	for _, table := range []string{"contacts", "contact_addresses", "contact_labels"} {
		require.Zero(t, b.count(t, table), table)
	}
}

// A name is its owner's: the shared one and that of another app are other contacts.
func contactOwners(t *testing.T, b bundle) {
	own, shared, other := contact("app", "alice", nil), contact("", "alice", nil), contact("other", "alice", nil)
	b.put(t, own)
	b.put(t, shared)
	b.put(t, other)
	require.ElementsMatch(t, []store.Contact{own, shared}, b.found(t, "app", "alice"))
	require.ElementsMatch(t, []store.Contact{other, shared}, b.found(t, "other", "alice"))
	require.ElementsMatch(t, []store.Contact{shared}, b.found(t, "third", "alice"))
	require.ElementsMatch(t, []store.Contact{shared}, b.found(t, "", "alice"))
}

func contactList(t *testing.T, b bundle) {
	for _, owner := range []string{"", "app", "other"} {
		b.put(t, contact(owner, "b", nil), contact(owner, "a-1", store.Labels{"region": "cn"}), contact(owner, "B", nil), contact(owner, "a", store.Labels{"region": "us", "x": "cn"}))
	}
	mine, visible := []string{"app"}, []string{"", "app"}
	for _, c := range []struct {
		f     store.ContactFilter
		after store.ContactKey
		limit int
		want  []string
	}{
		{store.ContactFilter{Owners: visible}, store.ContactKey{}, 100, []string{"/B", "/a", "/a-1", "/b", "app/B", "app/a", "app/a-1", "app/b"}},
		{store.ContactFilter{Owners: visible}, store.ContactKey{Name: "a-1"}, 2, []string{"/b", "app/B"}},
		{store.ContactFilter{Owners: visible}, store.ContactKey{Owner: "app", Name: "a"}, 100, []string{"app/a-1", "app/b"}},
		{store.ContactFilter{Owners: visible}, store.ContactKey{Owner: "app", Name: "b"}, 100, nil},
		{store.ContactFilter{Owners: mine, Prefix: "a"}, store.ContactKey{}, 100, []string{"app/a", "app/a-1"}},
		{store.ContactFilter{Owners: mine, Prefix: "a-"}, store.ContactKey{}, 100, []string{"app/a-1"}},
		{store.ContactFilter{Owners: []string{""}}, store.ContactKey{}, 100, []string{"/B", "/a", "/a-1", "/b"}},
		{store.ContactFilter{Address: "a@example.com"}, store.ContactKey{}, 100, []string{"/a", "app/a", "other/a"}},
		{store.ContactFilter{Owners: mine, Address: "a@example.com"}, store.ContactKey{}, 100, []string{"app/a"}},
		{store.ContactFilter{Owners: mine, Address: "a@example"}, store.ContactKey{}, 100, nil},
		{store.ContactFilter{Owners: visible, Label: "region", LabelValue: "cn"}, store.ContactKey{}, 100, []string{"/a-1", "app/a-1"}},
		{store.ContactFilter{Owners: visible, Label: "region", LabelValue: "de"}, store.ContactKey{}, 100, nil},
		{store.ContactFilter{}, store.ContactKey{Owner: "app", Name: "a-1"}, 3, []string{"app/b", "other/B", "other/a"}},
	} {
		list, err := b.ListContacts(t.Context(), c.f, c.after, c.limit)
		require.NoError(t, err)
		var keys []string
		for _, found := range list {
			keys = append(keys, found.String())
			require.Len(t, found.Addresses, 2)
		}
		require.Equal(t, c.want, keys, "%+v", c)
	}
}

func contactLabels(t *testing.T, b bundle) {
	for _, owner := range []string{"", "app"} {
		b.put(t, contact(owner, "d", store.Labels{"region": "cn"}), contact(owner, "b", store.Labels{"region": "cn", "plan": "pro"}),
			contact(owner, "a", store.Labels{"region": "us", "plan": "pro"}), contact(owner, "c", store.Labels{"region": "cn", "plan": "pro"}))
	}
	for _, c := range []struct {
		labels store.Labels
		after  string
		limit  int
		want   []string
	}{
		{store.Labels{"region": "cn"}, "", 10, []string{"b", "c", "d"}},
		{store.Labels{"region": "cn"}, "", 2, []string{"b", "c"}},
		{store.Labels{"region": "cn"}, "c", 2, []string{"d"}},
		{store.Labels{"region": "cn"}, "d", 2, nil},
		{store.Labels{"region": "cn", "plan": "pro"}, "", 10, []string{"b", "c"}},
		{store.Labels{"region": "cn", "plan": "free"}, "", 10, nil},
		{store.Labels{"region": ""}, "", 10, nil},
	} {
		list, err := b.ContactsWith(t.Context(), "app", c.labels, c.after, c.limit)
		require.NoError(t, err)
		var names []string
		for _, found := range list {
			require.Equal(t, "app", found.Owner)
			require.Len(t, found.Addresses, 2)
			names = append(names, found.Name)
		}
		require.Equal(t, c.want, names, "%+v", c)
	}
}

// Writers of the same contacts, in different orders, wait for each other, and the last one stays.
func contactWriters(t *testing.T, b bundle) {
	errs := make([]error, 10)
	concurrently(t, len(errs), func(i int) {
		var batch []store.Contact
		for j := range 50 {
			batch = append(batch, contact("app", fmt.Sprintf("user-%d", j*(i+1)%53), store.Labels{"writer": fmt.Sprint(i)}))
		}
		_, errs[i] = b.PutContacts(t.Context(), batch, actor)
	})
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, b.count(t, "contacts"), b.count(t, "contact_labels"))
	require.Equal(t, 2*b.count(t, "contacts"), b.count(t, "contact_addresses"))
}

func contactAudited(t *testing.T, b bundle) {
	b.put(t, contact("app", "alice", nil))
	b.put(t, contact("app", "alice", store.Labels{"a": "1"}), contact("app", "bob", nil))
	require.NoError(t, b.DeleteContact(t.Context(), store.ContactKey{Owner: "app", Name: "alice"}, actor))
	require.ElementsMatch(t, []store.AuditEntry{
		actor.Did(store.AuditContactCreate, "app/alice"), actor.Did(store.AuditContactUpdate, "app/alice"),
		actor.Did(store.AuditContactCreate, "app/bob"), actor.Did(store.AuditContactDelete, "app/alice"),
	}, b.audit(t, store.AuditFilter{}))

	// When the entry cannot be written, nothing is.
	_, err := b.db.ExecContext(t.Context(), `DROP TABLE audit`)
	require.NoError(t, err)
	_, err = b.PutContacts(t.Context(), []store.Contact{contact("app", "carol", nil)}, actor)
	require.Error(t, err)
	require.Error(t, b.DeleteContact(t.Context(), store.ContactKey{Owner: "app", Name: "bob"}, actor))
	require.Equal(t, 1, b.count(t, "contacts"))
}

func contactErase(t *testing.T, b bundle) {
	shared := store.Recipient{Type: "phone", Value: "+8613800000000"} // that all have
	for i := range 5 {
		b.put(t, contact([]string{"app", ""}[i%2], fmt.Sprintf("user-%d", i), store.Labels{"a": "1"}))
	}
	e := erasure(shared, uuid.Nil)
	e.Limit, e.At = 2, store.Now().Add(time.Hour)
	for _, want := range []int{2, 2, 1, 0} {
		n, err := b.EraseAddress(t.Context(), e)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	require.Equal(t, 5, b.count(t, "contact_addresses"), "the other address of each stays")
	for i := range 5 {
		name := fmt.Sprintf("user-%d", i)
		c := b.found(t, "app", name)[0]
		require.Equal(t, []store.Recipient{{Type: "email", Value: name + "@example.com"}}, c.Addresses)
		require.Equal(t, e.At, c.UpdatedAt)
	}
	last := erasure(store.Recipient{Type: "email", Value: "user-0@example.com"}, uuid.Nil)
	n, err := b.EraseAddress(t.Context(), last)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Nil(t, b.found(t, "app", "user-0")[0].Addresses, "the contact stays without any")
}

func contactOfDelivery(t *testing.T, b bundle) {
	a := Acceptance("app", "key", 2)
	a.Deliveries[1].Contact = store.ContactKey{Owner: "app", Name: "alice"}.String()
	b.accept(t, a)
	require.Empty(t, b.delivery(t, a.Deliveries[0].ID).Contact)
	require.Equal(t, "app/alice", b.delivery(t, a.Deliveries[1].ID).Contact)
}

func group(owner, name string, labels store.Labels, contacts ...string) store.Group {
	now := store.Now()
	return store.Group{ContactKey: store.ContactKey{Owner: owner, Name: name}, Contacts: contacts, Labels: labels, CreatedAt: now, UpdatedAt: now}
}

func groupPut(t *testing.T, b bundle) {
	key := store.ContactKey{Owner: "app", Name: "ops"}
	put := func(g store.Group) store.Change {
		change, err := b.PutGroup(t.Context(), g, actor)
		require.NoError(t, err)
		return change
	}
	found := func(owner string) []store.Group {
		groups, err := b.FindGroups(t.Context(), owner, []string{"ops", "none"})
		require.NoError(t, err)
		return groups
	}
	ops := group("app", "ops", store.Labels{"team": "运维"}, "bob", "alice")
	require.Equal(t, store.Created, put(ops))
	later := ops
	later.UpdatedAt = ops.UpdatedAt.Add(time.Hour)
	require.Equal(t, store.Unchanged, put(later))
	require.Equal(t, []store.Group{ops}, found("app"))
	later.Contacts, later.Labels = nil, nil
	require.Equal(t, store.Changed, put(later))
	require.Equal(t, []store.Group{later}, found("app"))
	shared := group("", "ops", nil, "carol")
	require.Equal(t, store.Created, put(shared))
	require.ElementsMatch(t, []store.Group{later, shared}, found("app"))
	require.Equal(t, []store.Group{shared}, found("other"))
	require.NoError(t, b.DeleteGroup(t.Context(), key, actor))
	require.ErrorIs(t, b.DeleteGroup(t.Context(), key, actor), store.ErrNotFound)
	require.Equal(t, []store.Group{shared}, found("app"))
	require.Equal(t, []store.AuditEntry{
		actor.Did(store.AuditGroupCreate, "app/ops"), actor.Did(store.AuditGroupUpdate, "app/ops"),
		actor.Did(store.AuditGroupCreate, "/ops"), actor.Did(store.AuditGroupDelete, "app/ops"),
	}, b.audit(t, store.AuditFilter{}))
}

func groupList(t *testing.T, b bundle) {
	for _, key := range []store.ContactKey{{Owner: "app", Name: "b"}, {Owner: "app", Name: "a"}, {Name: "a"}, {Owner: "other", Name: "a"}} {
		_, err := b.PutGroup(t.Context(), group(key.Owner, key.Name, nil, "alice"), actor)
		require.NoError(t, err)
	}
	for _, c := range []struct {
		f     store.ContactFilter
		after store.ContactKey
		want  []string
	}{
		{store.ContactFilter{Owners: []string{"", "app"}}, store.ContactKey{}, []string{"/a", "app/a", "app/b"}},
		{store.ContactFilter{Owners: []string{"", "app"}, Prefix: "b"}, store.ContactKey{}, []string{"app/b"}},
		{store.ContactFilter{}, store.ContactKey{Owner: "app", Name: "a"}, []string{"app/b", "other/a"}},
	} {
		list, err := b.ListGroups(t.Context(), c.f, c.after, 10)
		require.NoError(t, err)
		var keys []string
		for _, g := range list {
			require.Equal(t, []string{"alice"}, g.Contacts)
			keys = append(keys, g.String())
		}
		require.Equal(t, c.want, keys)
	}
}

func notificationReach(t *testing.T, b bundle) {
	a, plain := Acceptance("app", "key", 1), Acceptance("app", "plain", 1)
	a.Notification.Reach = &store.Reach{Contacts: 2, Reached: 1, Missing: []string{"gone"}, Each: []store.ContactReach{
		{Name: "alice", Channels: []string{"email"}}, {Name: "bob", Without: []string{"email"}},
	}}
	b.accept(t, a, plain)
	require.Equal(t, a.Notification.Reach, b.notification(t, a.Notification.ID).Reach)
	require.Nil(t, b.notification(t, plain.Notification.ID).Reach)
	replayed, err := b.Accept(t.Context(), []store.Acceptance{Acceptance("app", "key", 1)})
	require.NoError(t, err)
	require.Equal(t, a.Notification.Reach, replayed[0].Notification.Reach)
	list, err := b.ListNotifications(t.Context(), store.NotificationFilter{}, uuid.Nil, 10)
	require.NoError(t, err)
	require.Nil(t, list[1].Reach, "lists leave it out")
}

// The name of a contact is somebody's, too.
func eraseContactNames(t *testing.T, b bundle) {
	a := Acceptance("app", "key", 2)
	for i := range a.Deliveries {
		a.Deliveries[i].Contact = fmt.Sprintf("app/user-%d", i)
	}
	a.Notification.Reach = &store.Reach{Contacts: 2, Reached: 2, Each: []store.ContactReach{{Name: "user-0"}, {Name: "user-1"}}}
	b.accept(t, a)
	b.erase(t, erasure(a.Deliveries[0].Recipient, uuid.Nil))
	require.Empty(t, b.delivery(t, a.Deliveries[0].ID).Contact)
	require.Equal(t, "app/user-1", b.delivery(t, a.Deliveries[1].ID).Contact)
	require.NotNil(t, b.notification(t, a.Notification.ID).Reach)
	b.erase(t, erasure(store.Recipient{}, a.Notification.ID))
	require.Empty(t, b.delivery(t, a.Deliveries[1].ID).Contact)
	require.Nil(t, b.notification(t, a.Notification.ID).Reach)
}
