package api_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/api/console"
	"github.com/labring/sealos-notify/internal/test/openid"
	"github.com/labring/sealos-notify/store"
)

const signOnCallback = "/console/sign-in/oidc/callback"

// startOpenID starts a server whose people sign in at a real provider.
func startOpenID(t *testing.T, change ...func(*api.Options)) (b *bench, c api.ConsoleConfig, stop func()) {
	t.Helper()
	b = start(t, change...)
	issuer, stop := openid.Start(t, b.url+signOnCallback)
	c = api.DefaultConsoleConfig()
	c.OIDC.Issuer, c.OIDC.ClientID, c.OIDC.ClientSecret = issuer, openid.ClientID, openid.ClientSecret
	c.OIDC.Access = []api.OIDCAccess{
		{Value: "notify-admins", App: "console", Roles: []api.Role{api.RoleAdmin}},
		{Value: "billing", App: "sender"},
	}
	b.server.SetConsole(c)
	return b, c, stop
}

// begin begins a sign-in, and returns the attempt's cookie and the address at the provider.
func (b *bench) begin(t *testing.T) (cookie *http.Cookie, address string) {
	t.Helper()
	a := b.browse(t, http.MethodGet, "/console/sign-in/oidc?next=%2Fconsole%2Fdead", nil, nil)
	require.Equal(t, http.StatusSeeOther, a.status, a.text)
	cookies := (&http.Response{Header: a.header}).Cookies()
	require.Len(t, cookies, 1)
	return cookies[0], a.header.Get("Location")
}

// signOn signs a person in. changed changes the attempt that the browser keeps, and the query
// that the provider sends it with; nil changes nothing.
func (b *bench) signOn(t *testing.T, person string, changed func(*console.Attempt, url.Values)) answer {
	t.Helper()
	cookie, address := b.begin(t)
	callback := openid.SignIn(t, address, person)
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	require.NoError(t, err)
	var attempt console.Attempt
	require.NoError(t, json.Unmarshal(text, &attempt))
	query := callback.Query()
	if changed != nil {
		changed(&attempt, query)
	}
	text, err = json.Marshal(attempt)
	require.NoError(t, err)
	cookie.Value = base64.RawURLEncoding.EncodeToString(text)
	return b.browse(t, http.MethodGet, signOnCallback+"?"+query.Encode(), nil, []*http.Cookie{cookie})
}

// sessionOf returns the cookie of the session that an answer begins.
func sessionOf(t *testing.T, a answer) []*http.Cookie {
	t.Helper()
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == "sealos_notify_session" {
			return []*http.Cookie{c}
		}
	}
	require.Fail(t, "no session", a.text)
	return nil
}

func TestSignOn(t *testing.T) {
	t.Parallel()
	b, _, _ := startOpenID(t)
	require.Contains(t, b.browse(t, http.MethodGet, "/console/sign-in", nil, nil).text, "Sign in with localhost:")

	cookie, address := b.begin(t)
	require.True(t, cookie.HttpOnly)
	require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	asked, err := url.Parse(address)
	require.NoError(t, err)
	require.Equal(t, "S256", asked.Query().Get("code_challenge_method"))
	require.NotEmpty(t, asked.Query().Get("nonce"))
	require.Equal(t, b.url+signOnCallback, asked.Query().Get("redirect_uri"))

	a := b.signOn(t, "alice", nil)
	require.Equal(t, http.StatusOK, a.status, a.text)
	require.Contains(t, a.text, `content="0; url=/console/dead"`)
	session := sessionOf(t, a)
	require.Equal(t, http.SameSiteStrictMode, session[0].SameSite)
	page := b.browse(t, http.MethodGet, "/console/dead", nil, session)
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.text, "alice@example.com")

	a = b.browse(t, http.MethodPost, "/console/sign-out", url.Values{}, session)
	require.Equal(t, http.StatusSeeOther, a.status)
	require.Equal(t, http.StatusSeeOther, b.browse(t, http.MethodGet, "/console/dead", nil, session).status, "the old cookie is of no use")
}

// What the audit log has is the person, and where the person sat.
func TestSignOnIsAudited(t *testing.T) {
	t.Parallel()
	b, _, _ := startOpenID(t)
	d := b.accepted("sender")
	session := sessionOf(t, b.signOn(t, "bob", nil))
	a := b.browse(t, http.MethodPost, "/console/deliveries/"+d.ID.String()+"/retry", url.Values{}, session, "User-Agent", "browser")
	require.Equal(t, http.StatusSeeOther, a.status, a.text)
	require.Equal(t, []store.Actor{{AppID: "sender", Person: "bob@example.com", Address: "127.0.0.1", Agent: "browser"}}, b.control.by)
}

// The person stands in the audit log for what is done in River UI, too, and on the log's page.
func TestSignOnIsAuditedInRiverUI(t *testing.T) {
	t.Parallel()
	b, _, _ := startOpenID(t, withUI)
	session := sessionOf(t, b.signOn(t, "alice", nil))
	a := b.browse(t, http.MethodPut, "/riverui/api/queues/email/pause", nil, session, "Sec-Fetch-Site", "same-origin", "User-Agent", "browser")
	require.Equal(t, http.StatusOK, a.status, a.text)
	require.Len(t, b.store.entries, 1)
	e := b.store.entries[0]
	require.Equal(t, []string{"console", "alice@example.com", "queue.pause", "email", "127.0.0.1", "browser"},
		[]string{e.AppID, e.Person, string(e.Action), e.ObjectID, e.Address, e.Agent})
	page := b.browse(t, http.MethodGet, "/console/audit", nil, session)
	require.Contains(t, page.text, "<bdi>alice@example.com</bdi> · <bdi>console</bdi></td>")
	require.Contains(t, page.text, "Queue paused")
}

func TestSignOnIsRefused(t *testing.T) {
	t.Parallel()
	b, _, _ := startOpenID(t)
	for name, c := range map[string]struct {
		person  string
		changed func(*console.Attempt, url.Values)
		status  int
		says    string
	}{
		"no value lets in":          {"carol", nil, http.StatusForbidden, "nothing that it says of you"},
		"forged state":              {"alice", func(_ *console.Attempt, q url.Values) { q.Set("state", "forged") }, http.StatusBadRequest, "Begin again"},
		"no state":                  {"alice", func(_ *console.Attempt, q url.Values) { q.Del("state") }, http.StatusBadRequest, "Begin again"},
		"both states empty":         {"alice", func(a *console.Attempt, q url.Values) { a.State = ""; q.Set("state", "") }, http.StatusBadRequest, "Begin again"},
		"too late":                  {"alice", func(a *console.Attempt, _ url.Values) { a.Began = a.Began.Add(-11 * time.Minute) }, http.StatusBadRequest, "Begin again"},
		"another nonce":             {"alice", func(a *console.Attempt, _ url.Values) { a.Nonce = "other" }, http.StatusUnauthorized, "refused"},
		"another verifier":          {"alice", func(a *console.Attempt, _ url.Values) { a.Verifier = "other-verifier-other-verifier-other-verifier" }, http.StatusUnauthorized, "refused"},
		"another code":              {"alice", func(_ *console.Attempt, q url.Values) { q.Set("code", "other") }, http.StatusUnauthorized, "refused"},
		"the person says no":        {"alice", func(_ *console.Attempt, q url.Values) { q.Set("error", "access_denied") }, http.StatusUnauthorized, "refused"},
		"the provider's own script": {"alice", func(_ *console.Attempt, q url.Values) { q.Set("error", "<script>alert(1)</script>") }, http.StatusUnauthorized, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			a := b.signOn(t, c.person, c.changed)
			require.Equal(t, c.status, a.status, a.text)
			require.Contains(t, a.text, c.says)
			require.NotContains(t, a.header.Values("Set-Cookie"), "sealos_notify_session")
			require.NotContains(t, a.text, "<script>alert")
		})
	}
	require.Empty(t, b.store.sessions)
	for _, entry := range b.logs.All() {
		for _, value := range entry.ContextMap() {
			require.NotContains(t, fmt.Sprint(value), openid.ClientSecret)
		}
	}
}

// An address that the provider did not verify can be anybody's.
func TestSignOnTakesNoUnverifiedAddress(t *testing.T) {
	t.Parallel()
	b, c, _ := startOpenID(t)
	page := b.browse(t, http.MethodGet, "/console/", nil, sessionOf(t, b.signOn(t, "dave", nil)))
	require.Contains(t, page.text, "<bdi>dave</bdi>", "the subject stands for it")
	require.NotContains(t, page.text, "alice@example.com")

	c.OIDC.Claim = "email"
	c.OIDC.Access = []api.OIDCAccess{{Value: "alice@example.com", App: "root"}}
	b.server.SetConsole(c)
	require.Equal(t, http.StatusForbidden, b.signOn(t, "dave", nil).status)
	sessionOf(t, b.signOn(t, "alice", nil))
}

// A session ends when its time is over, and when what let it in changes.
func TestSignOnSessionEnds(t *testing.T) {
	t.Parallel()
	b, c, _ := startOpenID(t)
	session := sessionOf(t, b.signOn(t, "bob", nil))
	lives := func() bool { return b.browse(t, http.MethodGet, "/console/", nil, session).status == http.StatusOK }
	credentials := func(text string) {
		parsed, err := api.ParseCredentials([]byte(text))
		require.NoError(t, err)
		b.auth.Set(parsed)
	}
	for name, change := range map[string]func(*api.OIDCConfig){
		"the entry is gone":        func(c *api.OIDCConfig) { c.Access = c.Access[:1] },
		"another value":            func(c *api.OIDCConfig) { c.Access[1].Value = "finance" },
		"another app":              func(c *api.OIDCConfig) { c.Access[1].App = "root" },
		"other roles":              func(c *api.OIDCConfig) { c.Access[1].Roles = []api.Role{api.RoleTemplates} },
		"another claim":            func(c *api.OIDCConfig) { c.Claim = "roles" },
		"another provider":         func(c *api.OIDCConfig) { c.Issuer = "https://other.example" },
		"another client":           func(c *api.OIDCConfig) { c.ClientID = "other" },
		"no provider any more":     func(c *api.OIDCConfig) { *c = api.OIDCConfig{} },
		"provider gone, map stays": func(c *api.OIDCConfig) { c.Issuer = "" },
	} {
		changed := c
		changed.OIDC.Access = append([]api.OIDCAccess{}, c.OIDC.Access...)
		change(&changed.OIDC)
		b.server.SetConsole(changed)
		require.False(t, lives(), name)
		b.server.SetConsole(c)
		require.True(t, lives(), name)
	}
	changed := c
	changed.OIDC.ClientSecret = "renewed"
	changed.OIDC.Access = append([]api.OIDCAccess{{Value: "staff", App: "editor"}}, c.OIDC.Access...)
	b.server.SetConsole(changed)
	require.True(t, lives(), "neither a new secret nor another entry ends it")
	b.server.SetConsole(c)

	credentials("apps:\n- {appId: sender, appSecret: another-secret, roles: [send]}\n- {appId: console, appSecret: console-secret}")
	require.True(t, lives(), "the app's secret did not let it in")
	credentials("apps:\n- {appId: sender, appSecret: sender-secret, roles: [admin]}\n- {appId: console, appSecret: console-secret}")
	require.False(t, lives(), "the app's roles changed")
	credentials("apps:\n- {appId: sender, appSecret: sender-secret, roles: [send], enabled: false}\n- {appId: console, appSecret: console-secret}")
	require.False(t, lives(), "the app is disabled")
	credentials(apps)
	require.True(t, lives())
	for digest, s := range b.store.sessions {
		s.ExpiresAt = time.Now()
		b.store.sessions[digest] = s
	}
	require.False(t, lives(), "its time is over")
}

// A provider that is away, at the first sign-in or in the middle of one, keeps nobody from signing
// in with a secret.
func TestSignOnWithoutItsProvider(t *testing.T) {
	t.Parallel()
	b, c, stop := startOpenID(t)
	cookie, address := b.begin(t)
	callback := openid.SignIn(t, address, "alice")
	stop()
	a := b.browse(t, http.MethodGet, callback.RequestURI(), nil, []*http.Cookie{cookie})
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Contains(t, a.text, "cannot be reached")

	c.OIDC.ClientID = "never-reached"
	b.server.SetConsole(c)
	a = b.browse(t, http.MethodGet, "/console/sign-in/oidc", nil, nil)
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Contains(t, a.text, "cannot be reached")
	require.Contains(t, a.text, `name="secret"`, "the form is there")
	b.signIn(t, "console")
}

// Without a provider there is no such sign-in.
func TestNoSignOn(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, path := range []string{"/console/sign-in/oidc", signOnCallback + "?state=&code=x"} {
		require.Equal(t, http.StatusNotFound, b.browse(t, http.MethodGet, path, nil, nil).status, path)
	}
	require.NotContains(t, b.browse(t, http.MethodGet, "/console/sign-in", nil, nil).text, "/sign-in/oidc")
}
