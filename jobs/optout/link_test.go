package optout_test

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/jobs/optout"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/sealing"
	"github.com/labring/sealos-notify/store"
)

// memory is a store of link keys, preferences and kinds.
type memory struct {
	mu    sync.Mutex
	keys  [][]byte // the newest first
	reads int
	err   error
	kinds map[string]store.Kind
	off   map[store.Recipient][]store.Preference
	audit []store.AuditEntry
}

func newMemory() *memory {
	return &memory{kinds: map[string]store.Kind{}, off: map[store.Recipient][]store.Preference{}}
}

func (m *memory) LinkKeys(_ context.Context, first []byte) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	if m.err != nil {
		return nil, m.err
	}
	if len(m.keys) == 0 {
		m.keys = [][]byte{first}
	}
	return slices.Clone(m.keys), nil
}

func (m *memory) AddLinkKey(_ context.Context, key []byte, alone bool, audit store.AuditEntry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if alone {
		m.keys = nil
	}
	m.keys = append([][]byte{key}, m.keys...)
	m.audit = append(m.audit, audit)
	return m.err
}

func (m *memory) Preferences(_ context.Context, r store.Recipient) ([]store.Preference, error) {
	return m.off[r], m.err
}

func (m *memory) SetPreferences(_ context.Context, r store.Recipient, off []store.Preference, audit store.AuditEntry) error {
	m.off[r], m.audit = off, append(m.audit, audit)
	return m.err
}

func (m *memory) SwitchOff(_ context.Context, p store.Preference) error {
	m.off[p.Recipient] = append(m.off[p.Recipient], p)
	return m.err
}

func (m *memory) SwitchOn(_ context.Context, p store.Preference) error {
	delete(m.off, p.Recipient)
	return m.err
}

func (m *memory) Kind(_ context.Context, name string) (store.Kind, error) {
	k, is := m.kinds[name]
	switch {
	case m.err != nil:
		return k, m.err
	case !is:
		return k, store.ErrNotFound
	}
	return k, nil
}

var alice = store.Recipient{Type: "email", Value: "爱丽丝.alice@example.com"}

var news = optout.Choice{Kind: "news", Channel: "email", Recipient: alice}

func newOptOut(st *memory) *optout.OptOut { return optout.New(st, builtin.Types(), sealing.New(st)) }

func token(t *testing.T, o *optout.OptOut, c optout.Choice) string {
	t.Helper()
	made, err := o.Token(t.Context(), c)
	require.NoError(t, err)
	return made
}

func TestTokensSayWhatTheyWereMadeFor(t *testing.T) {
	t.Parallel()
	st := newMemory()
	one, another := newOptOut(st), newOptOut(st) // replicas
	longest := optout.Choice{Kind: strings.Repeat("k", 64), Channel: "email", Recipient: store.Recipient{Type: "email", Value: strings.Repeat("a", 320)}}
	for _, c := range []optout.Choice{news, longest} {
		made := token(t, one, c)
		require.NotContains(t, made, "alice")
		decoded, err := base64.RawURLEncoding.DecodeString(made)
		require.NoError(t, err)
		require.NotContains(t, string(decoded), "alice")
		require.NotContains(t, string(decoded), "news")
		require.LessOrEqual(t, len(made), 700, "it is one line of a header")
		got, err := another.Read(t.Context(), made)
		require.NoError(t, err)
		require.Equal(t, c, got)
	}
}

// Of a token no bit can be changed, nothing cut off or added, and none of another installation is
// taken.
func TestForgedTokens(t *testing.T) {
	t.Parallel()
	st := newMemory()
	o := newOptOut(st)
	made := token(t, o, news)
	bob := token(t, o, optout.Choice{Kind: "news", Channel: "email", Recipient: store.Recipient{Type: "email", Value: "bob.bobbb@example.com"}})
	forged := []string{
		"", "x", "=", made + "A", made[1:], made[:len(made)-1], "../" + made, made + "=", made + "\n", made + "?x", strings.Repeat("A", 2000), strings.Repeat("A", 80),
		made[:20] + bob[20:], // a nonce with another's text
		token(t, newOptOut(newMemory()), news),
		base64.RawURLEncoding.EncodeToString([]byte("news\x00email\x00email\x00alice@example.com")),
	}
	raw, err := base64.RawURLEncoding.DecodeString(made)
	require.NoError(t, err)
	for i := range raw {
		changed := slices.Clone(raw)
		changed[i] ^= 1
		forged = append(forged, base64.RawURLEncoding.EncodeToString(changed))
	}
	for _, f := range forged {
		_, err := o.Read(t.Context(), f)
		require.ErrorIs(t, err, optout.ErrForged, f)
	}
	require.Equal(t, 1, st.reads, "forged ones have the keys read once a second at most")
}

func TestKeysAreRotated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := newMemory()
		one, another := newOptOut(st), newOptOut(st)
		old := token(t, one, news)
		_, err := another.Read(t.Context(), old)
		require.NoError(t, err)

		require.NoError(t, one.NewKey(t.Context(), false, store.Actor{AppID: "operator"}))
		made := token(t, one, news)
		time.Sleep(2 * time.Second)
		for _, good := range []string{old, made} { // a replica that does not know of it yet looks
			_, err := another.Read(t.Context(), good)
			require.NoError(t, err)
		}
		require.NoError(t, one.NewKey(t.Context(), true, store.Actor{AppID: "operator"}))
		time.Sleep(61 * time.Second)
		for _, o := range []*optout.OptOut{one, another} {
			for _, dead := range []string{old, made} {
				_, err := o.Read(t.Context(), dead)
				require.ErrorIs(t, err, optout.ErrForged)
			}
			_, err := o.Read(t.Context(), token(t, one, news))
			require.NoError(t, err)
		}
		require.Len(t, st.audit, 2)
	})
}

// A database that does not answer stops no link that was made before, and no mail.
func TestKeysOutliveAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := newMemory()
		o := newOptOut(st)
		made := token(t, o, news)
		st.err = store.ErrUnavailable
		time.Sleep(time.Hour)
		_, err := o.Read(t.Context(), made)
		require.NoError(t, err)
		token(t, o, news)
		_, err = newOptOut(st).Token(t.Context(), news)
		require.ErrorIs(t, err, store.ErrUnavailable)
	})
}

// A token that was read is one that was made, and says the same.
func FuzzRead(f *testing.F) {
	st := newMemory()
	o := newOptOut(st)
	made, err := o.Token(f.Context(), news)
	require.NoError(f, err)
	for _, seed := range []string{made, made[1:], "", "AAAA", strings.Repeat("A", 60)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := o.Read(t.Context(), text)
		switch {
		case err == nil:
			require.Equal(t, made, text)
			require.Equal(t, news, c)
		case !errors.Is(err, optout.ErrForged):
			t.Fatal(err)
		}
	})
}

func TestOnlyOptionalKindsAreSwitchedOff(t *testing.T) {
	t.Parallel()
	st := newMemory()
	st.kinds["news"], st.kinds["security"] = store.Kind{Name: "news", Optional: true}, store.Kind{Name: "security", Critical: true}
	o, by := newOptOut(st), store.Actor{AppID: "app"}
	off := []store.Preference{{Kind: "news"}, {Kind: "news", Channel: "email"}, {Channel: "sms"}, {}}
	now, err := o.Set(t.Context(), alice, off, by)
	require.NoError(t, err)
	require.Equal(t, off, now)
	require.Equal(t, "type email, 4 off", st.audit[0].Detail)
	require.Empty(t, st.audit[0].ObjectID, "it would be the address")
	for _, c := range []struct {
		to          store.Recipient
		off         store.Preference
		code, field string
	}{
		{alice, store.Preference{Kind: "security"}, refusal.KindNotOptional, "off[0].kind"},
		{alice, store.Preference{Kind: "unknown"}, refusal.UnknownKind, "off[0].kind"},
		{alice, store.Preference{Kind: "news", Channel: "pigeon"}, refusal.UnknownChannel, "off[0].channel"},
		{store.Recipient{Type: "pigeon", Value: "x"}, store.Preference{}, refusal.InvalidRecipient, "recipient"},
		{store.Recipient{Type: "email", Value: "x"}, store.Preference{}, refusal.InvalidRecipient, "recipient"},
	} {
		_, err := o.Set(t.Context(), c.to, []store.Preference{c.off}, by)
		var refused *refusal.Error
		require.ErrorAs(t, err, &refused)
		require.Equal(t, []string{c.code, c.field}, []string{refused.Code, refused.Field})
		require.NotContains(t, refused.Message, "爱丽丝")
	}
	delete(st.kinds, "news")
	_, err = o.Set(t.Context(), alice, []store.Preference{{Kind: "news"}, {Channel: "email"}}, by)
	require.NoError(t, err, "what is off may stay off")
	_, err = o.Set(t.Context(), alice, make([]store.Preference, 501), by)
	require.ErrorContains(t, err, "at most 500")
}

func TestOptionalKindsAreKnownForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := newMemory()
		o := newOptOut(st)
		is := func(name string) bool {
			optional, err := o.IsOptional(t.Context(), name)
			require.NoError(t, err)
			return optional
		}
		require.False(t, is("news"))
		st.kinds["news"] = store.Kind{Name: "news", Optional: true}
		require.False(t, is("news"))
		time.Sleep(11 * time.Second)
		require.True(t, is("news"))
		st.err = store.ErrUnavailable
		require.True(t, is("news"))
		time.Sleep(11 * time.Second)
		_, err := o.IsOptional(t.Context(), "news")
		require.ErrorIs(t, err, store.ErrUnavailable)
	})
}
