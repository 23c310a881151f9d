package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/labring/sealos-notify/store"
)

// latencyRate and lowRate are the numbers of notifications a second while latency is measured.
const (
	latencyRate = 200
	lowRate     = 20
)

// postToVendor measures the time from the moment a request is due to the arrival of
// its message at the vendor.
func (b *bench) postToVendor(ctx context.Context, record record) error {
	return b.timeArrivalsOnEmpty(ctx, latencyRate, "latency", record)
}

// postSeldom is postToVendor at a low rate.
func (b *bench) postSeldom(ctx context.Context, record record) error {
	return b.timeArrivalsOnEmpty(ctx, lowRate, "latency-low", record)
}

func (b *bench) timeArrivalsOnEmpty(ctx context.Context, rate int, name string, record record) error {
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	return b.timeArrivals(ctx, config, name, rate, record)
}

// timeArrivals records the time until the message is at the vendor, how much that is above River's at
// the same rate when it was measured before, and the processor time from the request to the record.
func (b *bench) timeArrivals(ctx context.Context, config store.Config, name string, rate int, record record) error {
	r, err := b.startWithVendor(ctx, setup{database: config})
	if err != nil {
		return err
	}
	defer r.close()
	if err := b.timeArrivalsAt(ctx, r, name, rate, record); err != nil {
		return err
	}
	return r.stop()
}

// timeArrivalsAt is timeArrivals at a replica.
func (b *bench) timeArrivalsAt(ctx context.Context, r *delivering, name string, rate int, record record) error {
	m, err := b.ofServices(r.service)
	if err != nil {
		return err
	}
	warm := rate / 2
	total := warm + b.latencies*rate/latencyRate
	dues := make([]time.Time, total)
	err = openLoop(rate, total, func(i int, due time.Time) error {
		dues[i] = due
		return r.post(i, 1)
	})
	if err != nil {
		return err
	}
	if err := r.awaitRecorded(ctx, total); err != nil {
		return err
	}
	if err := m.record(name+"-cpu", total, record); err != nil {
		return err
	}
	var took []float64
	for _, a := range r.inbox.Arrivals() {
		i, err := strconv.Atoi(strings.TrimPrefix(a.To, recipientPrefix))
		if err != nil || i >= total {
			return fmt.Errorf("message to an unknown recipient: %q", a.To)
		}
		if i >= warm {
			took = append(took, milliseconds(a.At.Sub(dues[i])))
		}
	}
	p50 := percentile(took, 50)
	record(name+"-p50", p50)
	if river, measured := b.riverP50[rate]; measured {
		record(name+"-above", p50-river)
	}
	record(name+"-p99", percentile(took, 99))
	return nil
}
