package sqlread

import (
	"context"

	"github.com/labring/sealos-notify/store"
)

// OpenBreakers implements store.Breakers.
func (r Reader) OpenBreakers(ctx context.Context) ([]store.Breaker, error) {
	open, err := listed(ctx, r.DB, breaker,
		`SELECT provider, by_hand, code, opened_at, probe_at FROM provider_breakers ORDER BY provider`, nil)
	return wrapped(open, err, "read the breakers")
}

func breaker(row Row) (store.Breaker, error) {
	var b store.Breaker
	err := row.Scan(&b.Provider, &b.ByHand, &b.Code, &b.OpenedAt, &b.ProbeAt)
	return b, err
}
