package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
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

// Auth authenticates callers and limits how often secrets can be guessed. Its
// credentials can be replaced while serving.
type Auth struct {
	current atomic.Pointer[Credentials]
	log     *zap.Logger

	mu      sync.Mutex
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
// errNoCredentials, errUnauthorized or errTooManyAttempts.
func (a *Auth) check(appID, secret string, address netip.Addr) (Caller, error) {
	from := origin{appID, networkOf(address)}
	// One lock for all of it, so that concurrent guesses cannot pass the count together.
	a.mu.Lock()
	defer a.mu.Unlock()
	if wait := a.guesses.wait(from); wait > 0 {
		return Caller{}, errTooManyAttempts(wait)
	}
	caller, ok := a.current.Load().check(appID, secret)
	switch {
	case ok:
		a.guesses.succeeded(from)
		return caller, nil
	case secret == "": // a request without a secret is no guess
		return Caller{}, errNoCredentials
	}
	a.guesses.failed(from)
	return Caller{}, errUnauthorized
}

// authenticate is the middleware of /api/v1: it refuses unknown apps.
func (s *Server) authenticate(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	caller, err := s.auth.check(credentialsAndPeer(c))
	if err != nil {
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="sealos-notify"`)
		return err
	}
	c.Locals(callerKey{}, caller)
	return c.Next()
}

// authenticateAdmin is the middleware of River UI: it refuses all but admins, and
// accepts basic authentication, which browsers use.
func (s *Server) authenticateAdmin(c *fiber.Ctx) error {
	appID, secret := credentialsOf(&c.Request().Header)
	if appID == "" {
		appID, secret = basicCredentialsOf(&c.Request().Header)
	}
	caller, err := s.auth.check(appID, secret, peer(c))
	if err != nil {
		c.Set(fiber.HeaderWWWAuthenticate, `Basic realm="sealos-notify", charset="UTF-8"`)
		return err
	}
	c.Locals(callerKey{}, caller)
	if !caller.may(RoleAdmin) {
		return errForbidden(RoleAdmin)
	}
	return c.Next()
}

// credentialsAndPeer returns the credentials of a request, and its peer.
func credentialsAndPeer(c *fiber.Ctx) (appID, secret string, address netip.Addr) {
	appID, secret = credentialsOf(&c.Request().Header)
	return appID, secret, peer(c)
}

// peer returns the address at the other end of the connection. Behind a proxy it is
// the proxy's: anyone can write an X-Forwarded-For.
func peer(c *fiber.Ctx) netip.Addr {
	tcp, ok := c.Context().RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr()
}

// credentialsOf returns the credentials of a request, empty when it has none.
func credentialsOf(h *fasthttp.RequestHeader) (appID, secret string) {
	appID, secret = string(h.Peek("X-App-Id")), string(h.Peek("X-App-Secret"))
	if appID != "" || secret != "" {
		return appID, secret
	}
	if token, ok := authorization(h, "Bearer"); ok {
		appID, secret, _ = strings.Cut(token, ":")
		return appID, secret
	}
	// Other routes of /api/v1 do not accept basic authentication: what a browser
	// keeps for River UI must open nothing else.
	if bytes.HasPrefix(h.RequestURI(), []byte(integrationsPrefix+"/")) {
		return basicCredentialsOf(h)
	}
	return "", ""
}

// basicCredentialsOf returns the credentials of basic authentication.
func basicCredentialsOf(h *fasthttp.RequestHeader) (appID, secret string) {
	if token, ok := authorization(h, "Basic"); ok {
		if pair, err := base64.StdEncoding.DecodeString(token); err == nil {
			appID, secret, _ = strings.Cut(string(pair), ":")
		}
	}
	return appID, secret
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
