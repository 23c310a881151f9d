// Package api serves HTTP: routes, authentication, strict reading of requests,
// and errors as RFC 9457 problem documents.
package api

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/api/console"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/overview"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/jobs/shares"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

const (
	// maxBody bounds a request's body, in bytes.
	maxBody = 4 << 20
	// maxHeaders bounds a request's line and headers, in bytes.
	maxHeaders = 8 << 10
	// handleTimeout bounds the work on one request. A database that does not answer
	// becomes a 503.
	handleTimeout = 10 * time.Second
)

// Accepter accepts notifications. It returns a *refusal.Error for a request that
// cannot be accepted. CheckAddress returns what is wrong with an address, and does not repeat it.
// CheckAlerts returns what keeps sample alerts from being sent as
// their receiver is configured.
type Accepter interface {
	CheckAddress(r store.Recipient) error
	Accept(ctx context.Context, req accepting.Request) (accepting.Accepted, error)
	CheckAlerts(ctx context.Context, req accepting.Request) ([]*refusal.Error, error)
}

// TemplateRules checks and previews templates. It returns a *refusal.Error for a
// template that cannot be used.
type TemplateRules interface {
	CheckTemplate(ctx context.Context, app string, t store.Template) error
	PreviewTemplate(ctx context.Context, app string, t store.Template, params map[string]any) (rendering.Preview, error)
	Form(channel string) rendering.Form
}

// DeliveryControl cancels, retries and erases deliveries. It returns a *refusal.Error for a
// delivery that cannot be retried.
type DeliveryControl interface {
	Cancel(ctx context.Context, notification uuid.UUID, by store.Actor) error
	Requeue(ctx context.Context, d store.Delivery, provider string, by store.Actor) error
	RequeueMatching(ctx context.Context, req steering.RequeueRequest) (steering.Requeued, error)
	Erase(ctx context.Context, req steering.EraseRequest, by store.Actor) (steering.Erased, error)
	Admits(provider, app string) bool
	Acknowledge(ctx context.Context, a steering.Acknowledgement, by store.Actor) (incident store.Incident, changed bool, err error)
	SetBreaker(ctx context.Context, provider string, open bool, by store.Actor) error
}

// Overview tells how the channels stand.
type Overview interface {
	Channels(ctx context.Context) ([]overview.Channel, error)
	// Recent returns what happened lately to the deliveries of an app, of all apps when it is
	// empty.
	Recent(ctx context.Context, app string) (overview.Recent, error)
	// OfTemplate returns the same for what was made from a template.
	OfTemplate(ctx context.Context, app, template string) (overview.ChannelFigures, error)
	Names() []string
	Providers(channel string) []string
	// Details returns the providers as they are configured.
	Details(ctx context.Context) ([]overview.Provider, error)
	Probe(ctx context.Context, provider string) (overview.Probed, error)
}

// Store is what the API reads, and where it keeps templates and kinds.
type Store interface {
	store.Templates
	store.Kinds
	store.Contacts
	store.Endpoints
	Notification(ctx context.Context, id uuid.UUID) (store.Notification, error)
	FindIncidents(ctx context.Context, ids []uuid.UUID) ([]store.Incident, error)
	ListIncidents(ctx context.Context, f store.IncidentFilter, after uuid.UUID, limit int) ([]store.Incident, error)
	ListNotifications(ctx context.Context, f store.NotificationFilter, after uuid.UUID, limit int) ([]store.Notification, error)
	DeliveriesOf(ctx context.Context, notificationID, after uuid.UUID, limit int) ([]store.Delivery, error)
	ListDeliveries(ctx context.Context, f store.DeliveryFilter, after uuid.UUID, limit int) ([]store.Delivery, error)
	Message(ctx context.Context, id uuid.UUID) (store.Message, error)
	Attempts(ctx context.Context, deliveryID uuid.UUID) ([]store.Attempt, error)
	Uses(ctx context.Context, appID string) ([]store.Use, error)
	DeadGroups(ctx context.Context, appID string, most int) ([]store.DeadGroup, bool, error)
	LastTold(ctx context.Context, receiver, appID string, limit int) ([]store.Told, error)
	store.Sessions
	ListSuppressions(ctx context.Context, f store.SuppressionFilter, after uuid.UUID, limit int) ([]store.Suppression, error)
	DeleteSuppression(ctx context.Context, id uuid.UUID, audit store.AuditEntry) error
	Audit(ctx context.Context, entries ...store.AuditEntry) error
	ListAudit(ctx context.Context, f store.AuditFilter, after uuid.UUID, limit int) ([]store.AuditEntry, error)
	NewestAudit(ctx context.Context) (uuid.UUID, error)
	CountsOfApps(ctx context.Context, since time.Time) (map[string]int, error)
	Ping(ctx context.Context) error
}

// Schema returns what the database's schema lacks; nothing when it is right.
type Schema func(ctx context.Context) (missing string, err error)

// Options are the parts of a server.
type Options struct {
	Config          ServerConfig
	Auth            *Auth
	Accepter        Accepter
	DeliveryControl DeliveryControl
	Templates       TemplateRules
	Overview        Overview
	OptOut          OptOut
	Endpoints       EndpointRules
	Store           Store
	Integrations    IntegrationsConfig    // who gets alerts; SetIntegrations replaces it
	RecipientTypes  []string              // that a request may name; any when empty
	RiverUI         http.Handler          // serves /riverui; may be nil
	Ready           func() bool           // false once shutdown has begun
	Schema          Schema                // may be nil
	Metrics         prometheus.Registerer // may be nil
	Tracer          trace.Tracer          // may be nil
	Log             *zap.Logger
}

// Server serves the API.
type Server struct {
	app          *fiber.App
	auth         *Auth
	accepter     Accepter
	control      DeliveryControl
	rules        TemplateRules
	overview     Overview
	optOut       OptOut
	endpoints    EndpointRules
	store        Store
	integrations atomic.Pointer[IntegrationsConfig]
	signOn       atomic.Pointer[signOn]
	receivers    receivers
	isReady      func() bool
	metrics      *metrics
	tracer       trace.Tracer // may be nil
	log          *zap.Logger
	proxies      []netip.Prefix // server.trustedProxies
	bodies       *bodies
	lists        *shares.Pool // lists that are answered at once
	answers      *shares.Pool // bytes of large answers that are not written yet
	lookups      *shares.Pool // sessions that are looked up at once
	switching    *shares.Pool // links of mails that are used at once
	forgeries    *throttle    // of those links
	changes      changes
	streams      streams
	database     database
	writeTimeout time.Duration
	listener     atomic.Pointer[listener] // set by Serve

	recipientTypes []string
	schemas        huma.Registry // of bodies
}

// New returns a server that does not listen yet.
func New(o Options) (*Server, error) {
	s := &Server{
		auth: o.Auth, accepter: o.Accepter, control: o.DeliveryControl, rules: o.Templates, overview: o.Overview, optOut: o.OptOut, endpoints: o.Endpoints, store: o.Store,
		isReady: o.Ready, metrics: newMetrics(o.Metrics), tracer: o.Tracer, log: o.Log,
		recipientTypes: o.RecipientTypes,
		bodies:         newBodies(), lists: shares.New(maxLists, listsOfApp), answers: shares.New(answerBytes, answersOfApp),
		lookups: shares.New(maxLookups, maxLookups), switching: shares.New(maxSwitching, maxSwitching), forgeries: newThrottle(),
		database:     database{store: o.Store, schema: o.Schema, log: o.Log},
		writeTimeout: o.Config.WriteTimeout,
	}
	for _, text := range o.Config.TrustedProxies {
		network, err := ParseNetwork(text)
		if err != nil {
			return nil, fmt.Errorf("server.trustedProxies: %w", err)
		}
		s.proxies = append(s.proxies, network)
	}
	s.SetIntegrations(o.Integrations)
	s.SetConsole(ConsoleConfig{})
	s.receivers.server = s
	s.changes.store, s.streams.open = s.store, map[*stream]struct{}{}
	if o.Metrics != nil {
		o.Metrics.MustRegister(&s.receivers)
	}
	s.app = fiber.New(fiber.Config{
		AppName:               "sealos-notify",
		StreamRequestBody:     true, // takeBody reads it, when the caller is known
		BodyLimit:             1,    // byte that is read before that; at least one
		ReadBufferSize:        maxHeaders,
		ReadTimeout:           o.Config.ReadTimeout,
		WriteTimeout:          o.Config.WriteTimeout,
		IdleTimeout:           o.Config.IdleTimeout,
		CaseSensitive:         true,
		DisableStartupMessage: true,
		Immutable:             true, // strings outlive the handler
		ErrorHandler:          s.answerUnrouted,
		// A form is refused like any other body that is not JSON, and is not parsed first.
		DisablePreParseMultipartForm: true,
	})
	s.app.Server().CloseOnShutdown = true
	s.app.Server().ConnState = track
	s.app.Server().ExpectHandler = s.expect

	s.app.Use(s.observe)
	s.app.Use(apiPrefix, s.authenticate, s.noteOrigin, s.traced, checkQuery, s.takeBody, s.weighAnswer) // unknown paths too: 401 comes before 404
	spec := newHuma(s.app, s.metrics.countProblem)
	s.routes(spec)
	s.schemas = spec.OpenAPI().Components.Schemas
	s.serveSpec(spec)
	s.serveDocs(spec)
	s.serveConsole()
	s.serveUnsubscribe()
	if o.RiverUI != nil {
		s.app.Use(riverUIPrefix, letConsoleFrame, s.authenticateAdmin, s.takeBody, s.auditRiverUI, refuseForeignPages, adaptor.HTTPHandler(o.RiverUI))
	}
	s.app.Server().Handler = s.handler(s.app.Handler())
	return s, nil
}

// expect answers a request that asks before it sends its body (RFC 9110, section 10.1.1). One
// that can be answered without the body is, at once.
func (s *Server) expect(r *fasthttp.RequestCtx) int {
	h := &r.Request.Header
	if h.ContentLength() <= maxBody && (s.auth.knows(h) || bytes.HasPrefix(r.Path(), []byte(console.Prefix))) {
		return http.StatusContinue
	}
	linger(r.Conn())
	s.app.Server().Handler(r)
	return r.Response.StatusCode()
}

// Serve answers requests until Shutdown, and then returns nil.
func (s *Server) Serve(l net.Listener) error {
	return s.serve(l, connectionLimit(maxFiles()))
}

// serve is Serve with at most so many connections.
func (s *Server) serve(l net.Listener, most int) error {
	listener := newListener(l, most, s.log)
	s.listener.Store(listener)
	return s.app.Listener(listener)
}

// Shutdown ends the streams, closes the listener and waits for the requests in flight, at most
// until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.streams.close()
	if l := s.listener.Load(); l != nil {
		l.closeUnused()
	}
	return s.app.ShutdownWithContext(ctx)
}
