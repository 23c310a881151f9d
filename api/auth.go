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
)

// Role is what an app may do.
type Role string

// Roles.
const (
	RoleSend      Role = "send"      // send notifications, and read, cancel and retry its own
	RoleTemplates Role = "templates" // manage templates
	RoleAdmin     Role = "admin"     // everything, for all apps, and River UI
)

// Caller is who makes a request.
type Caller struct {
	AppID string
	Roles []Role
}

func (c Caller) may(role Role) bool {
	return slices.Contains(c.Roles, role) || slices.Contains(c.Roles, RoleAdmin)
}

type callerKey struct{}

func callerOf(ctx context.Context) Caller {
	caller, _ := ctx.Value(callerKey{}).(Caller)
	return caller
}

// Auth says who is calling, by credentials that can be swapped at any time, and
// slows down who guesses them.
type Auth struct {
	current atomic.Pointer[Credentials]
	log     *zap.Logger

	mu      sync.Mutex
	guesses *throttle
}

// NewAuth starts with the given credentials.
func NewAuth(c *Credentials, log *zap.Logger) *Auth {
	a := &Auth{log: log, guesses: newThrottle()}
	a.Set(c)
	return a
}

// Set swaps the credentials. Requests that were let in before go on.
func (a *Auth) Set(c *Credentials) {
	if c.unprotected {
		a.log.Warn("AUTHENTICATION IS OFF: everybody who reaches this address may do everything")
	}
	a.current.Store(c)
}

// check says who has that id and secret, or returns a *Problem: errUnauthorized,
// or that there were too many wrong ones.
func (a *Auth) check(appID, secret string, address netip.Addr) (Caller, error) {
	from := origin{appID, networkOf(address)}
	// All of it at once, so that a crowd of guesses cannot get past the count together.
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
	case secret != "": // nothing presented is no guess
		a.guesses.failed(from)
	}
	return Caller{}, errUnauthorized
}

// authenticate lets in known apps below /api/v1.
func (s *Server) authenticate(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	caller, err := s.auth.check(presentedBy(c))
	if err != nil {
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="sealos-notify"`)
		return err
	}
	c.Locals(callerKey{}, caller)
	return c.Next()
}

// authenticateAdmin lets in admins, who may come with a browser.
func (s *Server) authenticateAdmin(c *fiber.Ctx) error {
	appID, secret := presented(&c.Request().Header)
	if appID == "" {
		appID, secret = presentedBasic(&c.Request().Header)
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

// presentedBy returns what a request presents, and from where.
func presentedBy(c *fiber.Ctx) (appID, secret string, address netip.Addr) {
	appID, secret = presented(&c.Request().Header)
	return appID, secret, peer(c)
}

// peer is who is at the other end of the connection. Behind a proxy that is the
// proxy: what X-Forwarded-For says, anybody can write.
func peer(c *fiber.Ctx) netip.Addr {
	tcp, ok := c.Context().RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr()
}

// presented returns the credentials of a request, empty when it has none.
func presented(h *fasthttp.RequestHeader) (appID, secret string) {
	appID, secret = string(h.Peek("X-App-Id")), string(h.Peek("X-App-Secret"))
	if appID != "" || secret != "" {
		return appID, secret
	}
	if token, ok := authorization(h, "Bearer"); ok {
		appID, secret, _ = strings.Cut(token, ":")
		return appID, secret
	}
	// Elsewhere below /api/v1 it is not taken: what a browser keeps for River UI
	// opens nothing more than that.
	if bytes.HasPrefix(h.RequestURI(), []byte(integrationsPrefix+"/")) {
		return presentedBasic(h)
	}
	return "", ""
}

func presentedBasic(h *fasthttp.RequestHeader) (appID, secret string) {
	if token, ok := authorization(h, "Basic"); ok {
		if pair, err := base64.StdEncoding.DecodeString(token); err == nil {
			appID, secret, _ = strings.Cut(string(pair), ":")
		}
	}
	return appID, secret
}

func authorization(h *fasthttp.RequestHeader, scheme string) (token string, ok bool) {
	given, token, ok := strings.Cut(string(h.Peek(fiber.HeaderAuthorization)), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(given, scheme)
}

func errForbidden(role Role) *Problem {
	return newProblem(http.StatusForbidden, codeForbidden, "this app does not have the role "+string(role))
}

// requires lets a caller through that has the role.
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
