package main

import (
	"context"
	"sync/atomic"
	"time"
)

// acceptOnly measures notifications to one person that an API-only replica accepts a
// second.
func (b *bench) acceptOnly(ctx context.Context, record record) error {
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	rate, err := b.accept(ctx, setup{database: config}, 1, record)
	record("accept", rate)
	return err
}

// acceptAtInfo is acceptOnly with a log line for each request.
func (b *bench) acceptAtInfo(ctx context.Context, record record) error {
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	rate, err := b.accept(ctx, setup{database: config, level: "info"}, 1, nil)
	record("accept-info", rate)
	return err
}

// acceptThousands measures deliveries that an API-only replica accepts a second in
// notifications to 1,000 people each.
func (b *bench) acceptThousands(ctx context.Context, record record) error {
	const (
		recipients  = 1000
		bulkCallers = 16 // enough to fill the largest transaction
	)
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	r, err := b.start(ctx, setup{database: config})
	if err != nil {
		return err
	}
	requests := 4 * b.backlog / recipients
	var next atomic.Int64
	start := time.Now()
	err = together(bulkCallers, func() error {
		for i := int(next.Add(1)); i <= requests; i = int(next.Add(1)) {
			if err := r.post(i, recipients); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	record("accept-1000", float64(requests*recipients)/time.Since(start).Seconds())
	return r.stop()
}

// acceptOnReplicas measures the sum of three API-only replicas, each with as many
// callers as the one of acceptOnly.
func (b *bench) acceptOnReplicas(ctx context.Context, record record) error {
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	rate, err := b.accept(ctx, setup{database: config}, replicas, nil)
	record("replicas-accept", rate)
	return err
}

// accept starts API-only replicas and returns how many notifications to one person
// they accept a second in sum. It records what each costs, unless record is nil.
func (b *bench) accept(ctx context.Context, s setup, replicas int, record record) (float64, error) {
	services := make([]*service, replicas)
	for i := range services {
		var err error
		if services[i], err = b.start(ctx, s); err != nil {
			return 0, err
		}
	}
	m, err := b.ofServices(services...)
	if err != nil {
		return 0, err
	}
	var posted atomic.Int64
	// Each replica has its own heap and connections to warm up, and they share the
	// processors. The longer span gives each as many requests as a single one gets.
	rate, err := closedLoop(ctx, callers*replicas, time.Duration(replicas)*b.span, func(i int) error {
		posted.Add(1)
		return services[i%replicas].post(i, 1)
	})
	if err == nil && record != nil {
		err = m.record("accept-cpu", int(posted.Load()), record)
	}
	if err != nil {
		return 0, err
	}
	return rate, stop(services...)
}

// acceptTenThousand measures the time of one request with 10,000 recipients, who share their
// params or have their own.
func (b *bench) acceptTenThousand(ctx context.Context, record record) error {
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	r, err := b.start(ctx, setup{database: config})
	if err != nil {
		return err
	}
	const rounds = 5
	var shared, own []float64
	for i := range rounds {
		start := time.Now()
		if err := r.post(i, 10_000); err != nil {
			return err
		}
		between := time.Now()
		if err := r.postOwn(rounds+i, 10_000); err != nil {
			return err
		}
		shared = append(shared, between.Sub(start).Seconds())
		own = append(own, time.Since(between).Seconds())
	}
	record("accept-10000", median(shared))
	record("accept-10000-own", median(own))
	return r.stop()
}

// acceptWhileDelivering measures what one process accepts while it delivers.
func (b *bench) acceptWhileDelivering(ctx context.Context, record record) error {
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	r, err := b.startWithVendor(ctx, setup{database: config})
	if err != nil {
		return err
	}
	defer r.close()
	start := time.Now()
	rate, err := closedLoop(ctx, callers, b.span, func(i int) error { return r.post(i, 1) })
	if err != nil {
		return err
	}
	record("accept-delivering", rate)
	record("accept-delivering-arrived", float64(r.inbox.Total())/time.Since(start).Seconds())
	return r.stop()
}

// stop stops the services with SIGTERM.
func stop(services ...*service) error {
	for _, s := range services {
		if err := s.stop(); err != nil {
			return err
		}
	}
	return nil
}
