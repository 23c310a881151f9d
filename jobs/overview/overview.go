// Package overview tells how the channels, their queues and their providers stand, and what happened
// lately.
package overview

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

// age is how long one reading of the queues serves all who ask: counting them reads every job
// that has not ended.
const age = 5 * time.Second

// Store is what Overview needs of the store.
type Store interface {
	QueueDepths(ctx context.Context) ([]store.QueueDepth, error)
	HourlyCounts(ctx context.Context, appID, template string, since time.Time) ([]store.Count, error)
	OpenBreakers(ctx context.Context) ([]store.Breaker, error)
	PlacesTaken(ctx context.Context) (map[string]int, error)
	TakeSlot(ctx context.Context, provider string, interval, horizon time.Duration) (wait time.Duration, taken bool, err error)
}

// Overview reads how the channels stand.
type Overview struct {
	store    Store
	channels []string
	settings *settings.Live

	mu     sync.Mutex
	readAt time.Time
	depths []store.QueueDepth
}

// New returns an Overview of the channels.
func New(st Store, channels []string, live *settings.Live) *Overview {
	return &Overview{store: st, channels: channels, settings: live}
}

// Channel is a channel with its queue, over all replicas.
type Channel struct {
	Name      string
	Enabled   bool
	Provider  string   // the first of Order; empty when the channel is not enabled
	Order     []Share  // the providers that deliveries go through by themselves
	Providers []string // all that a delivery can be sent through by hand
	Waiting   int      // could be sent now
	Running   int
	Retrying  int // wait for a retry
	Scheduled int // wait for their sendAt
	// Breakers are the open ones of Providers: what would go through these waits.
	Breakers []store.Breaker
	// Oldest is the time from which the first of Waiting could have been sent; nil when none
	// waits.
	Oldest *time.Time
}

// Share is a provider of a channel's list.
type Share struct {
	Provider string
	Weight   int // beside the others'; when all are 0, everything begins with the first
}

// Channels returns all channels, those that are not enabled too, in the order of the types.
// The queues may be a few seconds old.
func (o *Overview) Channels(ctx context.Context) ([]Channel, error) {
	depths, err := o.Depths(ctx)
	if err != nil {
		return nil, err
	}
	breakers, err := o.store.OpenBreakers(ctx)
	if err != nil {
		return nil, err
	}
	registry := o.settings.Load().Registry
	all := make([]Channel, len(o.channels))
	for i, name := range o.channels {
		c := Channel{Name: name, Providers: registry.Providers(name)}
		if p, on := registry.Provider(name); on {
			c.Enabled, c.Provider = true, p.Name
		}
		for _, p := range registry.List(name) {
			c.Order = append(c.Order, Share{p.Name, p.Weight})
		}
		for _, d := range depths {
			if d.Queue == name {
				c.add(d)
			}
		}
		for _, b := range breakers {
			if slices.Contains(c.Providers, b.Provider) {
				c.Breakers = append(c.Breakers, b)
			}
		}
		all[i] = c
	}
	return all, nil
}

func (c *Channel) add(d store.QueueDepth) {
	switch d.State {
	case store.JobAvailable:
		c.Waiting += d.Jobs
		due := d.Due
		c.Oldest = &due
	case store.JobRunning:
		c.Running += d.Jobs
	case store.JobRetryable:
		c.Retrying += d.Jobs
	case store.JobScheduled:
		c.Scheduled += d.Jobs
	}
}

// Depths returns the queues as they were at most a few seconds ago.
func (o *Overview) Depths(ctx context.Context) ([]store.QueueDepth, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.readAt) < age {
		return o.depths, nil
	}
	depths, err := o.store.QueueDepths(ctx)
	if err == nil {
		o.depths, o.readAt = depths, time.Now()
	}
	return depths, err
}

// Names returns the names of all channels.
func (o *Overview) Names() []string { return o.channels }

// Providers returns the names of the providers that a channel's deliveries can be sent through.
func (o *Overview) Providers(channel string) []string {
	return o.settings.Load().Registry.Providers(channel)
}
