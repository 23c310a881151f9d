package delivering

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/store"
)

// loaded is what a worker needs for a send.
type loaded struct {
	delivery store.Delivery
	message  store.Message
}

// load reads the delivery and its message.
func (d *Deliverer) load(ctx context.Context, r *run) *Next {
	l, err := d.loadWhenAvailable(ctx, r.job.DeliveryID)
	if err != nil {
		// Nothing was sent, so no attempt is spent.
		d.log.Warn("delivery could not be read", zap.Stringer("delivery", r.job.DeliveryID), zap.Error(err))
		return snooze(time.Second)
	}
	if l == nil {
		return cancel("the delivery does not exist any more")
	}
	r.delivery, r.message, r.settings = l.delivery, l.message, d.settings.Load()
	return nil
}

// loadWhenAvailable waits while the database is unavailable and enough of the lease remains.
// The job is kept meanwhile: River could not note that it was given back, so it would look
// like a job whose worker was lost in its send.
func (d *Deliverer) loadWhenAvailable(ctx context.Context, id uuid.UUID) (*loaded, error) {
	for {
		l, err := d.loads.Do(ctx, id)
		if !errors.Is(err, store.ErrUnavailable) || !hasTime(ctx, d.settings.Load().LongestTimeout()+loadTime) {
			return l, err
		}
		select {
		case <-time.After(unavailablePause):
		case <-d.stopping:
			return nil, err
		}
	}
}

// loadBatch reads deliveries and their messages, in two statements for all waiting workers.
// What does not exist is nil.
func (d *Deliverer) loadBatch(ctx context.Context, ids []uuid.UUID) ([]*loaded, error) {
	deliveries, err := d.store.FindDeliveries(ctx, ids)
	if err != nil {
		return nil, err
	}
	messages, err := d.messagesOf(ctx, deliveries)
	if err != nil {
		return nil, err
	}
	byID := make(map[uuid.UUID]*loaded, len(deliveries))
	for _, delivery := range deliveries {
		if m, ok := messages[delivery.MessageID]; ok || delivery.IsDigest() { // retention deletes both at once
			byID[delivery.ID] = &loaded{delivery, m}
		}
	}
	found := make([]*loaded, len(ids))
	for i, id := range ids {
		found[i] = byID[id]
	}
	return found, nil
}

// newMessageCache returns a cache of messages, which never change. All recipients of a
// channel share one, so a large fan-out reads its message once.
func newMessageCache() *otter.Cache[uuid.UUID, store.Message] {
	return otter.Must(&otter.Options[uuid.UUID, store.Message]{
		MaximumWeight: 8 << 20, // bytes
		Weigher: func(_ uuid.UUID, m store.Message) uint32 {
			return uint32(1024 + len(m.Subject) + len(m.Body) + len(m.Params)) //nolint:gosec // a message is bounded
		},
	})
}

// messagesOf returns the deliveries' messages by id, from the cache where they are there.
func (d *Deliverer) messagesOf(ctx context.Context, deliveries []store.Delivery) (map[uuid.UUID]store.Message, error) {
	found := make(map[uuid.UUID]store.Message)
	var missing []uuid.UUID
	for _, delivery := range deliveries {
		id := delivery.MessageID
		if m, ok := d.messages.GetIfPresent(id); ok {
			found[id] = m
		} else if len(missing) == 0 || missing[len(missing)-1] != id { // deliveries of one notification come together
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	messages, err := d.store.FindMessages(ctx, missing)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		found[m.ID] = m
		if len(m.Mention) == 0 { // who is mentioned may be erased
			d.messages.Set(m.ID, m)
		}
	}
	return found, nil
}
