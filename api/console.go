package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/labring/sealos-notify/api/console"
	"github.com/labring/sealos-notify/jobs/overview"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

// serveConsole registers the pages, and sends browsers there from the root.
func (s *Server) serveConsole() {
	pages := console.New(consoleAPI{s}, s.log)
	s.app.Get(console.LivePath, s.follow)
	s.app.Use(console.Prefix, s.takeForm, func(c *fiber.Ctx) error {
		c.Response().Header.Del(fiber.HeaderXFrameOptions) // the pages' policies say who may frame them
		ctx := context.WithValue(c.UserContext(), requestKey{}, c)
		return adaptor.HTTPHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			pages.ServeHTTP(w, r.WithContext(ctx))
		}))(c)
	})
	s.app.Get("/", func(c *fiber.Ctx) error {
		if !strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMETextHTML) {
			return c.Next()
		}
		return c.Redirect(console.Prefix + "/")
	})
}

// tokenOf returns the token of a browser's session, or an empty one.
func tokenOf(h *fasthttp.RequestHeader) string {
	for _, cookie := range console.SessionCookies {
		if token := h.Cookie(cookie); len(token) > 0 {
			return string(token)
		}
	}
	return ""
}

// requestKey is the key of the request that a page answers, in its context.
type requestKey struct{}

// consoleAPI is the API as the console calls it: the operations themselves, with their roles.
type consoleAPI struct{ s *Server }

// user is a caller as the console knows it.
type user struct{ Caller }

func (u user) ID() string           { return u.AppID }
func (u user) Person() string       { return u.person }
func (u user) May(role string) bool { return u.may(Role(role)) }
func (u user) Roles() []string      { return roleNames(u.Caller.Roles) }

func roleNames(roles []Role) []string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return names
}

func (c consoleAPI) SignIn(ctx context.Context, appID, secret string) (string, time.Time, error) {
	return c.s.signIn(ctx, appID, secret, c.s.peer(ctx.Value(requestKey{}).(*fiber.Ctx)))
}

func (c consoleAPI) SignOut(ctx context.Context, token string) error {
	if err := c.s.store.DeleteSession(ctx, tokenDigest(token)); err != nil {
		return err
	}
	c.s.streams.endSession(tokenDigest(token))
	return nil
}

func (c consoleAPI) As(ctx context.Context, token string) (context.Context, console.User, error) {
	request := ctx.Value(requestKey{}).(*fiber.Ctx)
	caller, ok, err := c.s.holderOf(request, token)
	if err != nil || !ok {
		return ctx, nil, err
	}
	request.Locals(callerKey{}, caller) // for the log
	ctx = context.WithValue(ctx, originKey{}, c.s.originOf(request))
	return context.WithValue(ctx, callerKey{}, caller), user{caller}, nil
}

// maySend returns the error of a caller who may not see deliveries.
func maySend(ctx context.Context) error {
	if !callerOf(ctx).may(RoleSend) {
		return errForbidden(RoleSend)
	}
	return nil
}

func (c consoleAPI) Notification(ctx context.Context, id string) (store.Notification, error) {
	if err := maySend(ctx); err != nil {
		return store.Notification{}, err
	}
	n, err := c.s.notificationOf(ctx, id)
	for i, r := range n.Unmatched {
		n.Unmatched[i].Value = viewRecipient(ctx, r).Value
	}
	return n, err
}

func (c consoleAPI) Notifications(ctx context.Context, f store.NotificationFilter, after uuid.UUID, limit int) ([]store.Notification, error) {
	if err := maySend(ctx); err != nil {
		return nil, err
	}
	f, err := seenNotifications(ctx, f)
	if err != nil {
		return nil, err
	}
	giveBack, err := c.s.takeList(ctx)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	return c.s.store.ListNotifications(ctx, f, after, limit)
}

func (c consoleAPI) Delivery(ctx context.Context, id string) (store.Delivery, error) {
	if err := maySend(ctx); err != nil {
		return store.Delivery{}, err
	}
	d, err := c.s.deliveryOf(ctx, id)
	return shownDelivery(ctx, d), err
}

// shownDelivery returns a delivery as the caller may see it.
func shownDelivery(ctx context.Context, d store.Delivery) store.Delivery {
	d.LastError, d.Details = viewFailure(ctx, d.Recipient, d.LastError, d.Details)
	d.Recipient.Value = viewRecipient(ctx, d.Recipient).Value
	return d
}

func (c consoleAPI) Deliveries(ctx context.Context, f store.DeliveryFilter, after uuid.UUID, limit int) ([]store.Delivery, error) {
	if err := maySend(ctx); err != nil {
		return nil, err
	}
	f, err := seenDeliveries(ctx, f)
	if err != nil {
		return nil, err
	}
	giveBack, err := c.s.takeList(ctx)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	found, err := c.s.store.ListDeliveries(ctx, f, after, limit)
	for i, d := range found {
		found[i] = shownDelivery(ctx, d)
	}
	return found, err
}

func (c consoleAPI) Message(ctx context.Context, of store.Delivery) (store.Message, error) {
	if err := maySend(ctx); err != nil {
		return store.Message{}, err
	}
	m, err := c.s.store.Message(ctx, of.MessageID)
	if isUnwritten(of, err) {
		return m, nil
	}
	for i, r := range m.Mention {
		m.Mention[i].Value = viewRecipient(ctx, r).Value
	}
	return m, err
}

func (c consoleAPI) Attempts(ctx context.Context, of store.Delivery) ([]store.Attempt, error) {
	if err := maySend(ctx); err != nil {
		return nil, err
	}
	attempts, err := c.s.store.Attempts(ctx, of.ID)
	for i, a := range attempts {
		attempts[i].Error, attempts[i].Details = viewFailure(ctx, of.Recipient, a.Error, a.Details)
	}
	return attempts, err
}

func (c consoleAPI) DeadGroups(ctx context.Context, app string) ([]store.DeadGroup, bool, error) {
	if err := maySend(ctx); err != nil {
		return nil, false, err
	}
	return c.s.deadGroups(ctx, app)
}

func (c consoleAPI) Cancel(ctx context.Context, id string) error {
	if err := maySend(ctx); err != nil {
		return err
	}
	_, err := c.s.cancelNotification(ctx, &cancelInput{ID: id})
	return err
}

func (c consoleAPI) Incidents(ctx context.Context, status store.IncidentStatus, after uuid.UUID, limit int) ([]store.Incident, error) {
	if err := maySend(ctx); err != nil {
		return nil, err
	}
	return c.s.incidents(ctx, store.IncidentFilter{Status: status}, after, limit)
}

func (c consoleAPI) Incident(ctx context.Context, id string) (store.Incident, error) {
	if err := maySend(ctx); err != nil {
		return store.Incident{}, err
	}
	parsed, err := uuid.Parse(id)
	if err != nil {
		return store.Incident{}, errNotFound
	}
	found, err := c.s.store.FindIncidents(ctx, []uuid.UUID{parsed})
	if err != nil {
		return store.Incident{}, err
	}
	if caller := callerOf(ctx); len(found) == 0 || found[0].AppID != caller.AppID && !caller.may(RoleAdmin) {
		return store.Incident{}, errNotFound
	}
	return found[0], nil
}

func (c consoleAPI) Acknowledge(ctx context.Context, id, note string) error {
	if err := maySend(ctx); err != nil {
		return err
	}
	_, err := c.s.acknowledge(ctx, &acknowledgeInput{ID: id, jsonBody: jsonBody[acknowledgeRequest]{acknowledgeRequest{Note: note}}}, store.OverConsole)
	return err
}

func (c consoleAPI) Retry(ctx context.Context, id, provider string) error {
	if err := maySend(ctx); err != nil {
		return err
	}
	_, err := c.s.retryDelivery(ctx, &retryInput{ID: id, jsonBody: jsonBody[retryRequest]{retryRequest{Provider: provider}}})
	return err
}

func (c consoleAPI) RetryMatching(ctx context.Context, r steering.RequeueRequest) (steering.Requeued, error) {
	if err := maySend(ctx); err != nil {
		return steering.Requeued{}, err
	}
	return c.s.requeueMatching(ctx, r)
}

func (c consoleAPI) Mark(ctx context.Context) string {
	mark, err := c.s.changes.mark(ctx, callerOf(ctx))
	if err != nil {
		return ""
	}
	return mark
}

func (c consoleAPI) Channels(ctx context.Context) ([]overview.Channel, error) {
	if err := maySend(ctx); err != nil {
		return nil, err
	}
	return c.s.overview.Channels(ctx)
}

func (c consoleAPI) Recent(ctx context.Context, app string) (overview.Recent, error) {
	if err := maySend(ctx); err != nil {
		return overview.Recent{}, err
	}
	return c.s.recent(ctx, app)
}

func (c consoleAPI) ChannelNames() []string { return c.s.overview.Names() }

func (c consoleAPI) Providers(channel string) []string { return c.s.overview.Providers(channel) }

func (c consoleAPI) Problem(err error) console.Problem {
	p := c.s.problem(err)
	c.s.metrics.refusals.WithLabelValues(p.Code).Inc()
	shown := console.Problem{Status: p.Status, Code: p.Code, Detail: p.Detail}
	if len(p.Errors) > 0 {
		shown.Field, shown.Message = p.Errors[0].Field, p.Errors[0].Message
	}
	return shown
}
