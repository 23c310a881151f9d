package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"go.uber.org/zap"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"github.com/labring/sealos-notify/api/console"
)

const (
	// signOnTime is how long a person may take at the provider.
	signOnTime = 10 * time.Minute
	// providerTimeout bounds each request to the provider.
	providerTimeout = 4 * time.Second
	// maxProviderBody bounds what the provider answers, in bytes.
	maxProviderBody = 1 << 20
	// maxPerson bounds the name of a person, in characters. It is the longest address of mail.
	maxPerson = 254
)

// The errors of a sign-in by OpenID Connect. They are shown on the page of the sign-in.
var (
	errProviderUnreachable = newProblem(http.StatusServiceUnavailable, codeProviderUnreachable,
		"the OpenID provider cannot be reached; sign in with an app's secret, or try again later")
	errSignOnExpired = newProblem(http.StatusBadRequest, codeSignOnExpired,
		"this sign-in is not one that this browser began within the last ten minutes: begin again")
	errSignOnRefused = newProblem(http.StatusUnauthorized, codeSignOnRefused, "the OpenID provider refused the sign-in")
	errNotAdmitted   = newProblem(http.StatusForbidden, codeNotAdmitted,
		"the provider knows you, but nothing that it says of you lets you in (console.oidc.access)")
)

// signOn is the OpenID provider of one configuration.
type signOn struct {
	config OIDCConfig
	client *http.Client

	looking singleflight.Group
	found   atomic.Pointer[oidc.Provider] // nil until it was reached: each sign-in looks for it
}

// SetConsole replaces the OpenID provider of the console. Whoever it let in before stays as long
// as the new configuration lets in the same.
func (s *Server) SetConsole(c ConsoleConfig) {
	if current := s.signOn.Load(); current != nil && reflect.DeepEqual(current.config, c.OIDC) {
		return // what is known of the provider is kept
	}
	s.signOn.Store(&signOn{config: c.OIDC, client: &http.Client{
		Timeout: providerTimeout,
		// A redirect could carry the secret elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     boundedTransport{},
	}})
}

// boundedTransport bounds what is read of an answer.
type boundedTransport struct{}

// RoundTrip implements http.RoundTripper.
func (boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxProviderBody), resp.Body}
	}
	return resp, err
}

// provider returns the provider, which it asks for its addresses the first time.
func (o *signOn) provider() (*oidc.Provider, error) {
	if p := o.found.Load(); p != nil {
		return p, nil
	}
	_, err, _ := o.looking.Do("", func() (any, error) {
		// Not a request's context: others wait for the same answer.
		p, err := oidc.NewProvider(oidc.ClientContext(context.Background(), o.client), o.config.Issuer)
		if err == nil {
			o.found.Store(p)
		}
		return nil, err
	})
	if err != nil {
		return nil, err
	}
	return o.found.Load(), nil
}

func (o *signOn) oauth(p *oidc.Provider, redirect string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: o.config.ClientID, ClientSecret: o.config.ClientSecret, Endpoint: p.Endpoint(),
		RedirectURL: redirect, Scopes: append([]string{oidc.ScopeOpenID}, o.config.Scopes...),
	}
}

// SignOnHost implements console.SignOn.
func (c consoleAPI) SignOnHost() string {
	issuer, err := url.Parse(c.s.signOn.Load().config.Issuer)
	if err != nil {
		return ""
	}
	return issuer.Host
}

// BeginSignOn implements console.SignOn.
func (c consoleAPI) BeginSignOn(_ context.Context, redirect string) (console.Attempt, string, error) {
	o := c.s.signOn.Load()
	if o.config.Issuer == "" {
		return console.Attempt{}, "", errNotFound
	}
	p, err := o.provider()
	if err != nil {
		return console.Attempt{}, "", c.s.signOnFailed(errProviderUnreachable, err)
	}
	a := console.Attempt{
		State: oauth2.GenerateVerifier(), Nonce: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier(), Began: time.Now(),
	}
	return a, o.oauth(p, redirect).AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), nil
}

// FinishSignOn implements console.SignOn.
func (c consoleAPI) FinishSignOn(ctx context.Context, redirect string, a console.Attempt, answer url.Values) (token string, expires time.Time, err error) {
	s, o := c.s, c.s.signOn.Load()
	switch {
	case o.config.Issuer == "":
		return "", expires, errNotFound
	case a.State == "" || subtle.ConstantTimeCompare([]byte(a.State), []byte(answer.Get("state"))) != 1 || time.Since(a.Began) > signOnTime:
		return "", expires, errSignOnExpired
	case answer.Has("error"):
		return "", expires, s.signOnFailed(errSignOnRefused, errors.New(plain(answer.Get("error"))))
	}
	p, err := o.provider()
	if err != nil {
		return "", expires, s.signOnFailed(errProviderUnreachable, err)
	}
	claims, err := o.claims(oidc.ClientContext(ctx, o.client), p, o.oauth(p, redirect), a, answer.Get("code"))
	if err != nil {
		return "", expires, s.signOnFailed(refusedOrUnreachable(err), err)
	}
	person := claims.person()
	access, admitted := o.config.accessOf(claims.values(o.config.Claim))
	caller, admitted := s.auth.current.Load().person(access, person, admitted)
	if !admitted {
		s.log.Warn("a person whom the OpenID provider knows was not let in: no value of the claim is in console.oidc.access, or its app is disabled",
			zap.String("subject", claims.text("sub")), zap.String("claim", o.config.Claim))
		return "", expires, errNotAdmitted
	}
	return s.newSession(ctx, access.App, person, o.config.ground(access), caller.Roles)
}

// signOnFailed logs what the person is not shown, and returns the problem.
func (s *Server) signOnFailed(p *Problem, cause error) error {
	var refused *oauth2.RetrieveError
	if errors.As(cause, &refused) { // its text has the provider's answer
		cause = fmt.Errorf("the token endpoint answers %d %s", refused.Response.StatusCode, plain(refused.ErrorCode))
	}
	s.log.Warn("a sign-in by OpenID Connect failed", zap.String("code", p.Code), zap.Error(cause))
	return p
}

// refusedOrUnreachable returns the problem of an exchange that failed.
func refusedOrUnreachable(err error) *Problem {
	var broken *url.Error
	var refused *oauth2.RetrieveError
	if errors.As(err, &broken) || errors.As(err, &refused) && refused.Response.StatusCode >= http.StatusInternalServerError {
		return errProviderUnreachable
	}
	return errSignOnRefused
}

// claims are what the provider says of a person.
type claims map[string]any

// claims exchanges the code, and returns the claims of the ID token. What that lacks is taken
// from the provider's UserInfo, where some providers have the groups.
func (o *signOn) claims(ctx context.Context, p *oidc.Provider, oauth *oauth2.Config, a console.Attempt, code string) (claims, error) {
	tokens, err := oauth.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return nil, err
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := p.Verifier(&oidc.Config{ClientID: o.config.ClientID}).Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("ID token: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(a.Nonce)) != 1 {
		return nil, errors.New("ID token: it has another nonce")
	}
	found := claims{}
	if err := id.Claims(&found); err != nil {
		return nil, fmt.Errorf("ID token: %w", err)
	}
	if found[o.config.Claim] != nil && found["email"] != nil || p.UserInfoEndpoint() == "" {
		return found, nil
	}
	info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		return nil, fmt.Errorf("UserInfo: %w", err)
	}
	if info.Subject != id.Subject { // OpenID Connect Core, section 5.3.2
		return nil, errors.New("UserInfo: it is about another person")
	}
	more := claims{}
	if err := info.Claims(&more); err != nil {
		return nil, fmt.Errorf("UserInfo: %w", err)
	}
	if found["email"] == nil { // the two belong together
		found["email"], found["email_verified"] = more["email"], more["email_verified"]
	}
	if found[o.config.Claim] == nil {
		found[o.config.Claim] = more[o.config.Claim]
	}
	return found, nil
}

func (c claims) text(name string) string {
	text, _ := c[name].(string)
	return text
}

// email returns the address of the person; empty unless the provider says that it verified it,
// because otherwise it can be anybody's. Some providers leave out what is false.
func (c claims) email() string {
	if verified := c["email_verified"]; verified != true && verified != "true" { // some write a text
		return ""
	}
	return c.text("email")
}

// person returns the address of the person, or the subject, as the audit log has it.
func (c claims) person() string {
	name := c.email()
	if name == "" {
		name = c.text("sub")
	}
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	if runes := []rune(name); len(runes) > maxPerson {
		name = string(runes[:maxPerson])
	}
	return name
}

// values returns the values of a claim, which is a text or a list of texts.
func (c claims) values(name string) []string {
	if name == "email" {
		return []string{c.email()}
	}
	switch value := c[name].(type) {
	case string:
		return []string{value}
	case []any:
		var texts []string
		for _, v := range value {
			if text, is := v.(string); is {
				texts = append(texts, text)
			}
		}
		return texts
	}
	return nil
}

// accessOf returns the first entry that one of the values fits.
func (c OIDCConfig) accessOf(values []string) (OIDCAccess, bool) {
	i := slices.IndexFunc(c.Access, func(a OIDCAccess) bool { return slices.Contains(values, a.Value) })
	if i < 0 {
		return OIDCAccess{}, false
	}
	return c.Access[i], true
}

// ground returns the digest of what lets a person in. It changes when another provider or claim
// decides, and when the value leads to another app.
func (c OIDCConfig) ground(a OIDCAccess) [sha256.Size]byte {
	text, _ := json.Marshal([]string{c.Issuer, c.ClientID, c.Claim, a.Value, a.App}) // texts can be written
	return sha256.Sum256(text)
}

// holder returns the caller of a person's session; false when nothing in the configuration lets
// in what it was begun with, or the roles are others.
func (c OIDCConfig) holder(credentials *Credentials, token, appID, person, held string) (Caller, bool) {
	if c.Issuer == "" {
		return Caller{}, false
	}
	for _, access := range c.Access {
		caller, ok := credentials.person(access, person, access.App == appID)
		if ok && subtle.ConstantTimeCompare(proof(token, c.ground(access), caller.Roles), []byte(held)) == 1 {
			return caller, true
		}
	}
	return Caller{}, false
}

// person returns the caller that a person is by an entry that admits them; false when the app is
// unknown or disabled.
func (c *Credentials) person(access OIDCAccess, person string, admitted bool) (Caller, bool) {
	a, known := c.apps[access.App]
	if !admitted || !known || !a.enabled || person == "" {
		return Caller{}, false
	}
	roles := access.Roles
	if roles == nil {
		roles = a.roles
	}
	return Caller{AppID: access.App, Roles: roles, limits: a.limits, person: person}, true
}
