package main

import (
	"context"
	"slices"
	"time"

	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// replicas is how many processes share a database where several do.
const replicas = 3

// drainBacklog is how fast one replica delivers what waits, and the most memory
// that it takes meanwhile.
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

// drainAtInfo is the same with a log line for each attempt.
func (b *bench) drainAtInfo(ctx context.Context, record record) error {
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	d, err := b.drain(ctx, setup{database: config, level: "info"}, 1, b.backlog)
	record("drain-info", d.rate)
	return err
}

// drainOnReplicas is how fast three replicas deliver together, and what the
// least busy one delivers of an even share.
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

// drained says how a backlog was drained.
type drained struct {
	rate   float64 // deliveries a second, from the first answer of the vendor until River had noted the last
	memory float64 // most resident megabytes of the first replica
	share  float64 // of the least busy replica, of an even one
}

// drain makes a backlog of n deliveries, by notifications to a thousand people,
// and lets replicas deliver it.
func (b *bench) drain(ctx context.Context, s setup, replicas, n int) (drained, error) {
	const recipients = 1000
	r, err := b.start(ctx, setup{database: s.database})
	if err != nil {
		return drained{}, err
	}
	for i := range n / recipients {
		if err := r.post(i, recipients); err != nil {
			return drained{}, err
		}
	}
	if err := r.stop(); err != nil {
		return drained{}, err
	}
	look, err := openForLook(s.database)
	if err != nil {
		return drained{}, err
	}
	defer look.close()

	// The vendor holds the first call of each replica until all of them are there.
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
