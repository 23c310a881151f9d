package console

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
)

const (
	signOnCallback = Prefix + "/sign-in/oidc/callback"
	// signOnCookie holds the Attempt. It is not SameSite=Strict, as the session is: the browser
	// comes back from the provider, which is another site.
	signOnCookie = "sealos_notify_sign_in"
	// keepAttempt is how long a browser keeps the cookie, in seconds. The server has its own bound.
	keepAttempt = 600
	// maxNext bounds the path that is kept meanwhile, in bytes. Browsers drop large cookies.
	maxNext = 1024
)

// redirectAddress returns where the provider sends the browser. The provider compares it with the
// addresses that it was told.
func redirectAddress(r *http.Request) string {
	scheme := "http"
	if isSecure(r) {
		scheme = "https"
	}
	return scheme + "://" + r.Host + signOnCallback
}

// beginSignOn sends the browser to the provider. It is a link and not a form: the pages' policy
// lets no form lead to another site.
func beginSignOn(v *visit) error {
	attempt, address, err := v.console.api.BeginSignOn(v.r.Context(), redirectAddress(v.r))
	if err != nil {
		return v.signInFailed(err, "", v.r.URL.Query().Get("next"))
	}
	if next := v.r.URL.Query().Get("next"); len(next) <= maxNext {
		attempt.Next = next
	}
	text, err := json.Marshal(attempt)
	if err != nil {
		return err
	}
	http.SetCookie(v.w, attemptCookie(v.r, base64.RawURLEncoding.EncodeToString(text), keepAttempt))
	http.Redirect(v.w, v.r, address, http.StatusSeeOther)
	return nil
}

// finishSignOn is where the provider sends the browser.
func finishSignOn(v *visit) error {
	attempt := attemptOf(v.r)
	http.SetCookie(v.w, attemptCookie(v.r, "", -1)) // one attempt, one answer
	token, expires, err := v.console.api.FinishSignOn(v.r.Context(), redirectAddress(v.r), attempt, v.r.URL.Query())
	if err != nil {
		return v.signInFailed(err, "", attempt.Next)
	}
	setSession(v.w, v.r, token, expires)
	// A redirect would be the provider's still, and come without the session.
	return v.show("again", http.StatusOK, local(attempt.Next))
}

// attemptOf returns the attempt that the browser began, or the zero value.
func attemptOf(r *http.Request) (a Attempt) {
	c, err := r.Cookie(attemptCookie(r, "", 0).Name)
	if err != nil {
		return a
	}
	text, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || json.Unmarshal(text, &a) != nil {
		return Attempt{}
	}
	return a
}

func attemptCookie(r *http.Request, value string, maxAge int) *http.Cookie {
	name := signOnCookie
	if isSecure(r) {
		name = "__Host-" + name
	}
	return &http.Cookie{ //nolint:gosec // without TLS a browser would drop a secure cookie
		Name: name, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: isSecure(r), SameSite: http.SameSiteLaxMode,
	}
}
