package console

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// sessionCookie holds the token of a session. The prefix of secureCookie makes a browser
// refuse it unless it was set over TLS, so it cannot be planted.
const (
	sessionCookie = "sealos_notify_session"
	secureCookie  = "__Host-" + sessionCookie
)

// SessionCookies are the names of the cookies that may hold a session's token.
var SessionCookies = []string{secureCookie, sessionCookie}

// tokenOf returns the token of the browser's session.
func tokenOf(r *http.Request) (token, cookie string) {
	name := sessionCookie
	if isSecure(r) {
		name = secureCookie
	}
	if c, err := r.Cookie(name); err == nil {
		return c.Value, name
	}
	return "", name
}

// isSecure reports whether the browser used TLS. A proxy in front says so; who writes the header
// without one only changes an own cookie.
func isSecure(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// setSession gives the browser the token of its session, or takes it away.
func setSession(w http.ResponseWriter, r *http.Request, token string, expires time.Time) {
	_, name := tokenOf(r)
	c := &http.Cookie{ //nolint:gosec // without TLS a browser would drop a secure cookie
		Name: name, Value: token, Path: "/", Expires: expires,
		HttpOnly: true, Secure: isSecure(r), SameSite: http.SameSiteStrictMode,
	}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// signInData is what the form shows after a wrong secret.
type signInData struct {
	AppID, Next string
	Problem     *Problem
	Provider    string // host of the OpenID provider, or empty
}

// signInFirst sends a browser to the form, from where it returns. A browser that follows a link
// of another site does not send the cookie: it is made to ask once more by itself.
func (v *visit) signInFirst() error {
	if v.r.Method == http.MethodGet && v.r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		return v.show("again", http.StatusOK, nil)
	}
	query := url.Values{}
	if v.r.Method == http.MethodGet {
		query.Set("next", v.Here())
	}
	target := Prefix + "/sign-in"
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	if v.r.Header.Get("HX-Request") != "" { // htmx would put the form into the page
		v.w.Header().Set("HX-Redirect", target)
		v.w.WriteHeader(http.StatusUnauthorized)
		return nil
	}
	return v.redirect(target, nil)
}

func showSignIn(v *visit) error {
	next := v.r.URL.Query().Get("next")
	if v.User != nil {
		return v.redirect(local(next), nil)
	}
	return v.page(signInData{Next: next, Provider: v.console.api.SignOnHost()})
}

func signIn(v *visit) error {
	form := v.r.PostForm
	token, expires, err := v.console.api.SignIn(v.r.Context(), form.Get("app"), form.Get("secret"))
	if err != nil {
		return v.signInFailed(err, form.Get("app"), form.Get("next"))
	}
	setSession(v.w, v.r, token, expires)
	return v.redirect(local(form.Get("next")), nil)
}

// signInFailed shows the form again, with what went wrong.
func (v *visit) signInFailed(err error, app, next string) error {
	p := v.console.api.Problem(err)
	return v.show("signin", p.Status, signInData{AppID: app, Next: next, Problem: &p, Provider: v.console.api.SignOnHost()})
}

func signOut(v *visit) error {
	if token, _ := tokenOf(v.r); v.User != nil { // anybody can make up a token
		if err := v.console.api.SignOut(v.r.Context(), token); err != nil {
			return err
		}
	}
	setSession(v.w, v.r, "", time.Time{})
	return v.redirect(Prefix+"/sign-in", nil)
}
