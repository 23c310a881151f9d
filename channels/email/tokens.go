package email

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"

	"github.com/labring/sealos-notify/channels"
)

// maxToken bounds an access token, in octets. Servers take a line of 12,288 octets at
// most (RFC 4954 section 4.1), and base64 makes 4 octets of 3.
const maxToken = 8 << 10

// tokens fetches access tokens and keeps the last one until it expires.
type tokens struct {
	username, secret string // redacted in the endpoint's texts
	grant            grant
	transport        http.RoundTripper

	turn  chan struct{} // has an entry while somebody uses token
	token *oauth2.Token
	seen  atomic.Pointer[[]string] // the last two tokens, redacted in the mail server's texts
}

// get returns an access token other than the refused one. One caller at a time asks the
// endpoint. It takes three quarters of the time at most: after all of it the failure would
// not name the endpoint.
func (t *tokens) get(ctx context.Context, refused string) (string, error) {
	if deadline, bounded := ctx.Deadline(); bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-time.Until(deadline)/4))
		defer cancel()
	}
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", &channels.Error{
			Class: channels.Transient, Code: "token_" + codeTimeout,
			Message: "no access token: another mail has been waiting for one", Cause: ctx.Err(),
		}
	}
	if t.token.Valid() && t.token.AccessToken != refused {
		return t.token.AccessToken, nil
	}
	token, err := t.fetch(ctx)
	if err != nil {
		return "", err
	}
	t.remember(token.AccessToken)
	t.token = token
	return token.AccessToken, nil
}

// fetch asks the endpoint for a token. Its errors are all *channels.Error.
func (t *tokens) fetch(ctx context.Context) (*oauth2.Token, error) {
	r := &request{ctx: ctx, base: t.transport}
	withClient := context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: r})
	token, err := t.grant.TokenSource(withClient).Token()
	var refusal *oauth2.RetrieveError
	switch {
	case r.failure != nil:
		e := *channels.AsError(r.failure)
		e.Code, e.Message = "token_"+e.Code, "no access token: "+e.Message
		if e.Class == channels.Uncertain {
			e.Class = channels.Transient // nothing of the mail was sent
		}
		return nil, &e
	case errors.As(err, &refusal):
		return nil, t.refusal(refusal)
	case err != nil || !plain(token.AccessToken, maxToken):
		return nil, &channels.Error{
			Class: channels.Misconfigured, Code: "token_missing",
			Message: "the token endpoint's answer has no access token in it", Cause: err,
		}
	}
	return token, nil
}

// request is one request of a token source. Package jwt does not pass the context on,
// and its errors do not unwrap.
type request struct {
	ctx     context.Context
	base    http.RoundTripper
	failure error
}

// RoundTrip implements http.RoundTripper.
func (r *request) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.base.RoundTrip(req.WithContext(r.ctx))
	r.failure = err
	return resp, err
}

var (
	// oauthError matches an error code of RFC 6749 section 5.2 and its extensions.
	oauthError = regexp.MustCompile(`^[a-z_]{1,40}$`)
	// credential matches what can be a token or an assertion in a text.
	credential = regexp.MustCompile(`[\w.~+/=-]{100,}`)
)

// refusal returns the error of an endpoint that gave no token.
func (t *tokens) refusal(answer *oauth2.RetrieveError) *channels.Error {
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(answer.Body, &body) // an empty error has a code of its own
	status := answer.Response.StatusCode
	e := &channels.Error{Class: channels.Misconfigured, Code: fmt.Sprintf("token_http_%d", status)}
	if oauthError.MatchString(body.Error) {
		e.Code = "token_" + body.Error
	}
	if status >= 500 || body.Error == "temporarily_unavailable" || body.Error == "server_error" {
		e.Class = channels.Transient
	}
	text := credential.ReplaceAllString(channels.Redact(body.Description, t.secret, t.username), "***")
	e.Message = strings.TrimSpace("the token endpoint gives no access token: " + channels.CleanText(text))
	return e
}

// remember keeps what is redacted: the token and the form in which the mail server gets
// it.
func (t *tokens) remember(token string) {
	sent := base64.StdEncoding.EncodeToString([]byte("user=" + t.username + "\x01auth=Bearer " + token + "\x01\x01"))
	seen := []string{sent, token}
	if before := t.seen.Load(); before != nil {
		seen = append(seen, (*before)[:2]...)
	}
	t.seen.Store(&seen)
}

// redact returns a text of the mail server without tokens. t may be nil.
func (t *tokens) redact(text string) string {
	if t == nil || t.seen.Load() == nil {
		return text
	}
	for _, private := range *t.seen.Load() {
		text = strings.ReplaceAll(text, private, "***")
	}
	return text
}
