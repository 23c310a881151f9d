package jobs

import (
	"context"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// loaded is what a worker needs for a send.
type loaded struct {
	delivery store.Delivery
	message  store.Message
}

// loadBatch reads deliveries and their messages: two statements for all workers
// that wait, and none for messages at hand. What does not exist is nil.
func (s *Service) loadBatch(ctx context.Context, ids []uuid.UUID) ([]*loaded, error) {
	deliveries, err := s.store.FindDeliveries(ctx, ids)
	if err != nil {
		return nil, err
	}
	messages, err := s.messages.find(ctx, s.store, deliveries)
	if err != nil {
		return nil, err
	}
	byID := make(map[uuid.UUID]*loaded, len(deliveries))
	for _, d := range deliveries {
		if m, ok := messages[d.MessageID]; ok { // retention removes both at once
			byID[d.ID] = &loaded{d, m}
		}
	}
	found := make([]*loaded, len(ids))
	for i, id := range ids {
		found[i] = byID[id]
	}
	return found, nil
}

// messageCache keeps messages by id. A message never changes, and all recipients
// of a channel share one, so a large fan-out reads it once. It is used by one
// flusher only, and so by one goroutine at a time.
type messageCache struct {
	entries map[uuid.UUID]store.Message
}

// maxCachedMessages bounds the cache, at some 64 KiB each at the most: what one batch
// can bring.
const maxCachedMessages = flushMaxItems

// find returns the deliveries' messages by their ids.
func (c *messageCache) find(
	ctx context.Context, from store.Deliveries, deliveries []store.Delivery,
) (map[uuid.UUID]store.Message, error) {
	found := make(map[uuid.UUID]store.Message)
	var unknown []uuid.UUID
	for _, d := range deliveries {
		if m, ok := c.entries[d.MessageID]; ok {
			found[m.ID] = m
		} else if len(unknown) == 0 || unknown[len(unknown)-1] != d.MessageID { // those of one notification come together
			unknown = append(unknown, d.MessageID)
		}
	}
	if len(unknown) == 0 {
		return found, nil
	}
	messages, err := from.FindMessages(ctx, unknown)
	if err != nil {
		return nil, err
	}
	if c.entries == nil || len(c.entries)+len(messages) > maxCachedMessages {
		c.entries = make(map[uuid.UUID]store.Message)
	}
	for _, m := range messages {
		found[m.ID] = m
		c.entries[m.ID] = m
	}
	return found, nil
}
