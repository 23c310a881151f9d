package jobs

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// messageCache keeps messages by id. A message never changes, and all recipients
// of a channel share one, so a large fan-out reads it once.
type messageCache struct {
	mu      sync.Mutex
	entries map[uuid.UUID]store.Message
}

const maxCachedMessages = 256 // of at most some 64 KiB each

func (c *messageCache) get(ctx context.Context, from store.Deliveries, id uuid.UUID) (store.Message, error) {
	c.mu.Lock()
	m, ok := c.entries[id]
	c.mu.Unlock()
	if ok {
		return m, nil
	}
	m, err := from.Message(ctx, id)
	if err != nil {
		return store.Message{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= maxCachedMessages {
		c.entries = make(map[uuid.UUID]store.Message)
	}
	c.entries[id] = m
	return m, nil
}
