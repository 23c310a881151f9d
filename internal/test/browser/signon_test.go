package browser

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/openid"
)

// startOpenID runs the program with a real OpenID provider.
func startOpenID(t *testing.T) (w *harness.World, r *harness.Replica, configure func(access string), stop func()) {
	t.Helper()
	w = harness.NewSQLite(t)
	r = start(t, w)
	issuer, stop := openid.Start(t, r.Base+"/console/sign-in/oidc/callback")
	configure = func(access string) {
		w.Configure(map[string]string{"console": fmt.Sprintf(`{oidc: {issuer: %q, clientId: %q, clientSecret: %q, access: %s}}`,
			issuer, openid.ClientID, openid.ClientSecret, access)})
		r.Await("configuration reloaded")
	}
	return w, r, configure, stop
}

// goTo leads from the form to the provider's.
func (b *tab) goToProvider() {
	b.t.Helper()
	b.press(`a[href*="/sign-in/oidc"]`)
	require.Contains(b.t, b.text(), "Password")
}

// authenticate signs a person in at the provider's form.
func (b *tab) authenticate(person string) {
	b.t.Helper()
	b.do(chromedp.SetValue(chromedp.CSS("#username"), person), chromedp.SetValue(chromedp.CSS("#password"), openid.Password))
	b.press("button[type=submit], input[type=submit], button")
}

const access = `[{value: notify-admins, app: notify-console, roles: [admin]}, {value: billing, app: other-app, roles: [templates]}]`

// A person signs in at another site, comes back to the page that was asked for, and is in the
// audit log by name. The session ends with the mapping that let it in.
func TestSignInByOpenID(t *testing.T) {
	t.Parallel()
	w, r, configure, _ := startOpenID(t)
	configure(access)
	w.Vendors.SMS.Fail(refusedNumber)
	id := send(r, "sms", "code", "phone", "+8613800000000", "disk full")
	delivery := "/console/deliveries/" + r.Until(id, "failed")[0].ID

	b := open(t, r.Base, settings{})
	b.visit(delivery)
	require.Contains(t, b.text(), "Sign in with localhost:")
	b.isAccessible()
	b.picture("signin-oidc")
	b.goToProvider()
	b.authenticate("alice")
	b.await("alice@example.com")
	require.Equal(t, delivery, b.path())
	b.press("form[action$='/retry'] button")
	entries := r.Call(harness.AdminID, harness.AdminSecret, http.MethodGet, "/api/v1/audit?action=delivery.retry", nil).Body["entries"].([]any)
	require.Equal(t, "alice@example.com", entries[0].(map[string]any)["person"])

	b.visit("/console/queues")
	require.True(t, eval[bool](b, `fetch("/riverui/api/queues/email/pause", {method: "PUT"}).then(a => a.ok)`, chromedp.EvalAwaitPromise))
	b.visit("/console/audit")
	for _, action := range []string{"Queue paused", "Delivery sent again"} {
		require.True(t, eval[bool](b, fmt.Sprintf(`[...document.querySelectorAll("main tbody tr")].some(row => row.textContent.includes(%q) && row.textContent.includes("alice@example.com"))`, action)), action)
	}
	b.picture("audit-oidc")

	b.press("form[action$='/sign-out'] button")
	b.visit(delivery)
	require.Contains(t, b.path(), "/console/sign-in")
	b.goToProvider()
	b.authenticate("alice")
	b.await("alice@example.com")
	configure(`[{value: billing, app: other-app, roles: [templates]}]`)
	b.visit(delivery)
	require.Contains(t, b.path(), "/console/sign-in", "what let alice in is gone")
}

// What does not let in says so, and begins no session.
func TestSignInByOpenIDIsRefused(t *testing.T) {
	t.Parallel()
	w, r, configure, stop := startOpenID(t)
	configure(access)
	b := open(t, r.Base, settings{})
	begin := func() {
		b.visit("/console/sign-in")
		b.goToProvider()
	}
	signedOut := func(says string) {
		t.Helper()
		b.await(says)
		b.visit("/console/")
		require.Contains(t, b.path(), "/console/sign-in")
	}

	begin()
	b.authenticate("carol")
	b.picture("signin-not-admitted")
	signedOut("nothing that it says of you lets you in")

	begin() // the browser drops the cookie of an attempt after ten minutes
	command(b, network.DeleteCookies, network.DeleteCookiesParams{Name: "sealos_notify_sign_in", URL: r.Base + "/"})
	b.authenticate("alice")
	signedOut("took longer than ten minutes")

	begin() // another site leads the browser to an answer of its own
	b.visit("/console/sign-in/oidc/callback?state=forged&code=stolen")
	signedOut("not begun in this browser")

	b.press(`a[href*="/sign-in/oidc"]`)
	b.authenticate("bob")
	b.await("bob@example.com")
	b.visit("/console/notifications")
	require.Contains(t, b.text(), "Not for your roles")
	b.press("form[action$='/sign-out'] button")

	stop()
	w.Configure(map[string]string{"console": `{oidc: {issuer: "http://127.0.0.1:1", clientId: c, access: ` + access + `}}`})
	r.Await("configuration reloaded")
	b.visit("/console/sign-in")
	b.press(`a[href*="/sign-in/oidc"]`)
	require.Contains(t, b.text(), "cannot be reached")
	b.picture("signin-unreachable")
	b.signIn(harness.AppID, harness.AppSecret)
	require.Contains(t, b.path(), "/console/")
	require.Contains(t, b.text(), "Sign out")
}
