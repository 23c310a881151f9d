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
	record("replicas-share", d.share)
	return err
}

// drained has the figures of a drained backlog.
type drained struct {
	rate   float64 // deliveries a second, from the vendor's first answer until River has completed the last job
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
	memory, err := services[0].memory("VmHWM")
	if err != nil {
		return drained{}, err
	}
	sent := make([]int, replicas)
	for i, p := range platforms {
		sent[i] = p.Requests(feishu.Messages)
	}
	return drained{
		rate: float64(n) / took.Seconds(), memory: memory,
		share: float64(slices.Min(sent)) * float64(replicas) / float64(n),
	}, stop(services...)
}

// makeBacklog accepts n deliveries, in notifications to 1,000 people each, and
// delivers none.
func (b *bench) makeBacklog(ctx context.Context, s setup, n int) error {
	const recipients = 1000
	r, err := b.start(ctx, setup{database: s.database})
	if err != nil {
		return err
	}
	post := r.post
	if s.own {
		post = r.postOwn
	}
	for i := range n / recipients {
		if err := post(i, recipients); err != nil {
			return err
		}
	}
	return r.stop()
}
