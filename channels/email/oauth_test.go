package email_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/email"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/oauth"
	"github.com/labring/sealos-notify/internal/vendors/smtp"
)

const (
	clientID     = "11112222-bbbb-3333-cccc-4444dddd5555"
	clientSecret = "canary-secret~Q8h.Zv"
)

// oauthSetup starts a token endpoint and a mail server that takes its tokens only.
type oauthSetup struct {
	endpoint *oauth.Server
	base     string // the endpoint's address
	mail     *smtp.Server
	sender   channels.Sender
}

func setupOAuth(t *testing.T, change func(*email.Config)) oauthSetup {
	t.Helper()
	endpoint, err := oauth.New(clientID, clientSecret, username)
	require.NoError(t, err)
	web := httptest.NewServer(endpoint)
	t.Cleanup(web.Close)
	o := oauthSetup{endpoint: endpoint, base: web.URL}
	o.mail, o.sender = setup(t, func(c *email.Config) {
		c.Password = ""
		c.OAuth = microsoft(web.URL)
		if change != nil {
			change(c)
		}
	})
	o.mail.TakeTokens(endpoint.Valid)
	return o
}

func microsoft(base string) email.OAuth {
	return email.OAuth{TokenURL: base + oauth.MicrosoftPath, ClientID: clientID, ClientSecret: clientSecret, Scope: oauth.MicrosoftScope}
}

// send sends a mail on a new connection.
func (o oauthSetup) send(t *testing.T) error {
	t.Helper()
	if o.mail.Inbox().Total() > 0 {
		o.mail.Fail(smtp.Fault{Where: smtp.Mail, Times: 1, Code: "421", Message: "4.4.2 idle for too long"})
	}
	_, err := o.sender.Send(limit.Context(t), textTo(user))
	return err
}

func TestLoginByClientCredentials(t *testing.T) {
	t.Parallel()
	o := setupOAuth(t, nil)
	for range 3 {
		_, err := o.sender.Send(limit.Context(t), textTo(user))
		require.NoError(t, err)
	}
	require.NoError(t, o.sender.(channels.Prober).Probe(limit.Context(t)))
	require.Equal(t, 3, o.mail.Inbox().Total())
	require.Equal(t, 1, o.endpoint.Requests(oauth.Token))
}

func TestLoginByServiceAccount(t *testing.T) {
	t.Parallel()
	o := setupOAuth(t, nil)
	key, err := o.endpoint.ServiceAccount(o.base)
	require.NoError(t, err)
	server, sender := setup(t, func(c *email.Config) { c.Password, c.OAuth = "", email.OAuth{ServiceAccount: key} })
	server.TakeTokens(o.endpoint.Valid)
	_, err = sender.Send(limit.Context(t), textTo(user))
	require.NoError(t, err)
	require.Equal(t, 1, server.Inbox().Total())

	// The account may not act for everybody.
	server, sender = setup(t, func(c *email.Config) {
		c.Username, c.Password, c.OAuth = "ceo@example.com", "", email.OAuth{ServiceAccount: key}
	})
	server.TakeTokens(o.endpoint.Valid)
	_, err = sender.Send(limit.Context(t), textTo(user))
	channeltest.RequireError(t, err, channels.Misconfigured, "token_unauthorized_client")
	require.ErrorContains(t, err, "Client is unauthorized")
}

func TestServerWithoutXOAUTH2(t *testing.T) {
	t.Parallel()
	o := setupOAuth(t, nil)
	o.mail.TakeTokens(nil)
	channeltest.RequireError(t, o.send(t), channels.Misconfigured, "auth_missing")
	require.Zero(t, o.endpoint.Requests(oauth.Token))
}

// Many connections at once need one token.
func TestTokenIsShared(t *testing.T) {
	t.Parallel()
	o := setupOAuth(t, nil)
	hang := o.endpoint.Fail(oauth.Fault{Where: oauth.Token, Times: 1, Hang: true})
	errs := make(chan error, 10)
	var group sync.WaitGroup
	for range cap(errs) {
		group.Go(func() {
			_, err := o.sender.Send(t.Context(), textTo(user))
			errs <- err
		})
	}
	require.NoError(t, hang.Wait(limit.Context(t), 1))
	hang.Lift()
	limit.Group(t, &group, "the mails")
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
	require.Equal(t, 1, o.endpoint.Requests(oauth.Token))
}

func TestExpiredTokenIsReplaced(t *testing.T) {
	t.Parallel()
	o := setupOAuth(t, nil)
	o.endpoint.SetLife(time.Minute)
	require.NoError(t, o.send(t))
	require.NoError(t, o.send(t))
	require.Equal(t, 1, o.endpoint.Requests(oauth.Token))

	o = setupOAuth(t, nil)
	o.endpoint.SetLife(5 * time.Second) // so close to its end, a token is not used again
	require.NoError(t, o.send(t))
	require.NoError(t, o.send(t))
	require.Equal(t, 2, o.endpoint.Requests(oauth.Token))
	require.Equal(t, 2, o.mail.Requests(smtp.Auth))
}

func TestRefusedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	o := setupOAuth(t, nil)
	require.NoError(t, o.send(t))
	o.endpoint.Revoke()
	require.NoError(t, o.send(t))
	require.Equal(t, 2, o.mail.Inbox().Total())
	require.Equal(t, 2, o.endpoint.Requests(oauth.Token))
	require.Equal(t, 3, o.mail.Requests(smtp.Auth))

	o.mail.TakeTokens(func(string) bool { return false })
	channeltest.RequireError(t, o.send(t), channels.Misconfigured, "smtp_5.7.8")
	require.Equal(t, 3, o.endpoint.Requests(oauth.Token))
	require.Equal(t, 5, o.mail.Requests(smtp.Auth))
}

func TestTokenEndpointFails(t *testing.T) {
	t.Parallel()
	secret := "AADSTS7000215: Invalid client secret " + clientSecret + " of " + username + " and " + strings.Repeat("eyJhbGciOi.", 20)
	for _, tc := range []struct {
		name   string
		change func(*email.OAuth)
		fault  oauth.Fault
		class  channels.Class
		code   string
	}{
		{name: "unknown application", change: func(o *email.OAuth) { o.ClientID = "other" }, class: channels.Misconfigured, code: "token_unauthorized_client"},
		{name: "wrong secret", change: func(o *email.OAuth) { o.ClientSecret = "canary" }, class: channels.Misconfigured, code: "token_invalid_client"},
		{name: "wrong scope", change: func(o *email.OAuth) { o.Scope = "x" }, class: channels.Misconfigured, code: "token_invalid_scope"},
		{name: "wrong address", change: func(o *email.OAuth) { o.TokenURL += "/x" }, class: channels.Misconfigured, code: "token_http_404"},
		{name: "repeats secrets", fault: oauth.Fault{HTTPStatus: 401, Code: "invalid_client", Message: secret}, class: channels.Misconfigured, code: "token_invalid_client"},
		{name: "odd code", fault: oauth.Fault{HTTPStatus: 400, Code: clientSecret, Message: "x"}, class: channels.Misconfigured, code: "token_http_400"},
		{name: "unavailable", fault: oauth.Fault{HTTPStatus: 503, Code: "temporarily_unavailable"}, class: channels.Transient, code: "token_temporarily_unavailable"},
		{name: "server error", fault: oauth.Fault{HTTPStatus: 400, Code: "server_error"}, class: channels.Transient, code: "token_server_error"},
		{name: "bad gateway", fault: oauth.Fault{HTTPStatus: 502, Body: "<html>"}, class: channels.Transient, code: "token_http_502"},
		{name: "throttles", fault: oauth.Fault{HTTPStatus: 429, Header: http.Header{"Retry-After": {"7"}}}, class: channels.Throttled, code: "token_http_429"},
		{name: "no token", fault: oauth.Fault{Body: `{"token_type":"Bearer"}`}, class: channels.Misconfigured, code: "token_missing"},
		{name: "token with a break", fault: oauth.Fault{Body: `{"token_type":"Bearer","access_token":"a\u0001b"}`}, class: channels.Misconfigured, code: "token_missing"},
		{name: "endless token", fault: oauth.Fault{Body: `{"access_token":"` + strings.Repeat("x", 1<<17) + `"}`}, class: channels.Misconfigured, code: "token_missing"},
		{name: "not JSON", fault: oauth.Fault{Body: "<html>"}, class: channels.Transient, code: "token_unexpected_answer"},
		{name: "redirects", fault: oauth.Fault{HTTPStatus: 302, Header: http.Header{"Location": {"/"}}}, class: channels.Misconfigured, code: "token_unexpected_redirect"},
		{name: "cut", fault: oauth.Fault{Reset: true}, class: channels.Transient, code: "token_no_answer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := setupOAuth(t, func(c *email.Config) {
				if tc.change != nil {
					tc.change(&c.OAuth)
				}
			})
			if tc.change == nil {
				tc.fault.Where = oauth.Token
				o.endpoint.Fail(tc.fault)
			}
			err := o.send(t)
			channeltest.RequireError(t, err, tc.class, tc.code)
			for _, private := range []string{"canary", "eyJhbGciOi"} {
				require.NotContains(t, err.Error(), private)
			}
			if tc.code == "token_http_429" {
				require.Equal(t, 7*time.Second, channels.AsError(err).RetryAfter)
			}
			require.Zero(t, o.mail.Requests(smtp.Auth))
			require.Zero(t, o.mail.Inbox().Total())
		})
	}
}

// Neither who asks the endpoint nor who waits for the answer exceeds its time, by either
// grant.
func TestTokenEndpointHangs(t *testing.T) {
	t.Parallel()
	for _, grant := range []string{"client credentials", "service account"} {
		o := setupOAuth(t, nil)
		if grant == "service account" {
			key, err := o.endpoint.ServiceAccount(o.base)
			require.NoError(t, err)
			o.mail, o.sender = setup(t, func(c *email.Config) { c.Password, c.OAuth = "", email.OAuth{ServiceAccount: key} })
			o.mail.TakeTokens(o.endpoint.Valid)
		}
		hang := o.endpoint.Fail(oauth.Fault{Where: oauth.Token, Hang: true})
		first := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		go func() {
			_, err := o.sender.Send(ctx, textTo(user))
			first <- err
		}()
		require.NoError(t, hang.Wait(limit.Context(t), 1))
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := o.sender.Send(short, textTo(user))
		channeltest.RequireError(t, err, channels.Transient, "token_timeout")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		channeltest.RequireError(t, limit.Receive(t, first, "the first mail"), channels.Transient, "token_timeout")
	}
}

// The mail server may repeat the token, as it is and as it was sent.
func TestTokenIsNotRepeated(t *testing.T) {
	t.Parallel()
	o := setupOAuth(t, nil)
	require.NoError(t, o.send(t))
	var token string
	o.mail.TakeTokens(func(got string) bool { token = got; return o.endpoint.Valid(got) })
	require.NoError(t, o.send(t))
	require.NotEmpty(t, token)
	sent := base64.StdEncoding.EncodeToString([]byte("user=" + username + "\x01auth=Bearer " + token + "\x01\x01"))
	o.mail.Fail(smtp.Fault{Where: smtp.Rcpt, Times: 1, Code: "550", Message: "5.1.1 you are " + token + " by " + sent})
	_, err := o.sender.Send(limit.Context(t), textTo(user))
	require.ErrorContains(t, err, "you are *** by ***")
}

func TestOAuthIsValidated(t *testing.T) {
	t.Parallel()
	endpoint, err := oauth.New(clientID, clientSecret, username)
	require.NoError(t, err)
	account, err := endpoint.ServiceAccount("https://oauth2.googleapis.com")
	require.NoError(t, err)
	ec := strings.Replace(account, "BEGIN PRIVATE", "BEGIN canary", 1)
	for _, tc := range []struct {
		change func(*email.Config)
		key    string
	}{
		{func(*email.Config) {}, ""},
		{func(c *email.Config) { c.OAuth.TokenURL = "http://localhost:1/token" }, ""},
		{func(c *email.Config) { c.OAuth.TokenURL = "http://127.1.2.3:1/token" }, ""},
		{func(c *email.Config) { c.OAuth = email.OAuth{ServiceAccount: account} }, ""},
		{func(c *email.Config) {
			c.OAuth = email.OAuth{ServiceAccount: account, Scope: "https://mail.google.com/"}
		}, ""},
		{func(c *email.Config) { c.Password = password }, "oauth"},
		{func(c *email.Config) { c.Username = "" }, "username"},
		{func(c *email.Config) { c.StartTLS = "off" }, "startTLS"},
		{func(c *email.Config) { c.OAuth.ClientID = "" }, "oauth.clientId"},
		{func(c *email.Config) { c.OAuth.ClientSecret = "" }, "oauth.clientId"},
		{func(c *email.Config) { c.OAuth.TokenURL = "" }, "oauth.tokenUrl"},
		{func(c *email.Config) { c.OAuth.TokenURL = "login.microsoftonline.com/x" }, "oauth.tokenUrl"},
		{func(c *email.Config) { c.OAuth.TokenURL = "http://login.microsoftonline.com/x" }, "oauth.tokenUrl"},
		{func(c *email.Config) { c.OAuth.TokenURL = "https://me:canary@login.microsoftonline.com/x" }, "oauth.tokenUrl"},
		{func(c *email.Config) { c.OAuth.ServiceAccount = account }, "oauth.serviceAccount"},
		{func(c *email.Config) { c.OAuth = email.OAuth{ServiceAccount: "canary"} }, "oauth.serviceAccount"},
		{func(c *email.Config) { c.OAuth = email.OAuth{ServiceAccount: "{}"} }, "oauth.serviceAccount"},
		{func(c *email.Config) { c.OAuth = email.OAuth{ServiceAccount: ec} }, "oauth.serviceAccount"},
		{func(c *email.Config) {
			c.OAuth = email.OAuth{ServiceAccount: strings.Replace(account, "https://", "http://", 1)}
		}, "oauth.serviceAccount"},
	} {
		c := newConfig()
		c.Password, c.OAuth = "", microsoft("https://login.microsoftonline.com")
		tc.change(c)
		err := c.Validate()
		if tc.key == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, tc.key+":")
		require.NotContains(t, err.Error(), "canary")
	}
}
