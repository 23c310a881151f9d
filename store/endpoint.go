package store

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Endpoint is where an app is told of events.
type Endpoint struct {
	ID          uuid.UUID // UUIDv7
	AppID       string
	URL         string // may hold a secret
	Description string
	Events      []EventType // empty: all
	// Secret signs requests. It is sealed with a key that the database does not have. Before is the one
	// before the last rotation, which signs, too, until BeforeUntil.
	Secret      []byte
	Before      []byte
	BeforeUntil *time.Time
	Off         Off // empty: it is on
	OffAt       *time.Time
	// FailingSince is when the first of the failures was since which nothing has succeeded; nil: the
	// last one that was told has succeeded. LastCode is the code of the last failure then.
	FailingSince *time.Time
	LastCode     string
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Off says why an endpoint is told nothing.
type Off string

// Why an endpoint is told nothing. Its events are kept.
const (
	OffByHand  Off = "by_hand"
	OffFailing Off = "failing" // it failed for too long
	OffGone    Off = "gone"    // it has answered that it is not there any more
)

// Line returns the queue that the jobs of the endpoint wait in.
func (e Endpoint) Line() string { return Line{Channel: EventQueue, AppID: e.ID.String()}.Queue() }

// Signs reports whether the secret before the last rotation still signs.
func (e Endpoint) Signs(now time.Time) bool {
	return e.BeforeUntil != nil && now.Before(*e.BeforeUntil)
}

// EndpointFailure is a request to an endpoint that did not succeed.
type EndpointFailure struct {
	EndpointID uuid.UUID
	At         time.Time
	Code       string
	// OffSince switches the endpoint off when it has been failing since then or longer. Gone switches
	// it off at once.
	OffSince time.Time
	Gone     bool
}

// EndpointAmounts are numbers of endpoints.
type EndpointAmounts struct {
	On      int
	Failing int // of those that are on
	Off     int // that were switched off because they failed, or are gone
}

// Endpoints keeps where apps are told of events. A write that somebody asked for is audited in its
// transaction.
type Endpoints interface {
	// CreateEndpoint writes a new endpoint.
	CreateEndpoint(ctx context.Context, e Endpoint, audit AuditEntry) error
	// UpdateEndpoint replaces the URL, the description, the types of events and the state of the endpoint
	// e.ID of the app e.AppID. When it is switched on, or its URL changes, it is not failing any more. It
	// returns the stored endpoint, or ErrNotFound.
	UpdateEndpoint(ctx context.Context, e Endpoint, audit AuditEntry) (Endpoint, error)
	// RotateSecret gives the endpoint e.ID of the app e.AppID the sealed secret e.Secret. The one that it
	// had signs until e.BeforeUntil, and the one before that no more. It returns the stored endpoint, or
	// ErrNotFound.
	RotateSecret(ctx context.Context, e Endpoint, audit AuditEntry) (Endpoint, error)
	// DeleteEndpoint returns ErrNotFound when the app has none with that id.
	DeleteEndpoint(ctx context.Context, id uuid.UUID, appID string, audit AuditEntry) error
	// Endpoint returns one endpoint, or ErrNotFound.
	Endpoint(ctx context.Context, id uuid.UUID) (Endpoint, error)
	// ListEndpoints returns a page of at most limit endpoints by id, after the given id; those of the
	// app, unless it is empty.
	ListEndpoints(ctx context.Context, appID string, after uuid.UUID, limit int) ([]Endpoint, error)
	// FailEndpoint notes a failure, and reports whether it switched the endpoint off, and why.
	FailEndpoint(ctx context.Context, f EndpointFailure) (Off, error)
	// RecoverEndpoint notes that the endpoint is not failing any more.
	RecoverEndpoint(ctx context.Context, id uuid.UUID) error
	// CountEndpoints counts the endpoints of all apps. It is cheap enough for each look at the metrics.
	CountEndpoints(ctx context.Context) (EndpointAmounts, error)
}
