package steering

import (
	"context"

	"go.uber.org/zap"

	"github.com/labring/sealos-notify/store"
)

// SetBreaker opens or closes the breaker of a provider by hand. While it is open, the provider
// takes no deliveries: they wait and spend no attempts. It returns store.ErrNotFound when there is
// no such provider; a breaker that is open can be closed all the same.
func (c *Control) SetBreaker(ctx context.Context, provider string, open bool, by store.Actor) error {
	var changed bool
	var err error
	_, known := c.settings.Load().Registry.Named(provider)
	switch now := store.Now(); {
	case open && known:
		b := store.Breaker{Provider: provider, ByHand: true, OpenedAt: now, ProbeAt: now}
		changed, err = c.store.OpenBreaker(ctx, b, by.Did(store.AuditBreakerOpen, provider))
	case !open:
		changed, err = c.store.CloseBreaker(ctx, provider, true, by.Did(store.AuditBreakerClose, provider))
	}
	switch {
	case err != nil:
		return err
	case changed:
		c.log.Info("a provider's breaker was set by hand", zap.String("provider", provider), zap.Bool("open", open))
	case !known:
		return store.ErrNotFound
	}
	return nil
}
