package api_test

import (
	"html"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

// The page of a kind takes what the API takes, and refuses the rest in its words. What was typed is
// not lost.
func TestConsoleKinds(t *testing.T) {
	b := start(t)
	b.store.templates["mail"] = store.Template{Name: "mail", Channel: "email"}
	cookies := b.signIn(t, "root")
	post := func(path string, form url.Values) answer {
		return b.browse(t, http.MethodPost, "/console/"+path, form, cookies)
	}
	get := func(path string) answer { return b.browse(t, http.MethodGet, "/console/"+path, nil, cookies) }
	form := func(with url.Values) url.Values {
		f := url.Values{
			"name": {"billing"}, "description": {"debts"}, "channels": {"email", "sms"}, "optional": {"true"},
			"from": {"22:00"}, "to": {"08:00"}, "timeZone": {"Asia/Shanghai"}, "quiet": {"sms"}, "cap.sms": {"5"}, "cap.email": {""},
			"window": {"1h30m"}, "digest": {"mail"}, "key": {"workspace"},
		}
		for name, values := range with {
			f[name] = values
		}
		return f
	}
	require.Contains(t, get("kinds").text, "There are no kinds")
	a := post("kind", form(nil))
	require.Equal(t, http.StatusSeeOther, a.status, a.text)
	stored := b.store.kinds["billing"]
	require.Equal(t, &store.Quiet{From: "22:00", To: "08:00", TimeZone: "Asia/Shanghai", Channels: []string{"sms"}}, stored.Quiet)
	require.Equal(t, map[string]store.Cap{"sms": {Limit: 5, Per: store.PerDay}}, stored.Caps)
	require.Equal(t, &store.Digest{Window: "1h30m", Template: "mail", Key: "workspace"}, stored.Digest)
	require.Equal(t, "root", stored.UpdatedBy)
	require.Contains(t, get("kinds").text, "5 a day")
	require.Contains(t, get("kind?name=billing").text, `value="22:00"`)
	require.Contains(t, get("kind?name=billing").text, `value="1h30m"`)

	for name, c := range map[string]struct {
		with   url.Values
		status int
		says   string
	}{
		"no name":         {url.Values{"name": {""}}, 400, "name"},
		"no such name":    {url.Values{"name": {"a/b"}}, 400, "name"},
		"both":            {url.Values{"critical": {"true"}}, 422, "critical"},
		"no such zone":    {url.Values{"timeZone": {"Asia/Nowhere"}}, 422, "quiet.timeZone"},
		"no end":          {url.Values{"to": {""}}, 400, "quiet.to"},
		"no number":       {url.Values{"cap.sms": {"many"}}, 400, "caps.sms.limit"},
		"no window":       {url.Values{"window": {""}}, 422, "digest.window"},
		"no template":     {url.Values{"digest": {""}}, 400, "digest.template"},
		"no such digest":  {url.Values{"digest": {"unknown"}}, 422, "digest.template"},
		"foreign channel": {url.Values{"channels": {"email"}}, 422, "quiet.channels[0]"},
	} {
		a := post("kind", form(c.with))
		require.Equal(t, c.status, a.status, name)
		require.Contains(t, html.UnescapeString(a.text), "<strong>"+c.says+"</strong>", name)
		require.Contains(t, a.text, `value="debts"`, name)
	}
	a = post("kind", url.Values{"name": {"plain"}, "timeZone": {"Asia/Shanghai"}})
	require.Equal(t, http.StatusSeeOther, a.status, a.text)
	require.Nil(t, b.store.kinds["plain"].Quiet, "a zone alone is no quiet hours")
	require.Nil(t, b.store.kinds["plain"].Digest)

	cookies = b.signIn(t, "sender")
	require.Contains(t, get("kinds").text, "billing")
	require.NotContains(t, get("kinds").text, "New kind")
	require.Equal(t, http.StatusForbidden, post("kind", form(nil)).status)
	require.Equal(t, http.StatusForbidden, post("kind/delete", url.Values{"name": {"billing"}}).status)

	cookies = b.signIn(t, "root")
	require.Equal(t, http.StatusSeeOther, post("kind/delete", url.Values{"name": {"billing"}}).status)
	require.NotContains(t, b.store.kinds, "billing")
}
