package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/store"
)

// latencyRate is how many notifications a second come while their way is timed.
const latencyRate = 200

// postToVendor is the time from the moment a request is due until its message
// has arrived at the vendor.
func (b *bench) postToVendor(ctx context.Context, record record) error {
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	return b.timeArrivals(ctx, config, "latency", record)
}

func (b *bench) timeArrivals(ctx context.Context, config store.Config, name string, record record) error {
	inbox := vendors.NewInbox()
	v, err := newVendor(ctx, inbox)
	if err != nil {
		return err
	}
	defer v.close()
	r, err := b.start(ctx, setup{database: config, vendor: v.url})
	if err != nil {
		return err
	}
	const warm = latencyRate / 2
	total := warm + b.latencies
	dues := make([]time.Time, total)
	err = openLoop(latencyRate, total, func(i int, due time.Time) error {
		dues[i] = due
		return r.post(i, 1)
	})
	if err != nil {
		return err
	}
	if err := inbox.Wait(ctx, total); err != nil {
		return err
	}
	var took []float64
	for _, a := range inbox.Arrivals() {
		i, err := strconv.Atoi(strings.TrimPrefix(a.To, recipientPrefix))
		if err != nil || i >= total {
			return fmt.Errorf("a stranger got a message: %q", a.To)
		}
		if i >= warm {
			took = append(took, milliseconds(a.At.Sub(dues[i])))
		}
	}
	record(name+"-p50", percentile(took, 50))
	record(name+"-p99", percentile(took, 99))
	return r.stop()
}
