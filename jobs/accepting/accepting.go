// Package accepting accepts notifications: it checks what is asked, renders the messages and
// commits everything that is needed to deliver them.
package accepting

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/groupcommit"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/jobs/shares"
	"github.com/labring/sealos-notify/jobs/tracing"
	"github.com/labring/sealos-notify/store"
)

const (
	// batchTime bounds the commit of a batch, itemTime that of one notification. Together
	// with it a batch that hangs leaves the other callers time to be accepted alone.
	batchTime = 4 * time.Second
	itemTime  = 8 * time.Second
	// manyRecipients is from where on a request's key is looked up first. Inserting so many
	// rows only to find the key taken would cost the database much.
	manyRecipients = 100
)

// Store is what an Accepter needs of the store.
type Store interface {
	Accept(ctx context.Context, gather func() []store.Acceptance) ([]store.Accepted, error)
	NotificationByKey(ctx context.Context, appID, key string) (store.Notification, error)
	Template(ctx context.Context, name string) (store.Template, error)
	Kind(ctx context.Context, name string) (store.Kind, error)
	FindContacts(ctx context.Context, owner string, names []string) ([]store.Contact, error)
	FindGroups(ctx context.Context, owner string, names []string) ([]store.Group, error)
	ContactsWith(ctx context.Context, owner string, labels store.Labels, after string, limit int) ([]store.Contact, error)
	CountContactsWith(ctx context.Context, owner string, labels store.Labels, most int) (int, error)
	Notification(ctx context.Context, id uuid.UUID) (store.Notification, error)
	FindMessages(ctx context.Context, ids []uuid.UUID) ([]store.Message, error)
	Expand(ctx context.Context, b store.ExpansionBatch) (store.Expanded, error)
}

// Accepter accepts notifications. Close it after the last Accept.
type Accepter struct {
	store     Store
	renderer  *rendering.Renderer
	settings  *settings.Live
	templates *cache[store.Template]
	kinds     *cache[store.Kind]
	large     *shares.Pool // requests with many contacts that are worked on at once
	commits   *groupcommit.Committer[*store.Acceptance, store.Accepted]
	metrics   *metrics
	log       *zap.Logger

	types          []channels.Type
	recipientTypes []*channels.RecipientType

	bounds        bounds
	expanding     context.Context // ends with StopExpanding
	stopExpanding context.CancelFunc
}

// New starts an Accepter. types is the table of provider types.
func New(
	st Store, types []channels.Type, renderer *rendering.Renderer, live *settings.Live, log *zap.Logger,
	registry prometheus.Registerer, batches *groupcommit.Metrics,
) *Accepter {
	expanding, stop := context.WithCancel(context.Background())
	return &Accepter{
		bounds: bounds{maxDeliveries, expandBatch}, expanding: expanding, stopExpanding: stop,
		types:          types,
		recipientTypes: channels.RecipientTypesOf(types...),

		store: st, renderer: renderer, settings: live, metrics: newMetrics(registry), log: log,
		templates: newTemplateCache(st), kinds: newKindCache(st), large: shares.New(maxLarge, largeOfApp),
		commits: groupcommit.New(groupcommit.Options[*store.Acceptance]{
			Name: "accept", BatchTime: batchTime, ItemTime: itemTime,
			Weight: (*store.Acceptance).Total, Metrics: batches, Log: log,
		}, func(ctx context.Context, gather func() []*store.Acceptance) ([]store.Accepted, error) {
			return st.Accept(ctx, func() (batch []store.Acceptance) {
				waiting := gather()
				batch = make([]store.Acceptance, len(waiting))
				for i, a := range waiting {
					batch[i] = *a
				}
				return batch
			})
		}),
	}
}

// Close commits what is queued.
func (a *Accepter) Close() { a.commits.Close() }

// Accept accepts a notification: before it returns, everything that is needed to deliver it
// is committed. A *refusal.Error says what is wrong with the request, a *store.QuotaError that
// its app has spent a limit; after any other error the same request may be sent again.
func (a *Accepter) Accept(ctx context.Context, req Request) (Accepted, error) {
	ctx, span := tracing.Start(ctx, "accept", trace.SpanKindInternal)
	accepted, err := a.accept(ctx, req)
	endSpan(span, accepted, err)
	if err == nil && accepted.Replayed {
		a.metrics.replayed.Inc()
	}
	return accepted, err
}

func (a *Accepter) accept(ctx context.Context, req Request) (Accepted, error) {
	if req.Alerts != nil { // they are few, so their templates are read anew
		accepted, err := a.commit(ctx, req, notCompared, a.stored())
		return result(accepted, notCompared, err)
	}
	hash := req.hash()
	if req.recipients() >= manyRecipients || req.namesGroup() {
		if accepted, err := a.replay(ctx, req); !errors.Is(err, store.ErrNotFound) {
			return result(accepted, hash, err)
		}
	}
	accepted, err := a.commit(ctx, req, hash, a.cached())
	var refused *refusal.Error
	if errors.As(err, &refused) || errors.Is(err, store.ErrStale) {
		// A cached template or kind may be stale: only the stored one can refuse.
		accepted, err = a.commit(ctx, req, hash, a.stored())
	}
	if errors.As(err, &refused) {
		// It may have been accepted before its template or kind was deleted, or its channel was
		// switched off.
		if accepted, err = a.replay(ctx, req); errors.Is(err, store.ErrNotFound) {
			err = refused
		}
	}
	return result(accepted, hash, err)
}

// notCompared is the hash of alerts: a repetition need not be the same request.
var notCompared = []byte{}

// commit renders a notification with what the sources return, and commits it. It returns
// store.ErrStale when a cached template or kind has changed.
func (a *Accepter) commit(ctx context.Context, req Request, hash []byte, from sources) (store.Accepted, error) {
	p, err := a.prepare(ctx, req, hash, from)
	if err != nil {
		return store.Accepted{}, err
	}
	defer p.giveBack()
	accepted, err := a.commits.Do(ctx, &p.Acceptance)
	if err != nil {
		return store.Accepted{}, fmt.Errorf("accept notification: %w", err)
	}
	a.metrics.countLimited(req.AppID, p.Quotas, accepted.Beyond)
	if accepted.Beyond != nil {
		return store.Accepted{}, accepted.Beyond
	}
	if accepted.Replayed && accepted.Notification.Expansion != nil {
		return a.replay(ctx, req) // with how far it is
	}
	if !accepted.Replayed {
		a.metrics.countAccepted(p.Acceptance, accepted.Withheld)
		a.noteFallbacks(req.Alerts, p.fallbacks)
	}
	return accepted, nil
}

// replay returns the notification that has the request's key, or store.ErrNotFound.
func (a *Accepter) replay(ctx context.Context, req Request) (store.Accepted, error) {
	n, err := a.store.NotificationByKey(ctx, req.AppID, req.IdempotencyKey)
	return store.Accepted{Notification: n, Replayed: true}, err
}

func result(a store.Accepted, hash []byte, err error) (Accepted, error) {
	if err != nil {
		return Accepted{}, err
	}
	if a.Replayed && len(hash) > 0 && !bytes.Equal(a.Notification.RequestHash, hash) {
		return Accepted{}, refusal.New(refusal.IdempotencyConflict, "idempotencyKey", "this key was used for a different request")
	}
	return Accepted{
		NotificationID: a.Notification.ID,
		Deliveries:     a.Notification.Counts.Total,
		Unmatched:      a.Notification.Unmatched,
		Withheld:       a.Notification.Withheld,
		Reach:          a.Notification.Reach,
		Expansion:      a.Notification.Expansion,
		IncidentID:     a.Notification.IncidentID,
		Replayed:       a.Replayed,
	}, nil
}

func endSpan(span trace.Span, a Accepted, err error) {
	defer span.End()
	var refused *refusal.Error
	var beyond *store.QuotaError
	switch {
	case !span.IsRecording():
	case errors.As(err, &refused):
		span.SetStatus(codes.Error, refused.Code)
	case errors.As(err, &beyond):
		span.SetStatus(codes.Error, "beyond "+beyond.String())
	case err != nil:
		span.SetStatus(codes.Error, "not committed")
	default:
		span.SetAttributes(attribute.String("notification", a.NotificationID.String()),
			attribute.Int("deliveries", a.Deliveries), attribute.Bool("replayed", a.Replayed))
	}
}
