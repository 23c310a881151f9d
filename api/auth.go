package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/jobs/accepting"
)

// Role is a permission of an app.
type Role string

// Roles.
const (
	RoleSend      Role = "send"      // send notifications, and read, cancel and retry its own
	RoleTemplates Role = "templates" // manage templates
	RoleAdmin     Role = "admin"     // everything for all apps, and River UI
)

// Caller is the app that makes a request.
type Caller struct {
	AppID string // with accepting.TestSuffix for a test secret
	Roles []Role

	person string // who signed in by OpenID Connect; empty for an app itself
	limits Limits
	test   bool // it has a test secret: what it sends reaches nobody
}

// app returns the app that templates belong to.
func (c Caller) app() string { return strings.TrimSuffix(c.AppID, accepting.TestSuffix) }

func (c Caller) may(role Role) bool {
	return slices.Contains(c.Roles, role) || slices.Contains(c.Roles, RoleAdmin)
}

type callerKey struct{}

func callerOf(ctx context.Context) Caller {
	caller, _ := ctx.Value(callerKey{}).(Caller)
	return caller
}

// Auth authenticates callers and counts wrong secrets. Its
// credentials can be replaced while serving.
type Auth struct {
	current atomic.Pointer[Credentials]
	log     *zap.Logger
	guesses *throttle
}

// NewAuth returns an Auth with the credentials c.
func NewAuth(c *Credentials, log *zap.Logger) *Auth {
	a := &Auth{log: log, guesses: newThrottle()}
	a.Set(c)
	return a
}

// Set replaces the credentials. Requests that are already authenticated go on.
func (a *Auth) Set(c *Credentials) {
	if c.unprotected {
		a.log.Warn("AUTHENTICATION IS OFF: anyone who can reach this address may do everything")
	}
	a.current.Store(c)
}

// check returns the caller that has the id and the secret. The error is a *Problem:
// errNoCredentials, errUnauthorized or errTooManyAttempts. Secrets are compared before
// guesses are counted, so a right one is never refused because of somebody else's wrong
// ones. Comparing costs microseconds, so a flood of wrong ones costs no more than any flood
// of requests.
func (a *Auth) check(appID, secret string, address netip.Addr) (Caller, error) {
	if caller, ok := a.current.Load().check(appID, secret); ok {
		return caller, nil
	}
	if secret == "" { // a request without a secret is no guess
		return Caller{}, errNoCredentials
	}
	if wait := a.guesses.failed(appID, address); wait > 0 {
		return Caller{}, errTooManyAttempts(wait)
	}
	return Caller{}, errUnauthorized
}

// knows reports whether a request has right credentials, of whatever kind. It counts no
// guess.
func (a *Auth) knows(h *fasthttp.RequestHeader) bool {
	appID, secret, _ := credentialsOf(h, true)
	_, ok := a.current.Load().check(appID, secret)
	return ok
}

// authenticate is the middleware of /api/v1: it refuses unknown apps. Only integrations
// accept basic authentication: what a browser keeps for River UI must open nothing else.
func (s *Server) authenticate(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	appID, secret, isBasic := credentialsOf(&c.Request().Header, strings.HasPrefix(c.Path(), integrationsPrefix+"/"))
	caller, err := s.auth.check(appID, secret, s.peer(c))
	if err != nil {
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="sealos-notify"`)
		return err
	}
	c.Locals(callerKey{}, caller)
	if isBasic {
		return refuseForeignPages(c)
	}
	return c.Next()
}

// authenticateAdmin is the middleware of River UI: it refuses all but admins.
func (s *Server) authenticateAdmin(c *fiber.Ctx) error {
	caller, err := s.riverUICaller(c)
	if err != nil {
		if c.Get("Sec-Fetch-Dest") != "iframe" { // the console around the frame signs in
			c.Set(fiber.HeaderWWWAuthenticate, `Basic realm="sealos-notify", charset="UTF-8"`)
		}
		return err
	}
	c.Locals(callerKey{}, caller)
	if !caller.may(RoleAdmin) {
		return errForbidden(RoleAdmin)
	}
	return c.Next()
}

// riverUICaller returns the caller of a request without credentials by its session of the
// console. Basic authentication, which browsers use, is accepted too.
func (s *Server) riverUICaller(c *fiber.Ctx) (Caller, error) {
	appID, secret, _ := credentialsOf(&c.Request().Header, true)
	if secret == "" {
		if caller, signedIn, err := s.holderOf(c, tokenOf(&c.Request().Header)); signedIn || err != nil {
			return caller, err
		}
	}
	return s.auth.check(appID, secret, s.peer(c))
}

// riverUIPolicy lets the console show River UI in a frame, and nobody else.
const riverUIPolicy = "frame-ancestors 'self'; base-uri 'none'; object-src 'none'"

// letConsoleFrame is the middleware of River UI's headers.
func letConsoleFrame(c *fiber.Ctx) error {
	c.Response().Header.Del(fiber.HeaderXFrameOptions)
	c.Set(fiber.HeaderContentSecurityPolicy, riverUIPolicy)
	return c.Next()
}

// foreignPages finds requests that another site makes a browser send.
var foreignPages = http.NewCrossOriginProtection()

// refuseForeignPages is the middleware that refuses a change that a page of another site
// asks for. A browser adds its basic credentials to such requests. What a page may send
// without asking, a form or a text, is not JSON.
func refuseForeignPages(c *fiber.Ctx) error {
	r := &http.Request{Method: c.Method(), Host: string(c.Request().Host()), Header: http.Header{}, URL: &url.URL{}}
	for _, name := range []string{"Sec-Fetch-Site", fiber.HeaderOrigin} {
		r.Header.Set(name, c.Get(name))
	}
	if foreignPages.Check(r) != nil {
		return newProblem(http.StatusForbidden, codeForbidden, "requests from another site are not allowed")
	}
	if strings.HasPrefix(c.Path(), apiPrefix) && c.Get(fiber.HeaderContentType) == "" {
		return statusProblem(http.StatusUnsupportedMediaType, notJSON)
	}
	return c.Next()
}

// credentialsOf returns the credentials of a request, empty when it has none, and
// whether they are those of basic authentication, where that is accepted.
func credentialsOf(h *fasthttp.RequestHeader, acceptsBasic bool) (appID, secret string, isBasic bool) {
	appID, secret = string(h.Peek("X-App-Id")), string(h.Peek("X-App-Secret"))
	if appID != "" || secret != "" {
		return appID, secret, false
	}
	if token, ok := authorization(h, "Bearer"); ok {
		appID, secret, _ = strings.Cut(token, ":")
		return appID, secret, false
	}
	if token, ok := authorization(h, "Basic"); ok && acceptsBasic {
		if pair, err := base64.StdEncoding.DecodeString(token); err == nil {
			appID, secret, _ = strings.Cut(string(pair), ":")
			return appID, secret, true
		}
	}
	return "", "", false
}

// authorization returns the token of an Authorization header that has the scheme.
func authorization(h *fasthttp.RequestHeader, scheme string) (token string, ok bool) {
	name, token, ok := strings.Cut(string(h.Peek(fiber.HeaderAuthorization)), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(name, scheme)
}

func errForbidden(role Role) *Problem {
	return newProblem(http.StatusForbidden, codeForbidden, "this app does not have the role "+string(role))
}

// requires returns a middleware that refuses callers without the role.
func (s *Server) requires(role Role) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if !callerOf(ctx.Context()).may(role) {
			if err := s.writeError(humafiber.Unwrap(ctx), errForbidden(role)); err != nil {
				panic(err) // a problem document can always be written
			}
			return
		}
		next(ctx)
	}
}
