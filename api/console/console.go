// Package console serves the pages that people steer the service by. They are made on the
// server, from the API's own services: what a page does, the API does, with the same roles.
//
// A new page is a file with its handler, a template of the same name in templates/, a line in
// routes, and its texts in texts/en.json and texts/zh.json.
package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/jobs/overview"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

// Prefix is where the pages are.
const Prefix = "/console"

// LivePath is where the server tells pages, by events, that there is something new to show. The
// query's since is the mark that the page was made with.
const LivePath = Prefix + "/live"

// Roles that pages need, as the API names them.
const (
	roleSend      = "send"
	roleTemplates = "templates"
	roleAdmin     = "admin"
)

// User is who is signed in.
type User interface {
	ID() string
	// Person is who signed in by OpenID Connect; empty for an app's secret.
	Person() string
	// Roles are shown to the user.
	Roles() []string
	// May reports whether the user has the role, or one that includes it.
	May(role string) bool
}

// Problem is an error as it is shown.
type Problem struct {
	Status int
	Code   string // stable; texts has what people read, as problem.<code>
	Detail string // in English, for codes that texts lacks

	// Field is the first one that is wrong, and Message what is; empty when no field is.
	Field, Message string
}

// Sessions signs browsers in and out.
type Sessions interface {
	// SignIn returns the token of a new session, and when it ends.
	SignIn(ctx context.Context, appID, secret string) (token string, expires time.Time, err error)
	// SignOut ends the session of the token, if there is one.
	SignOut(ctx context.Context, token string) error
	// As returns the user of the token, and a context for calls of the API as that user. The
	// user is nil when nobody is signed in.
	As(ctx context.Context, token string) (context.Context, User, error)
}

// Attempt is a sign-in that began and has not ended. The browser keeps it.
type Attempt struct {
	State, Nonce, Verifier string
	Began                  time.Time
	Next                   string // path of the page that the browser came for
}

// SignOn signs people in by OpenID Connect.
type SignOn interface {
	// SignOnHost returns the host of the provider, empty when there is none.
	SignOnHost() string
	// BeginSignOn returns the address at the provider where the person signs in. The provider
	// sends the browser to the redirect address.
	BeginSignOn(ctx context.Context, redirect string) (a Attempt, address string, err error)
	// FinishSignOn takes the query that the provider sent the browser with, and returns a session
	// as SignIn does.
	FinishSignOn(ctx context.Context, redirect string, a Attempt, answer url.Values) (token string, expires time.Time, err error)
}

// API does what the API's operations do, for the user of the context.
type API interface {
	Sessions
	Templates
	Kinds
	Endpoints
	Contacts
	SignOn
	Notification(ctx context.Context, id string) (store.Notification, error)
	Notifications(ctx context.Context, f store.NotificationFilter, after uuid.UUID, limit int) ([]store.Notification, error)
	Delivery(ctx context.Context, id string) (store.Delivery, error)
	Deliveries(ctx context.Context, f store.DeliveryFilter, after uuid.UUID, limit int) ([]store.Delivery, error)
	// Message and Attempts belong to a delivery that the API returned to the user.
	Message(ctx context.Context, of store.Delivery) (store.Message, error)
	Attempts(ctx context.Context, of store.Delivery) ([]store.Attempt, error)
	// DeadGroups counts the dead deliveries of the app, of all that the user may see when it is
	// empty. more is true when there may be older ones.
	DeadGroups(ctx context.Context, app string) (groups []store.DeadGroup, more bool, err error)
	Cancel(ctx context.Context, id string) error
	// Incidents returns those that the user may see, newest first.
	Incidents(ctx context.Context, status store.IncidentStatus, after uuid.UUID, limit int) ([]store.Incident, error)
	Incident(ctx context.Context, id string) (store.Incident, error)
	// Acknowledge acknowledges an incident as the user.
	Acknowledge(ctx context.Context, id, note string) error
	Retry(ctx context.Context, id, provider string) error
	RetryMatching(ctx context.Context, r steering.RequeueRequest) (steering.Requeued, error)
	// Channels returns the channels with their providers and queues.
	Channels(ctx context.Context) ([]overview.Channel, error)
	// Recent returns what happened lately to the deliveries of the app, of all that the user may
	// see when it is empty.
	Recent(ctx context.Context, app string) (overview.Recent, error)
	// Mark returns what stands for all that the user may see at most a second ago; empty when it
	// is unknown.
	Mark(ctx context.Context) string
	// ChannelNames returns the names of all channels.
	ChannelNames() []string
	// Providers returns the names of a channel's providers.
	Providers(channel string) []string
	// Receivers returns the receivers that take alerts of the user, by name.
	Receivers(ctx context.Context) ([]Receiver, error)
	// ReceiverAlerts returns what a receiver was told last, the newest first.
	ReceiverAlerts(ctx context.Context, name string) ([]Told, error)
	// TestReceiver sends a test alert, and returns the id of its notification.
	TestReceiver(ctx context.Context, name string) (id string, err error)
	// ProviderDetails returns the providers as they are configured, without secrets.
	ProviderDetails(ctx context.Context) ([]overview.Provider, error)
	ProbeProvider(ctx context.Context, name string) (overview.Probed, error)
	// RecipientTypes returns the types of recipients that a request may name.
	RecipientTypes() []string
	// Preferences returns what a recipient has switched off.
	Preferences(ctx context.Context, r store.Recipient) ([]store.Preference, error)
	SetPreferences(ctx context.Context, r store.Recipient, off []store.Preference) error
	Suppressions(ctx context.Context, f store.SuppressionFilter, after uuid.UUID, limit int) ([]store.Suppression, error)
	DeleteSuppression(ctx context.Context, id string) error
	Apps(ctx context.Context) ([]App, error)
	Audit(ctx context.Context, f store.AuditFilter, after uuid.UUID, limit int) ([]store.AuditEntry, error)
	// Problem returns an error as it is shown. It logs what is not shown.
	Problem(err error) Problem
}

// Console serves the pages.
type Console struct {
	api     API
	log     *zap.Logger
	views   map[lang]func() views // parsed for the first page: parsed templates are a third of an idle service's heap
	handler http.Handler
}

// New returns the console of an API.
func New(api API, log *zap.Logger) *Console {
	c := &Console{api: api, log: log, views: map[lang]func() views{}}
	for _, l := range languages {
		c.views[l] = sync.OnceValue(func() views { return parseViews(l) })
	}
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.HandleFunc(r.pattern, func(w http.ResponseWriter, req *http.Request) { c.serve(r, w, req) })
	}
	mux.Handle("GET "+Prefix+"/static/", static)
	mux.HandleFunc(Prefix+"/", func(w http.ResponseWriter, req *http.Request) { c.serve(notFound, w, req) })
	c.handler = guarded(mux)
	return c
}

// ServeHTTP implements http.Handler.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// policy is the Content-Security-Policy of every page: everything comes from here, and nothing
// is written into a page that runs or styles it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guarded sets the headers of all answers, and refuses requests that change something and come
// from another site. Cookies are SameSite=Strict as well.
func guarded(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "requests from another site are not allowed", http.StatusForbidden)
	}))
	return guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		h.Set("Vary", "Accept-Language, Cookie")
		next.ServeHTTP(w, r)
	}))
}

// maxForm bounds a form, in bytes.
const maxForm = 1 << 20

// serve answers a request with a page.
func (c *Console) serve(r route, w http.ResponseWriter, req *http.Request) {
	req.Body = http.MaxBytesReader(w, req.Body, maxForm)
	v := &visit{console: c, w: w, r: req, route: r, ctx: req.Context(), Language: languageOf(req), Theme: themeOf(req)}
	token, _ := tokenOf(req)
	ctx, user, err := c.api.As(req.Context(), token)
	if err != nil {
		v.fail(err)
		return
	}
	v.ctx, v.User = ctx, user
	if r.live && user != nil && user.May(roleSend) {
		v.Mark = c.api.Mark(ctx) // before the page is read, so that it misses nothing
	}
	switch {
	case !wellFormed(req):
		err = v.show("problem", http.StatusBadRequest, Problem{Status: http.StatusBadRequest, Code: "invalid_request"})
	case !r.open && user == nil:
		err = v.signInFirst()
	case !r.open && r.role != "" && !user.May(r.role):
		err = v.show("problem", http.StatusForbidden, Problem{Status: http.StatusForbidden, Code: "forbidden"})
	default:
		err = r.handle(v)
	}
	if err != nil {
		v.fail(err)
	}
}

// wellFormed parses the query and the form of a request, and reports whether a database can keep
// and compare what is in them.
func wellFormed(r *http.Request) bool {
	if r.ParseForm() != nil {
		return false
	}
	for _, values := range r.Form {
		for _, value := range values {
			if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
				return false
			}
		}
	}
	return true
}

// fail shows an error.
func (v *visit) fail(err error) {
	p := v.console.api.Problem(err)
	_ = v.show("problem", p.Status, p) // it returns no error
}

// Links returns the navigation of the user.
func (v *visit) Links() []link {
	var links []link
	for _, r := range routes {
		if r.nav && v.User != nil && (r.role == "" || v.User.May(r.role)) {
			links = append(links, link{Path: r.path(), Name: r.view, Current: r.view == v.route.view || slices.Contains(r.holds, v.route.view)})
		}
	}
	return links
}

// link is an entry of the navigation.
type link struct {
	Path, Name string
	Current    bool
}
