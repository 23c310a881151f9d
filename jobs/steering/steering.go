// Package steering changes what happens to accepted deliveries: it cancels them, sends them
// again and erases them, and it acknowledges incidents.
package steering

import (
	"context"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

// Store is what Control needs of the store.
type Store interface {
	Notification(ctx context.Context, id uuid.UUID) (store.Notification, error)
	Delivery(ctx context.Context, id uuid.UUID) (store.Delivery, error)
	Message(ctx context.Context, id uuid.UUID) (store.Message, error)
	ListDeliveries(ctx context.Context, f store.DeliveryFilter, after uuid.UUID, limit int) ([]store.Delivery, error)
	Requeue(ctx context.Context, batch []store.Requeue) ([]bool, error)
	Cancel(ctx context.Context, c store.Cancellation) (store.Cancelled, error)
	Incident(ctx context.Context, id uuid.UUID) (store.Incident, error)
	ChangeIncident(ctx context.Context, c store.IncidentChange) (store.Incident, bool, error)
	store.Breakers
	store.Erasures
	EraseRecipientUses(ctx context.Context, r store.Recipient) (int, error)
}

// Control cancels, requeues and erases deliveries.
type Control struct {
	store    Store
	settings *settings.Live
	log      *zap.Logger
}

// New returns a Control.
func New(st Store, live *settings.Live, log *zap.Logger) *Control {
	return &Control{store: st, settings: live, log: log}
}
