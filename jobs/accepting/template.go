package accepting

import (
	"context"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/labring/sealos-notify/store"
)

// templateTime bounds the read of a template for all callers that wait for it.
const templateTime = 5 * time.Second

// findTemplate returns a template, or store.ErrNotFound. cached reports whether it may be
// stale: it was written elsewhere, or since it was read.
type findTemplate func(ctx context.Context, name string) (t store.Template, cached bool, err error)

// templateCache keeps templates as they were last read, by name.
type templateCache struct {
	store Store
	cache *otter.Cache[string, store.Template]
}

func newTemplateCache(st Store) *templateCache {
	return &templateCache{store: st, cache: otter.Must(&otter.Options[string, store.Template]{
		MaximumWeight: 4 << 20, // bytes
		Weigher: func(_ string, t store.Template) uint32 {
			size := 1024 + len(t.Subject) + len(t.Body) + len(t.Description)
			for _, text := range t.Texts {
				size += 256 + len(text.Subject) + len(text.Body)
			}
			return uint32(size) //nolint:gosec // a template is bounded
		},
	})}
}

// stored reads a template.
func (c *templateCache) stored(ctx context.Context, name string) (store.Template, bool, error) {
	t, err := c.store.Template(ctx, name)
	if err == nil {
		c.cache.Set(name, t)
	}
	return t, false, err
}

// cached returns a template from the cache. One that is not there is read once for all
// callers that wait for it.
func (c *templateCache) cached(ctx context.Context, name string) (store.Template, bool, error) {
	t, err := c.cache.Get(ctx, name, otter.LoaderFunc[string, store.Template](
		func(ctx context.Context, name string) (store.Template, error) {
			// The others still wait when the first caller leaves.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), templateTime)
			defer cancel()
			return c.store.Template(ctx, name)
		}))
	return t, true, err
}
