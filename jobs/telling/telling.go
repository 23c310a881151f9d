// Package telling tells endpoints of events, by requests that are signed by Standard Webhooks.
package telling

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/hook"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

const (
	// Timeout bounds a request to an endpoint. It is shorter than any lease.
	Timeout = 10 * time.Second
	// patience is how long an endpoint may fail until it is switched off.
	patience = 24 * time.Hour
)

// waits are the times after each failure; the last one repeats. store.EventAttempts are spent after three
// days.
var waits = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour,
}

// Wait returns the time until the next attempt after the given one, counted from 1, has failed.
func Wait(attempt int) time.Duration { return waits[min(max(attempt, 1), len(waits))-1] }

// Store is what a Teller needs of the store.
type Store interface {
	Telling(ctx context.Context, args store.EventArgs) (store.Event, store.Endpoint, error)
	FailEndpoint(ctx context.Context, f store.EndpointFailure) (store.Off, error)
	RecoverEndpoint(ctx context.Context, id uuid.UUID) error
	Replay(ctx context.Context, r store.Replay) (store.Replayed, error)
}

// Teller tells endpoints of events.
type Teller struct {
	store    Store
	settings *settings.Live
	log      *zap.Logger
	public   *hook.Client // refuses internal addresses
	anywhere *hook.Client
	told     *prometheus.CounterVec // by outcome
	off      prometheus.Counter
	now      func() time.Time
}

// Outcomes of an attempt to tell an event.
const (
	outcomeTold    = "told"
	outcomeFailed  = "failed"   // it is tried again
	outcomeGivenUp = "given_up" // the last attempt failed
	outcomeKept    = "kept"     // the endpoint is off
)

// New returns a Teller. With a nil registry no metrics are shown.
func New(st Store, live *settings.Live, log *zap.Logger, registry prometheus.Registerer) *Teller {
	t := &Teller{
		store: st, settings: live, log: log, now: store.Now,
		told: promauto.With(registry).NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_events_total",
			Help: "Attempts to tell an endpoint of an event, by outcome: told, failed (it is tried again), given_up, kept (the endpoint is off).",
		}, []string{"outcome"}),
		off: promauto.With(registry).NewCounter(prometheus.CounterOpts{
			Name: "sealos_notify_endpoints_switched_off_total",
			Help: "Endpoints that were switched off because they failed for a day, or are gone.",
		}),
	}
	for _, outcome := range []string{outcomeTold, outcomeFailed, outcomeGivenUp, outcomeKept} {
		t.told.WithLabelValues(outcome)
	}
	// Each request has an address of its own, so these have none, and cannot fail.
	t.public, _ = hook.NewPlainClient("url", "", hook.Options{})
	t.anywhere, _ = hook.NewPlainClient("url", "", hook.Options{AllowPrivateNetworks: true})
	return t
}

// client returns the client that endpoints are told with.
func (t *Teller) client() *hook.Client {
	if t.settings.Load().Endpoints.AllowPrivateNetworks {
		return t.anywhere
	}
	return t.public
}

// Tell tells an endpoint of an event. It returns an error when that is to be tried again. last reports
// whether this is the last attempt.
func (t *Teller) Tell(ctx context.Context, args store.EventArgs, last bool) error {
	event, endpoint, err := t.store.Telling(ctx, args)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil // the endpoint was deleted, or the event is too old
	case err != nil:
		return err
	case endpoint.Off != "":
		t.told.WithLabelValues(outcomeKept).Inc()
		return nil
	}
	signatures, err := t.signers(endpoint)
	if err != nil {
		t.log.Error("an event cannot be signed", zap.Stringer("endpoint", endpoint.ID), zap.Error(err))
		return err
	}
	failure := t.post(ctx, event, endpoint, signatures)
	if failure != nil {
		return t.fail(ctx, event, endpoint, failure, last)
	}
	t.told.WithLabelValues(outcomeTold).Inc()
	if endpoint.FailingSince == nil {
		return nil
	}
	if err := t.store.RecoverEndpoint(ctx, endpoint.ID); err != nil {
		t.log.Warn("that an endpoint works again could not be noted", zap.Stringer("endpoint", endpoint.ID), zap.Error(err))
	}
	return nil // another event notes it
}

// post makes the request. A shutdown does not cut it.
func (t *Teller) post(ctx context.Context, event store.Event, endpoint store.Endpoint, signatures signers) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Timeout)
	defer cancel()
	req, err := signatures.request(ctx, event, endpoint, t.now())
	if err != nil {
		return err
	}
	reply, err := t.client().Do(req)
	if err != nil {
		return err
	}
	if reply.Status/100 != 2 {
		return &channels.Error{Class: channels.Transient, Code: fmt.Sprintf("http_%d", reply.Status), Message: "the endpoint answers so"}
	}
	return nil
}

// fail notes a failure, and switches the endpoint off when it has failed for too long, or is gone. Nothing
// of what it answered is kept: it may repeat its address.
func (t *Teller) fail(ctx context.Context, event store.Event, endpoint store.Endpoint, failure error, last bool) error {
	code := "failed"
	var typed *channels.Error
	if errors.As(failure, &typed) {
		code = typed.Code
	}
	now := t.now()
	off, err := t.store.FailEndpoint(context.WithoutCancel(ctx), store.EndpointFailure{
		EndpointID: endpoint.ID, At: now, Code: code, OffSince: now.Add(-patience), Gone: code == fmt.Sprintf("http_%d", http.StatusGone),
	})
	if err != nil {
		t.log.Warn("the failure of an endpoint could not be noted", zap.Stringer("endpoint", endpoint.ID), zap.Error(err))
	}
	log := t.log.With(zap.Stringer("endpoint", endpoint.ID), zap.String("app", endpoint.AppID), zap.String("code", code))
	if off != "" {
		t.off.Inc()
		log.Error("an endpoint was switched off; its events are kept, and are told again on request", zap.String("off", string(off)))
	}
	if last || off != "" {
		t.told.WithLabelValues(outcomeGivenUp).Inc()
		log.Warn("an event was given up", zap.Stringer("event", event.ID), zap.String("type", string(event.Type)))
	} else {
		t.told.WithLabelValues(outcomeFailed).Inc()
		log.Info("an event was not taken and will be told again", zap.Stringer("event", event.ID), zap.String("type", string(event.Type)))
	}
	if off != "" {
		return nil
	}
	return errors.New(code)
}
