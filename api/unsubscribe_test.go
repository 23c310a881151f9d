package api_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/optout"
	"github.com/labring/sealos-notify/jobs/sealing"
	"github.com/labring/sealos-notify/store"
)

var alice = store.Recipient{Type: "email", Value: "alice.canary@example.com"}

// link returns the path of a link that switches mails of the kind news off.
func (b *bench) link(t *testing.T) string {
	t.Helper()
	token, err := optout.New(b.store, builtin.Types(), sealing.New(b.store)).Token(t.Context(), optout.Choice{Kind: "news", Channel: "email", Recipient: alice})
	require.NoError(t, err)
	return optout.Path + token
}

// door asks at the link, as a stranger.
func (b *bench) door(t *testing.T, method, path, contentType, body string) answer {
	t.Helper()
	return b.callUndescribed(t, request{method: method, path: path, header: http.Header{"Content-Type": {contentType}}, body: body})
}

const form = "application/x-www-form-urlencoded"

func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.store.kinds["news"] = store.Kind{Name: "news", Optional: true, Description: "产品 <新闻>"}
	path := b.link(t)

	// Programs that look where links lead change nothing.
	for _, method := range []string{"GET", "HEAD", "GET"} {
		a := b.door(t, method, path, form, "")
		require.Equal(t, 200, a.status)
		require.Empty(t, b.store.off[alice])
	}
	asked := b.door(t, "GET", path, form, "")
	for _, text := range []string{"退订", "Unsubscribe", "a***@example.com", "news", "产品 &lt;新闻&gt;", `<form method="post">`} {
		require.Contains(t, asked.text, text)
	}
	require.NotContains(t, asked.text, "canary")
	require.Equal(t, "no-store", asked.header.Get("Cache-Control"))
	require.Equal(t, "no-referrer", asked.header.Get("Referrer-Policy"))
	require.Contains(t, asked.header.Get("Content-Security-Policy"), "default-src 'none'")
	require.Empty(t, asked.header.Values("Set-Cookie"))

	// Mail programs post this (RFC 8058), people the button.
	for _, post := range []struct{ contentType, body string }{
		{form, "List-Unsubscribe=One-Click"},
		{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n"},
		{form, "do=off"}, {"text/plain", "x"}, {form, ""},
	} {
		a := b.door(t, "POST", path, post.contentType, post.body)
		require.Equal(t, 200, a.status, a.text)
		require.Contains(t, a.text, "已退订")
		require.Contains(t, a.text, "no more mails of the kind")
		require.NotEmpty(t, b.store.off[alice])
		require.Equal(t, "news", b.store.off[alice][0].Kind)
		require.Equal(t, "email", b.store.off[alice][0].Channel)
		require.Equal(t, store.SourceLink, b.store.off[alice][0].Source)

		a = b.door(t, "POST", path, form, url.Values{"do": {"on"}}.Encode())
		require.Contains(t, a.text, "已恢复")
		require.Empty(t, b.store.off[alice])
	}
	require.Equal(t, 405, b.door(t, "DELETE", path, form, "").status)
	require.Equal(t, 413, b.door(t, "POST", path, form, strings.Repeat("x", 9<<10)).status)
	require.Empty(t, b.store.off[alice])
	token := strings.TrimPrefix(path, optout.Path)
	for _, entry := range b.logs.All() {
		line := fmt.Sprint(entry.Message, entry.ContextMap())
		require.NotContains(t, line, token, "who has the token may use it")
		require.NotContains(t, line, "canary")
	}
}

func TestForgedUnsubscribeLinks(t *testing.T) {
	t.Parallel()
	b := start(t)
	path := b.link(t)
	foreign := start(t).link(t)
	for _, forged := range []string{
		foreign, path[:len(path)-1], path + "A", path + "%0A", optout.Path + "x", optout.Path + base64.RawURLEncoding.EncodeToString([]byte(alice.Value)),
		strings.Replace(path, "_", "-", 1) + "B",
	} {
		for _, method := range []string{"GET", "POST"} {
			a := b.door(t, method, forged, form, "")
			require.Contains(t, []int{404, 429}, a.status, forged)
			require.Empty(t, b.store.off)
		}
	}
	require.Equal(t, 404, b.door(t, "GET", optout.Path, form, "").status)
	// Many forged ones from one network are turned away, and never a right one.
	refused := 0
	for range 50 {
		if a := b.door(t, "POST", optout.Path+"forged", form, ""); a.status == 429 {
			require.NotEmpty(t, a.header.Get("Retry-After"))
			refused++
		}
	}
	require.Positive(t, refused)
	require.Equal(t, 200, b.door(t, "POST", path, form, "").status)
	require.NotEmpty(t, b.store.off[alice])
}

func TestUnsubscribeWithoutDatabase(t *testing.T) {
	t.Parallel()
	b := start(t)
	path := b.link(t)
	require.Equal(t, 200, b.door(t, "GET", path, form, "").status)
	b.store.mu.Lock()
	b.store.err = store.ErrUnavailable
	b.store.mu.Unlock()
	require.Equal(t, 200, b.door(t, "GET", path, form, "").status, "a look asks nothing more of the database")
	a := b.door(t, "POST", path, form, "")
	require.Equal(t, 503, a.status)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.Contains(t, a.text, "Try again")
}

// The same link used by many at once takes few of the database's connections.
func TestLinksAreUsedFewAtOnce(t *testing.T) {
	t.Parallel()
	var slow slowSwitch
	b := start(t, func(o *api.Options) { slow.OptOut = o.OptOut; o.OptOut = &slow })
	path := b.link(t)
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() { b.door(t, "POST", path, form, "") })
	}
	limit.Group(t, &all, "answers")
	require.LessOrEqual(t, slow.most, 4)
	require.Positive(t, slow.most)
}

// slowSwitch counts how many switch at once.
type slowSwitch struct {
	api.OptOut
	mu        sync.Mutex
	now, most int
}

func (s *slowSwitch) Switch(ctx context.Context, c optout.Choice, off bool) error {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	time.Sleep(5 * time.Millisecond)
	s.mu.Lock()
	s.now--
	s.mu.Unlock()
	return s.OptOut.Switch(ctx, c, off)
}
