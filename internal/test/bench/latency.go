package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/labring/sealos-notify/store"
)

// latencyRate is the number of notifications a second while latency is measured.
const latencyRate = 200

// postToVendor measures the time from the moment a request is due to the arrival of
// its message at the vendor.
func (b *bench) postToVendor(ctx context.Context, record record) error {
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	return b.timeArrivals(ctx, config, "latency", record)
}

func (b *bench) timeArrivals(ctx context.Context, config store.Config, name string, record record) error {
	r, inbox, end, err := b.startWithVendor(ctx, config)
	if err != nil {
		return err
	}
	defer end()
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
			return fmt.Errorf("message to an unknown recipient: %q", a.To)
		}
		if i >= warm {
			took = append(took, milliseconds(a.At.Sub(dues[i])))
		}
	}
	record(name+"-p50", percentile(took, 50))
	record(name+"-p99", percentile(took, 99))
	return r.stop()
}
