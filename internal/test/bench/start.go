package main

import (
	"context"

	"github.com/labring/sealos-notify/internal/vendors"
)

// startToReady measures the time until a replica is ready on a current schema.
func (b *bench) startToReady(ctx context.Context, record record) error {
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	v, err := newVendor(ctx, vendors.NewInbox())
	if err != nil {
		return err
	}
	defer v.close()
	s := setup{database: config, vendor: v.url}
	r, err := b.start(ctx, s) // creates the schema
	if err != nil {
		return err
	}
	var took []float64
	for range 5 {
		if err := r.stop(); err != nil {
			return err
		}
		if r, err = b.start(ctx, s); err != nil {
			return err
		}
		took = append(took, r.ready.Seconds())
	}
	record("start", median(took))
	return r.stop()
}
