package accepting

import (
	"context"
	"testing"

	"github.com/labring/sealos-notify/store"
)

const (
	MaxDeliveries = maxDeliveries
	MaxAhead      = maxAhead
)

// Hash returns the request's hash.
func (r Request) Hash() []byte { return r.hash() }

// Prepare returns how many deliveries a request makes.
func (a *Accepter) Prepare(ctx context.Context, req Request) (int, error) {
	p, err := a.prepare(ctx, req, nil, a.stored())
	if err != nil {
		return 0, err
	}
	defer p.giveBack()
	return len(p.Deliveries), nil
}

// CachedTemplate returns a function that reads templates of the store through a new cache. It
// returns the template's name and whether the template was cached.
func CachedTemplate(st Store) func(ctx context.Context, name string) (string, bool, error) {
	cache := newTemplateCache(st)
	return func(ctx context.Context, name string) (string, bool, error) {
		t, cached, err := cache.cached(ctx, name)
		return t.Name, cached, err
	}
}

// Groups returns how many renderings recipients get of a template, and the allocations of
// finding them.
func Groups(t store.Template, to []Recipient) (groups int, allocations float64) {
	list := make([]recipient, len(to))
	for i, r := range to {
		list[i] = recipient{Recipient: r.Recipient, params: r.Params, locale: r.Locale}
	}
	allocations = testing.AllocsPerRun(5, func() { groups = len(byRendering(t, "", list)) })
	return groups, allocations
}

// SetBounds makes requests with more than so many deliveries expansions, of batches of so many
// contacts.
func (a *Accepter) SetBounds(deliveries, batch int) { a.bounds = bounds{deliveries, batch} }
