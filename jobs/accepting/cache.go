package accepting

import (
	"context"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/labring/sealos-notify/store"
)

// readTime bounds the read of a template or a kind for all callers that wait for it.
const readTime = 5 * time.Second

// lookUp returns a template or a kind, or store.ErrNotFound. cached reports whether it may be
// stale: it was written elsewhere, or since it was read.
type lookUp[T any] func(ctx context.Context, name string) (found T, cached bool, err error)

// sources are where templates and kinds are looked up.
type sources struct {
	template lookUp[store.Template]
	kind     lookUp[store.Kind]
}

func (a *Accepter) cached() sources { return sources{a.templates.cached, a.kinds.cached} }

func (a *Accepter) stored() sources { return sources{a.templates.stored, a.kinds.stored} }

// cache keeps templates or kinds as they were last read, by name.
type cache[T any] struct {
	read  func(ctx context.Context, name string) (T, error)
	cache *otter.Cache[string, T]
}

func newTemplateCache(st Store) *cache[store.Template] {
	return &cache[store.Template]{st.Template, otter.Must(&otter.Options[string, store.Template]{
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

func newKindCache(st Store) *cache[store.Kind] {
	return &cache[store.Kind]{st.Kind, otter.Must(&otter.Options[string, store.Kind]{MaximumSize: 1000})}
}

// stored reads one.
func (c *cache[T]) stored(ctx context.Context, name string) (T, bool, error) {
	found, err := c.read(ctx, name)
	if err == nil {
		c.cache.Set(name, found)
	}
	return found, false, err
}

// cached returns one from the cache. One that is not there is read once for all callers that
// wait for it.
func (c *cache[T]) cached(ctx context.Context, name string) (T, bool, error) {
	found, err := c.cache.Get(ctx, name, otter.LoaderFunc[string, T](
		func(ctx context.Context, name string) (T, error) {
			// The others still wait when the first caller leaves.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
			defer cancel()
			return c.read(ctx, name)
		}))
	return found, true, err
}
