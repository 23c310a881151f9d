package jobs

import "sync"

// cache keeps what can be had again, by a key. It is emptied when it would hold more
// than its bounds; bytes count what was kept since, what was replaced among it.
type cache[K comparable, V any] struct {
	maxEntries, maxBytes int

	mu      sync.Mutex
	entries map[K]V
	bytes   int
}

func (c *cache[K, V]) get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.entries[key]
	return v, ok
}

func (c *cache[K, V]) keep(key K, v V, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= c.maxEntries || c.bytes+bytes > c.maxBytes {
		c.entries, c.bytes = make(map[K]V), 0
	}
	c.entries[key] = v
	c.bytes += bytes
}
