package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"
	"go.uber.org/zap"
)

// Role is what an app may do.
type Role string

// Roles.
const (
	RoleSend      Role = "send"      // send notifications, and read its own
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

// Auth says who is calling, by credentials that can be swapped at any time.
type Auth struct {
	current atomic.Pointer[Credentials]
	log     *zap.Logger
}

// NewAuth starts with the given credentials.
func NewAuth(c *Credentials, log *zap.Logger) *Auth {
	a := &Auth{log: log}
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

func (a *Auth) check(appID, secret string) (Caller, bool) {
	return a.current.Load().check(appID, secret)
}

// authenticate lets in known apps below /api/v1.
func (s *Server) authenticate(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	caller, ok := s.auth.check(presented(c))
	if !ok {
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="sealos-notify"`)
		return errUnauthorized
	}
	c.Locals(callerKey{}, caller)
	return c.Next()
}

// authenticateAdmin lets in admins, who may come with a browser.
func (s *Server) authenticateAdmin(c *fiber.Ctx) error {
	appID, secret := presented(c)
	if appID == "" {
		appID, secret = presentedBasic(c)
	}
	caller, ok := s.auth.check(appID, secret)
	if !ok {
		c.Set(fiber.HeaderWWWAuthenticate, `Basic realm="sealos-notify", charset="UTF-8"`)
		return errUnauthorized
	}
	c.Locals(callerKey{}, caller)
	if !caller.may(RoleAdmin) {
		return errForbidden(RoleAdmin)
	}
	return c.Next()
}

// presented returns the credentials of a request, empty when it has none.
func presented(c *fiber.Ctx) (appID, secret string) {
	appID, secret = c.Get("X-App-Id"), c.Get("X-App-Secret")
	if appID != "" || secret != "" {
		return appID, secret
	}
	if token, ok := authorization(c, "Bearer"); ok {
		appID, secret, _ = strings.Cut(token, ":")
	}
	return appID, secret
}

func presentedBasic(c *fiber.Ctx) (appID, secret string) {
	if token, ok := authorization(c, "Basic"); ok {
		if pair, err := base64.StdEncoding.DecodeString(token); err == nil {
			appID, secret, _ = strings.Cut(string(pair), ":")
		}
	}
	return appID, secret
}

func authorization(c *fiber.Ctx, scheme string) (token string, ok bool) {
	given, token, ok := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
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
