package main

import (
	"context"
	"slices"
	"time"

	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// replicas is the number of processes in measures with several.
const replicas = 3

// drainBacklog measures how fast one replica delivers a backlog, and its peak memory.
func (b *bench) drainBacklog(ctx context.Context, record record) error {
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	d, err := b.drain(ctx, setup{database: config}, 1, b.backlog)
	record("drain", d.rate)
	record("drain-cpu", d.cpu)
	record("drain-memory", d.memory)
	return err
}

// drainOwn is drainBacklog of recipients with params of their own.
func (b *bench) drainOwn(ctx context.Context, record record) error {
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	d, err := b.drain(ctx, setup{database: config, own: true}, 1, b.backlog)
	record("drain-own", d.rate)
	return err
}

// drainAtInfo is drainBacklog with a log line for each attempt.
func (b *bench) drainAtInfo(ctx context.Context, record record) error {
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	d, err := b.drain(ctx, setup{database: config, level: "info"}, 1, b.backlog)
	record("drain-info", d.rate)
	return err
}

// drainOnReplicas measures how fast three replicas deliver a backlog together, and
// the share of the least busy one.
func (b *bench) drainOnReplicas(ctx context.Context, record record) error {
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	d, err := b.drain(ctx, setup{database: config}, replicas, b.backlog)
	record("replicas-drain", d.rate)
	record("replicas-drain-cpu", d.cpu)
	record("replicas-share", d.share)
	return err
}

// drained has the figures of a drained backlog.
type drained struct {
	rate   float64 // deliveries a second, from the vendor's first answer until River has completed the last job
	cpu    float64 // microseconds of processor time for each, PostgreSQL's included
	memory float64 // peak resident megabytes of the first replica
	share  float64 // deliveries of the least busy replica, as a part of an even share
}

// drain makes a backlog of n deliveries and lets replicas deliver it.
func (b *bench) drain(ctx context.Context, s setup, replicas, n int) (drained, error) {
	if err := b.makeBacklog(ctx, s, n); err != nil {
		return drained{}, err
	}
	look, err := openForLook(s.database)
	if err != nil {
		return drained{}, err
	}
	defer look.close()

	// The vendor holds the first call of each replica until all replicas have called.
	inbox := vendors.NewInbox()
	var (
		platforms []*vendor
		services  []*service
		holds     []*vendors.Injection
	)
	for i := range replicas {
		v, err := newVendor(ctx, inbox)
		if err != nil {
			return drained{}, err
		}
		defer v.close()
		platforms = append(platforms, v)
		holds = append(holds, v.Fail(feishu.Fault{Where: feishu.Token, Hang: true}))
		s.vendor = v.url
		r, err := b.start(ctx, s)
		if err != nil {
			return drained{}, err
		}
		services = append(services, r)
		if err := holds[i].Wait(ctx, 1); err != nil {
			return drained{}, err
		}
	}
	m, err := b.ofServices(services...)
	if err != nil {
		return drained{}, err
	}
	start := time.Now()
	for _, h := range holds {
		h.Lift()
	}
	if err := inbox.Wait(ctx, n); err != nil {
		return drained{}, err
	}
	if err := look.awaitIdle(ctx); err != nil {
		return drained{}, err
	}
	took := time.Since(start)
	each, err := m.each(n)
	if err != nil {
		return drained{}, err
	}
	memory, err := services[0].memory("VmHWM")
	if err != nil {
		return drained{}, err
	}
	sent := make([]int, replicas)
	for i, p := range platforms {
		sent[i] = p.Requests(feishu.Messages)
	}
	return drained{
		rate: float64(n) / took.Seconds(), cpu: each.sum(), memory: memory,
		share: float64(slices.Min(sent)) * float64(replicas) / float64(n),
	}, stop(services...)
}

// fanOut measures notifications to 1,000 people each on one replica, from the first request to the last
// record.
func (b *bench) fanOut(ctx context.Context, record record) error {
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	r, err := b.startWithVendor(ctx, setup{database: config})
	if err != nil {
		return err
	}
	defer r.close()
	m, err := b.ofServices(r.service)
	if err != nil {
		return err
	}
	start := time.Now()
	for i := range b.backlog / recipientsEach {
		if err := r.post(i, recipientsEach); err != nil {
			return err
		}
	}
	if err := r.awaitRecorded(ctx, b.backlog); err != nil {
		return err
	}
	record("fanout", float64(b.backlog)/time.Since(start).Seconds())
	if err := m.record("fanout-cpu", b.backlog, record); err != nil {
		return err
	}
	return r.stop()
}

// recipientsEach is how many recipients a notification of a backlog has.
const recipientsEach = 1000

// makeBacklog accepts n deliveries, in notifications to 1,000 people each, and
// delivers none.
func (b *bench) makeBacklog(ctx context.Context, s setup, n int) error {
	r, err := b.start(ctx, setup{database: s.database})
	if err != nil {
		return err
	}
	post := r.post
	if s.own {
		post = r.postOwn
	}
	for i := range n / recipientsEach {
		if err := post(i, recipientsEach); err != nil {
			return err
		}
	}
	return r.stop()
}
