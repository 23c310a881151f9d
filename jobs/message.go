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
	messages, err := s.messagesOf(ctx, deliveries)
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

// messagesOf returns the deliveries' messages by their ids, from the cache where they
// are there: a large fan-out reads its message once.
func (s *Service) messagesOf(ctx context.Context, deliveries []store.Delivery) (map[uuid.UUID]store.Message, error) {
	found := make(map[uuid.UUID]store.Message)
	var unknown []uuid.UUID
	for _, d := range deliveries {
		if m, ok := s.messages.get(d.MessageID); ok {
			found[m.ID] = m
		} else if len(unknown) == 0 || unknown[len(unknown)-1] != d.MessageID { // those of one notification come together
			unknown = append(unknown, d.MessageID)
		}
	}
	if len(unknown) == 0 {
		return found, nil
	}
	messages, err := s.store.FindMessages(ctx, unknown)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		found[m.ID] = m
		s.messages.keep(m.ID, m, len(m.Subject)+len(m.Body)+len(m.Params))
	}
	return found, nil
}
