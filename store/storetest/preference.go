package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var preferenceCases = map[string]func(*testing.T, bundle){
	"Preferences/set, read, replace":            preferenceSet,
	"Preferences/switched off and on by a link": preferenceLink,
	"Accept/opted out":                          optedOut,
	"Accept/opted out uses no cap":              optedOutUncounted,
	"Accept/a contact has opted out":            contactOptedOut,
	"LinkKeys/first, next, alone":               linkKeys,
}

var preferenceUpdate = actor.Did(store.AuditPreferenceUpdate, "")

var user0 = store.Recipient{Type: "email", Value: "user0@example.com"}

// off returns the preferences of kinds and channels.
func off(pairs ...[2]string) []store.Preference {
	var all []store.Preference
	for _, p := range pairs {
		all = append(all, store.Preference{Kind: p[0], Channel: p[1]})
	}
	return all
}

// pairs returns the kinds and channels that a recipient has switched off.
func (b bundle) pairs(t *testing.T, r store.Recipient) [][2]string {
	t.Helper()
	found, err := b.Preferences(t.Context(), r)
	require.NoError(t, err)
	var all [][2]string
	for _, p := range found {
		require.Equal(t, r, p.Recipient)
		all = append(all, [2]string{p.Kind, p.Channel})
	}
	return all
}

func preferenceSet(t *testing.T, b bundle) {
	require.Empty(t, b.pairs(t, user0))
	link := store.Preference{Recipient: user0, Kind: "news", Channel: "email", Source: store.SourceLink, CreatedAt: store.Now().Add(-time.Hour)}
	require.NoError(t, b.SwitchOff(t.Context(), link))
	require.NoError(t, b.SetPreferences(t.Context(), user0, off([2]string{"news", "email"}, [2]string{"billing", ""}, [2]string{"billing", ""}), preferenceUpdate))
	require.Equal(t, [][2]string{{"billing", ""}, {"news", "email"}}, b.pairs(t, user0))
	found, err := b.Preferences(t.Context(), user0)
	require.NoError(t, err)
	require.Equal(t, store.SourceAPI, found[0].Source)
	require.Equal(t, link, found[1], "what stays off is not written anew")

	require.NoError(t, b.SetPreferences(t.Context(), user0, off([2]string{"", "sms"}), preferenceUpdate))
	require.Equal(t, [][2]string{{"", "sms"}}, b.pairs(t, user0))
	require.Empty(t, b.pairs(t, store.Recipient{Type: "phone", Value: user0.Value}))
	require.NoError(t, b.SetPreferences(t.Context(), user0, nil, preferenceUpdate))
	require.Empty(t, b.pairs(t, user0))
	require.Equal(t, 3, entriesOf(t, b, store.AuditPreferenceUpdate))
}

func preferenceLink(t *testing.T, b bundle) {
	p := store.Preference{Recipient: user0, Kind: "news", Channel: "email", Source: store.SourceLink, CreatedAt: store.Now()}
	for range 3 { // it is repeated
		require.NoError(t, b.SwitchOff(t.Context(), p))
	}
	require.NoError(t, b.SetPreferences(t.Context(), user0, off([2]string{"news", "email"}, [2]string{"news", ""}), preferenceUpdate))
	for range 2 {
		require.NoError(t, b.SwitchOn(t.Context(), p))
	}
	require.Equal(t, [][2]string{{"news", ""}}, b.pairs(t, user0), "what was switched off elsewhere stays off")
}

// optional returns an acceptance of a kind that may be switched off.
func optional(key string, recipients int) store.Acceptance {
	a := Acceptance("app", key, recipients)
	a.Notification.Kind = "news"
	a.Kind = &store.Kind{Name: "news", Optional: true}
	return a
}

func optedOut(t *testing.T, b bundle) {
	b.withKind(t, optional("", 1))
	for name, c := range map[string]struct {
		off    []store.Preference
		change func(*store.Acceptance)
		is     bool
	}{
		"the kind":             {off([2]string{"news", ""}), nil, true},
		"the kind and channel": {off([2]string{"news", "email"}), nil, true},
		"the channel":          {off([2]string{"", "email"}), nil, true},
		"everything":           {off([2]string{"", ""}), nil, true},
		"another kind":         {off([2]string{"billing", ""}), nil, false},
		"another channel":      {off([2]string{"news", "sms"}), nil, false},
		"nothing":              {nil, nil, false},
		"a kind that may not be switched off": {off([2]string{"", ""}), func(a *store.Acceptance) {
			a.Kind = &store.Kind{Name: "news"}
		}, false},
		"what passes": {off([2]string{"news", ""}), func(a *store.Acceptance) { a.Passes = true }, false},
		"no kind":     {off([2]string{"", ""}), func(a *store.Acceptance) { a.Kind, a.Notification.Kind = nil, "" }, false},
	} {
		require.NoError(t, b.SetPreferences(t.Context(), user0, c.off, preferenceUpdate))
		a := optional(name, 2)
		if c.change != nil {
			c.change(&a)
		}
		deliveries := b.acceptSuppressible(t, a)
		require.Equal(t, store.DeliveryPending, deliveries[1].Status, name)
		if !c.is {
			require.Equal(t, store.DeliveryPending, deliveries[0].Status, name)
			continue
		}
		require.Equal(t, store.DeliveryCancelled, deliveries[0].Status, name)
		require.Equal(t, store.CodeOptedOut, deliveries[0].LastCode, name)
		require.Contains(t, deliveries[0].LastError, "news")
		require.Equal(t, store.Amounts{store.CodeOptedOut: 1}, b.notification(t, a.Notification.ID).Withheld)
	}
}

// What a contact has switched off is off at whatever address of it, and is on again for another
// contact of that name.
func contactOptedOut(t *testing.T, b bundle) {
	b.withKind(t, optional("", 1))
	alice := store.ContactKey{Owner: "app", Name: "alice"}
	put := func() {
		_, err := b.PutContacts(t.Context(), []store.Contact{{ContactKey: alice, CreatedAt: store.Now(), UpdatedAt: store.Now()}}, actor)
		require.NoError(t, err)
	}
	send := func(key string) []store.Delivery {
		a := optional(key, 3)
		a.Deliveries[0].Contact, a.Deliveries[1].Contact = alice.String(), store.ContactKey{Name: "alice"}.String()
		return b.acceptSuppressible(t, a)
	}
	put()
	of := store.Recipient{Type: store.RecipientContact, Value: alice.String()}
	require.NoError(t, b.SetPreferences(t.Context(), of, off([2]string{"news", ""}), preferenceUpdate))
	deliveries := send("off")
	require.Equal(t, store.CodeOptedOut, deliveries[0].LastCode)
	require.Equal(t, store.DeliveryPending, deliveries[1].Status, "another contact of that name")
	require.Equal(t, store.DeliveryPending, deliveries[2].Status, "nobody's address")

	require.NoError(t, b.DeleteContact(t.Context(), alice, actor))
	require.Empty(t, b.pairs(t, of))
	put()
	require.Equal(t, store.DeliveryPending, send("on")[0].Status)
}

func optedOutUncounted(t *testing.T, b bundle) {
	capped := func(key string) store.Acceptance {
		a := optional(key, 1)
		a.Kind = &store.Kind{Name: "news", Optional: true, Caps: map[string]store.Cap{"email": {Limit: 1, Per: store.PerDay}}}
		return a
	}
	b.withKind(t, capped(""))
	require.NoError(t, b.SetPreferences(t.Context(), user0, off([2]string{"news", ""}), preferenceUpdate))
	require.Equal(t, store.CodeOptedOut, b.acceptSuppressible(t, capped("a"))[0].LastCode)
	require.NoError(t, b.SetPreferences(t.Context(), user0, nil, preferenceUpdate))
	require.Equal(t, store.DeliveryPending, b.acceptSuppressible(t, capped("b"))[0].Status)
	require.Equal(t, store.CodeCapped, b.acceptSuppressible(t, capped("c"))[0].LastCode)
}

func linkKeys(t *testing.T, b bundle) {
	keys, err := b.LinkKeys(t.Context(), []byte("first"))
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("first")}, keys)
	keys, err = b.LinkKeys(t.Context(), []byte("too late"))
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("first")}, keys)
	entry := actor.Did(store.AuditLinkKeyCreate, "")
	require.NoError(t, b.AddLinkKey(t.Context(), []byte("second"), false, entry))
	keys, err = b.LinkKeys(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("second"), []byte("first")}, keys)
	require.NoError(t, b.AddLinkKey(t.Context(), []byte("third"), true, entry))
	keys, err = b.LinkKeys(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("third")}, keys)
	require.Equal(t, 2, entriesOf(t, b, store.AuditLinkKeyCreate))
}
